"""Many labels are tuned a few at a time: each as often, at the same cost, and without moving the others."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.config import GeneratorConfig
from dawgen.generator.codec import TokenRow, collate
from dawgen.generator.estimator import Generator
from dawgen.generator.tune.objective import Objective
from dawgen.generator.tune.tuner import Tuner, count_steps, draw_batch
from dawgen.generator.tune.turns import Turns, take_labels
from support.generators import MANY, MANY_ROWS, make_generator, untuned


def make_many(kind: str = "untuned", **settings: Any) -> Generator:
    return make_generator(task=MANY, rivals=2, **({"kind": kind} | settings)).fit(MANY_ROWS)


def encode(generator: Generator) -> list[TokenRow]:
    return [generator._encode(row, MANY.labels.index(str(row.label)))[0] for row in MANY_ROWS]


@pytest.mark.parametrize(("labels", "most"), [(3, 5), (3, 2), (8, 3), (150, 5), (6, 5)])
def test_every_label_has_its_turn_before_any_has_a_third_and_no_batch_has_one_twice(labels: int, most: int) -> None:
    length = -(-labels // min(most, labels))
    for turn in range(20):
        batches = [take_labels(range(labels), most, 13, turn * length + step) for step in range(length)]
        assert all(len(set(batch)) == len(batch) == min(most, labels) for batch in batches)
        seen = Counter(label for batch in batches for label in batch)
        assert set(seen) == set(range(labels)) and max(seen.values()) <= 2


def test_steps_give_each_label_the_turns_that_few_labels_have() -> None:
    config = GeneratorConfig(steps=160, rows_per_label=2)
    assert [count_steps(config, labels) for labels in (1, 3, 5, 10, 150)] == [160, 160, 160, 320, 4800]


def test_a_batch_has_as_many_rows_however_many_labels_there_are() -> None:
    for labels in (5, 30, 150):
        rows = [TokenRow(label, (-1,), (5, 1)) for label in range(labels) for _ in range(4)]
        batch = draw_batch(rows, 2, 13, 7, labels=5)
        assert len(batch) == 10 and len({row.label for row in batch}) == 5


@pytest.mark.parametrize("kind", ["plain", "weighted", "dawgen"])
def test_a_step_moves_the_labels_of_its_batch_and_no_other(kind: Any) -> None:
    generator = make_many()
    tuner = Tuner(generator.prefix_, generator._config().model_copy(update={"kind": kind, "lr": 0.1}))
    for step in range(3):
        before = generator.prefix_.q["prompt"].clone()
        batch = collate(draw_batch(encode(generator), 2, 13, step, labels=3))
        tuner.step(step, batch)
        moved = (generator.prefix_.q["prompt"] != before).flatten(1).any(1)
        assert set(moved.nonzero().flatten().tolist()) == set(batch.labels.tolist())


def test_the_losses_of_a_few_labels_are_those_of_the_whole_prefix() -> None:
    generator = make_many()
    config = GeneratorConfig(alignment="B", weight_input="disc_loss", rivals=2)
    batch = collate(draw_batch(encode(generator), 2, 13, 0, labels=3))
    whole = Objective(generator.prefix_, batch, config)
    small_prefix, small_batch = Turns(generator.prefix_).take(batch)
    small = Objective(small_prefix, small_batch, config)
    assert small_prefix.labels < generator.prefix_.labels
    torch.testing.assert_close(small.disc(small_prefix.q), whole.disc(generator.prefix_.q), rtol=1e-5, atol=1e-6)
    for one, other in zip(small.encode(small_prefix.q)[1], whole.encode(generator.prefix_.q)[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("alignment", ["A", "B"])
def test_many_labels_learn_and_a_killed_tuning_goes_on_to_the_same_bytes(tmp_path: Path, alignment: str) -> None:
    settings: dict[str, Any] = {"steps": 12, "lr": 0.02, "weight_every": 2, "alignment": alignment}
    lines: list[dict[str, Any]] = []
    whole = make_many("dawgen", **settings)
    assert (whole.log_likelihood(MANY_ROWS).max(1) > make_many().log_likelihood(MANY_ROWS).max(1)).mean() > 0.9

    def kill(line: dict[str, Any]) -> None:
        lines.append(line)
        if len(lines) == 28:
            raise KeyboardInterrupt

    generator = make_generator(task=MANY, rivals=2, kind="dawgen", **settings)
    with pytest.raises(KeyboardInterrupt):
        generator.fit(MANY_ROWS, log=kill, checkpoint=tmp_path / "state.pt")
    assert [line["step"] for line in lines] == list(range(28))
    again = make_generator(task=MANY, rivals=2, kind="dawgen", **settings)
    again.fit(MANY_ROWS, log=lines.append, checkpoint=tmp_path / "state.pt")
    assert lines[28]["step"] == 25 and lines[-1]["step"] == 31
    assert all(torch.equal(whole.prefix_.q[name], again.prefix_.q[name]) for name in whole.prefix_.q)


def test_few_labels_have_no_turns() -> None:
    prefix = untuned().prefix_
    assert (
        Tuner(replace(prefix, q={name: value.clone() for name, value in prefix.q.items()}), GeneratorConfig()).turns
        is None
    )
