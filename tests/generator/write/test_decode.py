"""Batched decoding gives each row what it would get alone, and obeys its limits."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dawgen.config import DecodeConfig
from dawgen.generator.codec import Batch, TokenRow
from dawgen.generator.estimator import Generator
from dawgen.generator.prefix import Prefix, Q
from dawgen.generator.score import score_rows
from dawgen.generator.write import decode as decoding
from dawgen.generator.write.decode import PLAUSIBLE, Lots, Written, contrast_scores, cut_rows, decode, penalise, pick
from support.generators import PAIR_ROWS, PAIRS, backbone, tuned, untuned
from support.tiny import CAUSAL, Kind

GREEDY = DecodeConfig(strategy="greedy", contrast=0.0, max_new_tokens=12)
SAMPLE = DecodeConfig(contrast=0.0, max_new_tokens=12)


def rows_of(generator: Generator, count: int = 6) -> list[TokenRow]:
    """Contexts of different length under alternating labels."""
    examples = [(PAIR_ROWS[i % 6], i % 3) for i in range(count)]
    encode = generator._encode
    return [TokenRow(label, encode(example, label)[0].context, ()) for example, label in examples]


def write(
    generator: Generator, rows: list[TokenRow], config: DecodeConfig, numbers: list[int] | None = None
) -> list[Written]:
    return decode(generator.prefix_, generator.codec_, rows, config, Lots(1, "test", numbers))


@pytest.mark.parametrize(
    "config",
    [
        GREEDY,
        GREEDY.model_copy(update={"contrast": 0.5}),
        GREEDY.model_copy(update={"repetition_penalty": 1.5}),
        SAMPLE,
    ],
    ids=["greedy", "contrast", "penalty", "sample"],
)
@pytest.mark.parametrize("family", CAUSAL)
def test_rows_written_together_equal_each_alone(family: Kind, config: DecodeConfig) -> None:
    generator = tuned(family)
    rows = rows_of(generator)
    together = write(generator, rows, config)
    assert together == [write(generator, [row], config, [i])[0] for i, row in enumerate(rows)]
    assert len({len(text.ids) for text in together}) > 1 or config is not SAMPLE  # some rows left early


@pytest.mark.parametrize("family", CAUSAL)
def test_greedy_text_is_the_argmax_of_the_written_prompt(family: Kind) -> None:
    generator, base = untuned(family), backbone(family)
    codec, words = generator.codec_, PAIRS.generator
    example = PAIR_ROWS[0]
    ids = codec.encode(words.control_code) + codec.encode(words.prompts["yes"]) + codec.encode(example.text1)
    ids += codec.encode(words.infix)
    expected: list[int] = []
    for _ in range(GREEDY.max_new_tokens):
        logits = base.model(input_ids=torch.tensor([ids + expected])).logits[0, -1]
        logits[codec.banned] = -torch.inf
        if int(logits.argmax()) == codec.end:
            break
        expected.append(int(logits.argmax()))
    row = TokenRow(0, generator._encode(example, 0)[0].context, ())
    assert list(write(generator, [row], GREEDY)[0].ids) == expected


def test_contrast_changes_texts_and_contrast_zero_does_not() -> None:
    generator = tuned()
    rows = rows_of(generator)
    plain = write(generator, rows, GREEDY)
    assert write(generator, rows, GREEDY.model_copy(update={"contrast": 0.9})) != plain


def test_window_is_never_left() -> None:
    generator = untuned("gpt2")  # raises IndexError beyond its 96 positions
    texts = write(generator, rows_of(generator), DecodeConfig(strategy="greedy", contrast=0.0, max_new_tokens=500))
    assert all(text.finished or len(text.ids) > 50 for text in texts)


def test_special_tokens_are_never_written() -> None:
    generator = untuned()
    config = DecodeConfig(top_k=0, temperature=5.0, max_new_tokens=30)
    written = {token for text in write(generator, rows_of(generator, 30), config) for token in text.ids}
    assert written
    assert written.isdisjoint({*generator.codec_.banned, generator.codec_.end})


def test_draws_belong_to_the_row_not_to_its_place() -> None:
    generator = untuned()
    rows = rows_of(generator)
    forward = write(generator, rows, SAMPLE)
    assert write(generator, rows[::-1], SAMPLE, list(range(6))[::-1]) == forward[::-1]
    assert write(generator, rows, SAMPLE, list(range(6, 12))) != forward


@given(st.permutations([-2.0, 0.0, 0.5, 1.0]), st.floats(0, 1, exclude_max=True), st.integers(0, 4))
def test_pick_follows_the_distribution_of_the_top_k(scores: list[float], draw: float, top_k: int) -> None:
    logits = torch.tensor([scores])
    token = int(pick(logits, torch.tensor([draw], dtype=torch.float64), DecodeConfig(top_k=top_k)))
    order = torch.tensor(scores, dtype=torch.float64).argsort(descending=True, stable=True).tolist()
    kept = order[: top_k or 4]
    assert logits[0, token] >= logits[0, kept[-1]]
    total = sum(math.exp(scores[i]) for i in kept)
    below = sum(math.exp(s) for s in (scores[i] for i in kept) if s > scores[token]) / total
    upto = sum(math.exp(s) for s in (scores[i] for i in kept) if s >= scores[token]) / total
    assert below - 1e-6 <= draw <= upto + 1e-6


def test_top_p_keeps_the_fewest_tokens_that_hold_the_mass() -> None:
    scores = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(200, -1)
    draws = torch.linspace(0, 0.9999, 200, dtype=torch.float64)
    assert set(pick(scores, draws, DecodeConfig(top_k=0, top_p=0.7)).tolist()) == {0, 1}


def test_penalty_divides_positive_and_multiplies_negative_logits() -> None:
    seen = torch.tensor([[True, True, False]])
    assert penalise(torch.tensor([[2.0, -2.0, 3.0]]), seen, 2.0).tolist() == [[1.0, -4.0, 3.0]]


def test_contrast_subtracts_the_mean_of_other_labels_and_drops_implausible_tokens() -> None:
    own = torch.tensor([[0.6, 0.38, 0.02]]).log()
    others = torch.tensor([[[0.9, 0.09, 0.01]], [[0.8, 0.1, 0.1]]]).log()
    scores = contrast_scores(torch.cat([own[None], others]), 0.5)
    assert torch.allclose(scores[0, :2], own[0, :2] - 0.5 * others.mean(0)[0, :2])
    assert scores[0, 2] == -torch.inf
    assert math.isclose(PLAUSIBLE, math.log(0.1))
    assert torch.equal(contrast_scores(torch.cat([own[None], others]), 0.0), own)


@pytest.mark.parametrize("penalty", [1.0, 1.5])
@pytest.mark.parametrize("family", CAUSAL)
def test_decoding_knows_the_likelihood_of_what_it_writes_under_every_label(family: Kind, penalty: float) -> None:
    generator = tuned(family)
    rows = rows_of(generator, 12)
    config = DecodeConfig(contrast=0.5, repetition_penalty=penalty, max_new_tokens=30)
    found = write(generator, rows, config)
    assert any(text.finished for text in found)
    for row, text in zip(rows, found, strict=True):
        assert text.logp is not None and len(text.logp) == 3
        end = (generator.codec_.end,) if text.finished else ()
        if target := (*text.ids, *end):
            again = TokenRow(row.label, row.context, target)
            expected = score_rows(generator.prefix_, [again], generator.prefix_.held)[0]
            assert text.logp == pytest.approx(expected.tolist(), abs=1e-4)


def test_without_contrast_nothing_is_known_of_other_labels() -> None:
    assert all(text.logp is None for text in write(tuned(), rows_of(tuned()), SAMPLE))


def test_a_context_is_read_once_under_a_label_however_many_rows_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, read = tuned(), []
    prefill = Prefix.prefill

    def note(prefix: Prefix, batch: Batch, q: Q | None = None) -> Any:
        read.extend(zip(batch.labels.tolist(), batch.inputs.tolist(), strict=True))
        return prefill(prefix, batch, q)

    monkeypatch.setattr(Prefix, "prefill", note)
    first = rows_of(generator, 1)[0]
    rows = [TokenRow(label, context, ()) for label in range(3) for context in (first.context, (*first.context, -2))]
    together = write(generator, rows, SAMPLE.model_copy(update={"contrast": 0.5}))
    assert len(read) == 6
    alone = [write(generator, [row], SAMPLE.model_copy(update={"contrast": 0.5}), [i])[0] for i, row in enumerate(rows)]
    assert together == alone


@pytest.mark.parametrize("budget", [1, 300, 1000])
def test_texts_do_not_depend_on_how_many_rows_are_decoded_together(
    monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    rows, config = rows_of(tuned(), 9), SAMPLE.model_copy(update={"contrast": 0.5})
    together = write(tuned(), rows, config)
    monkeypatch.setattr(decoding, "DECODE_TOKENS", {"cpu": budget})
    assert write(tuned(), rows, config) == together


@given(st.lists(st.integers(20, 200), min_size=1, max_size=400), st.integers(1, 6))
def test_rows_decoded_together_hold_no_more_tokens_than_the_budget(lengths: list[int], ways: int) -> None:
    ordered = sorted(lengths, reverse=True)
    cuts = [ordered[some] for some in cut_rows(ordered, ways, "cpu")]
    assert [length for cut in cuts for length in cut] == ordered
    assert all(len(cut) * ways * cut[0] <= decoding.DECODE_TOKENS["cpu"] for cut in cuts)
