"""Tuning changes the prefix and nothing else, and goes on to the same bytes after a kill."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.generator.codec import TokenRow
from dawgen.generator.estimator import Generator
from dawgen.generator.tune.tuner import draw_batch
from dawgen.models.load import fingerprint
from support.generators import PAIR_ROWS, TOPIC_ROWS, TOPICS, backbone, make_generator, untuned
from support.tiny import CAUSAL, Kind


def tensors_of(generator: Generator) -> dict[str, torch.Tensor]:
    return {**generator.prefix_.q, "control": generator.prefix_.control}


@pytest.mark.parametrize("kind", ["plain", "weighted", "dawgen"])
@pytest.mark.parametrize("family", CAUSAL)
def test_likelihood_rises_the_model_stays_and_every_prefix_row_moves(family: Kind, kind: Any) -> None:
    before = untuned(family)
    weights = fingerprint(backbone(family).model, backbone(family).tokenizer)
    lines: list[dict[str, Any]] = []
    after = make_generator(family, kind=kind, steps=12, lr=0.02).fit(PAIR_ROWS, log=lines.append)
    assert fingerprint(backbone(family).model, backbone(family).tokenizer) == weights
    assert lines[-1]["nll"] < lines[0]["nll"]
    own = [(i, after.task_.labels.index(str(row.label))) for i, row in enumerate(PAIR_ROWS)]
    gains = after.log_likelihood(PAIR_ROWS) - before.log_likelihood(PAIR_ROWS)
    assert sum(gains[cell] for cell in own) > 0
    moved = (after.prefix_.q["prompt"] - before.prefix_.q["prompt"]).abs().amax((1, 2, 3, 5))  # [K,P]
    real = after.prefix_.mask[:, -moved.shape[1] :].bool()
    assert bool((moved[real] > 0).all())
    assert bool((moved[~real] == 0).all())
    assert bool(((after.prefix_.q["inputs"] - before.prefix_.q["inputs"]).abs().amax(-1) > 0).all())
    assert torch.equal(after.prefix_.control, before.prefix_.control)


def test_untuned_is_the_written_prompt() -> None:
    lines: list[dict[str, Any]] = []
    generator = make_generator(kind="untuned").fit(PAIR_ROWS, log=lines.append)
    assert lines == []
    assert torch.equal(generator.prefix_.q["prompt"], untuned().prefix_.q["prompt"])


@pytest.mark.parametrize("killed_at", [3, 25, 27, 49])
def test_killed_tuning_resumes_to_the_same_bytes(killed_at: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"kind": "dawgen", "steps": 50, "weight_every": 2}
    whole = make_generator(**options).fit(PAIR_ROWS)
    path = tmp_path / "checkpoint.pt"

    def kill(line: dict[str, Any]) -> None:
        if line["step"] == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_generator(**options).fit(PAIR_ROWS, checkpoint=path, log=kill)
    lines: list[dict[str, Any]] = []
    resumed = make_generator(**options).fit(PAIR_ROWS, checkpoint=path, log=lines.append)
    assert lines[0]["step"] == killed_at // 25 * 25
    for name, value in tensors_of(whole).items():
        assert torch.equal(value, tensors_of(resumed)[name]), name


def test_checkpoint_of_other_settings_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    make_generator(kind="plain", steps=2).fit(PAIR_ROWS, checkpoint=path)
    lines: list[dict[str, Any]] = []
    make_generator(kind="plain", steps=2, lr=1e-3).fit(PAIR_ROWS, checkpoint=path, log=lines.append)
    assert [line["step"] for line in lines] == [0, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"weight_input": "disc_loss"},
        {"disc_loss": "ratio"},
        {"alignment": "B"},
        {"meta": "jvp"},
        {"weight_every": 2},
        {"dist_weight": 0.0},
    ],
    ids=str,
)
def test_every_switch_of_the_objective_changes_the_result(options: dict[str, Any]) -> None:
    plain = make_generator(kind="dawgen", steps=4, weight_lr=0.1).fit(PAIR_ROWS)
    switched = make_generator(kind="dawgen", steps=4, weight_lr=0.1, **options).fit(PAIR_ROWS)
    assert not torch.equal(plain.prefix_.q["prompt"], switched.prefix_.q["prompt"])
    assert bool(switched.prefix_.q["prompt"].isfinite().all())


def test_single_texts_are_tuned_with_alignment_too() -> None:
    lines: list[dict[str, Any]] = []
    make_generator(task=TOPICS, kind="dawgen", steps=8, lr=0.02, weight_every=1).fit(TOPIC_ROWS, log=lines.append)
    assert lines[-1]["nll"] < lines[0]["nll"]
    assert all(line["align"] is not None and line["disc_loss"] is not None for line in lines)


def test_batches_are_balanced_and_a_function_of_seed_and_step() -> None:
    rows = [TokenRow(i % 3, (-1,), (i,)) for i in range(30)] + [TokenRow(3, (-1,), (99,))]
    batch = draw_batch(rows, 2, 7, 5)
    assert Counter(row.label for row in batch) == {0: 2, 1: 2, 2: 2, 3: 2}
    assert batch == draw_batch(rows, 2, 7, 5)
    assert batch != draw_batch(rows, 2, 7, 6)
