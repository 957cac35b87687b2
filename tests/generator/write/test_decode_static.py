"""Rows in buffers of fixed size, as a GPU decodes them, give the same texts; graphs are left out, or pretended."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dawgen.config import DecodeConfig
from dawgen.generator.codec import TokenRow
from dawgen.generator.estimator import Generator
from dawgen.generator.write import rows as running
from dawgen.generator.write import static_rows
from dawgen.generator.write.decode import Lots, Written, decode
from dawgen.generator.write.static_rows import SIZES, Memory, round_rows
from support.generators import PAIR_ROWS, tuned
from support.tiny import CAUSAL, Kind, tiny_model

GREEDY = DecodeConfig(strategy="greedy", contrast=0.0, max_new_tokens=12)
CONFIGS = {
    "greedy": GREEDY,
    "contrast": GREEDY.model_copy(update={"contrast": 0.5}),
    "penalty": GREEDY.model_copy(update={"repetition_penalty": 1.5}),
    "sample": DecodeConfig(contrast=0.0, max_new_tokens=12),
}


@pytest.fixture
def static(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_rows, "on_gpu", lambda model: True)
    monkeypatch.setattr(static_rows, "SIZES", (2, 4, 8, *SIZES[1:]))  # so that few rows pass through several sizes


def rows_of(generator: Generator, count: int = 9) -> list[TokenRow]:
    pairs = [(PAIR_ROWS[i % 6], i % 3) for i in range(count)]
    return [TokenRow(label, generator._encode(example, label)[0].context, ()) for example, label in pairs]


def write(
    generator: Generator,
    rows: list[TokenRow],
    config: DecodeConfig,
    numbers: list[int] | None = None,
    memory: Memory | None = None,
) -> list[Written]:
    prefix, codec = generator.prefix_, generator.codec_
    return decode(prefix, codec, rows, config, Lots(1, "test", numbers), memory)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("family", CAUSAL)
def test_rows_in_buffers_equal_each_alone_in_a_growing_cache(
    family: Kind, config: DecodeConfig, request: pytest.FixtureRequest
) -> None:
    generator = tuned(family)
    rows = rows_of(generator)
    alone = [write(generator, [row], config, [i])[0] for i, row in enumerate(rows)]
    request.getfixturevalue("static")
    memory = Memory()
    assert write(generator, rows, config, memory=memory) == alone
    assert (memory.buffers is not None) == static_rows.suits(generator.prefix_.model)


@pytest.mark.usefixtures("static")
def test_states_equal_those_of_a_growing_cache() -> None:
    generator = tuned("llama")
    rows = sorted(rows_of(generator), key=lambda row: -len(row.context))
    growing = running.GrowingRows(generator.prefix_, rows)
    fixed = static_rows.StaticRows(generator.prefix_, rows, 8, Memory())
    for step in range(8):
        assert (growing.hidden - fixed.hidden).abs().max() < 1e-5 * growing.hidden.abs().max()
        if step in (2, 5):
            for rows_together in (growing, fixed):
                rows_together.keep([7 - step], [1], 7 - step)
        tokens = torch.arange(9 if step < 2 else 5 if step < 5 else 2) + 20 + step
        for rows_together in (growing, fixed):
            rows_together.step(tokens)


@pytest.mark.usefixtures("static")
def test_memory_is_lent_to_the_next_call_and_grows_where_it_must() -> None:
    generator, memory = tuned(), Memory()
    rows = rows_of(generator)
    first = write(generator, rows, GREEDY, memory=memory)
    buffers = memory.buffers
    assert write(generator, rows[:4], GREEDY, memory=memory) == first[:4]
    assert memory.buffers is buffers
    assert write(generator, rows * 5, GREEDY, memory=memory) == first * 5
    assert memory.buffers is not buffers


def pretend(wrong: bool) -> Callable[[Callable[[], Tensor]], Callable[[], Tensor]]:
    """Return a stand-in for `record`: what it records runs anew into the same output, a little off where wrong."""

    def record(forward: Callable[[], Tensor]) -> Callable[[], Tensor]:
        output = forward()
        return lambda: output.copy_(forward() * (1.5 if wrong else 1))

    return record


@pytest.mark.usefixtures("static")
@pytest.mark.parametrize("wrong", [False, True])
def test_each_size_is_recorded_once_and_only_where_its_replay_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    generator, memory = tuned("llama"), Memory()
    rows = rows_of(generator)
    plain = write(generator, rows, GREEDY, memory=memory)
    assert memory.buffers is not None
    monkeypatch.setattr(static_rows, "record", pretend(wrong))
    memory.buffers._records = True
    if wrong:
        with pytest.warns(RuntimeWarning, match="without CUDA graphs: their replay gives other numbers"):
            assert write(generator, rows, GREEDY, memory=memory) == plain
        assert not memory.buffers._records
    else:
        assert write(generator, rows, GREEDY, memory=memory) == plain
        assert write(generator, rows, GREEDY, memory=memory) == plain  # all replayed
        assert memory.buffers._records
    assert bool(memory.buffers._graphs) != wrong


@pytest.mark.usefixtures("static")
def test_a_step_that_cannot_be_recorded_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(forward: Callable[[], Tensor]) -> Callable[[], Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing")

    generator, memory = tuned("llama"), Memory()
    plain = write(generator, rows_of(generator), GREEDY, memory=memory)
    assert memory.buffers is not None
    memory.buffers._records = True
    monkeypatch.setattr(static_rows, "record", refuse)
    with pytest.warns(RuntimeWarning, match="not permitted"):
        assert write(generator, rows_of(generator), GREEDY, memory=memory) == plain


def test_a_cpu_decodes_in_a_growing_cache() -> None:
    memory = Memory()
    write(tuned(), rows_of(tuned()), GREEDY, memory=memory)
    assert memory.buffers is None
    assert memory.trusted is None


@pytest.mark.usefixtures("static")
def test_other_families_and_attentions_decode_in_a_growing_cache() -> None:
    assert static_rows.suits(tiny_model("llama"))
    model = tiny_model("llama")
    model.set_attn_implementation("eager")
    assert not static_rows.suits(model)
    assert not static_rows.suits(tiny_model("qwen3", use_sliding_window=True, sliding_window=32, max_window_layers=1))
    model.config.model_type = "bloom"
    assert not static_rows.suits(model)


@pytest.mark.usefixtures("static")
def test_buffers_that_give_other_numbers_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, memory = tuned("gpt2"), Memory()
    expected = write(generator, rows_of(generator), GREEDY)
    monkeypatch.setattr(static_rows.Buffers, "read", lambda buffers, size: buffers._forward(size) * 1.5)
    with pytest.warns(RuntimeWarning, match="without buffers of fixed size"):
        assert write(generator, rows_of(generator), GREEDY, memory=memory) == expected
    assert memory.buffers is None
    assert write(generator, rows_of(generator), GREEDY, memory=memory) == expected  # and says so once


def test_sizes_hold_the_rows() -> None:
    assert [round_rows(count) for count in (1, 8, 9, 200, 768, 769)] == [8, 8, 16, 256, 768, 1024]


@pytest.mark.parametrize("tokens", [1, 20])
@pytest.mark.parametrize("family", CAUSAL)
def test_contexts_read_a_few_at_a_time_give_the_same_texts(
    monkeypatch: pytest.MonkeyPatch, family: Kind, tokens: int
) -> None:
    generator = tuned(family)
    expected = write(generator, rows_of(generator), GREEDY)
    monkeypatch.setattr(running, "CONTEXT_TOKENS", {"cpu": tokens})
    assert write(generator, rows_of(generator), GREEDY) == expected
