"""Both sides of the generator-step benchmark compute the same, and what is timed is the step that `tune` runs."""

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.speed import generator_step
from benchmarks.speed.fewgen_recipe import FewGen
from benchmarks.speed.generator_step import configure, draw_batches, draw_rows, make_model, make_prefix
from benchmarks.speed.harness import Setup
from dawgen.generator.codec import collate
from dawgen.generator.tune.tuner import Tuner, draw_batch, tune

TINY = {"vocab_size": 300, "n_embd": 32, "n_head": 4, "dff": 64, "n_layer": 2, "n_positions": 160}


def make() -> Any:
    """Return a prefix on a model with livelier weights than the usual, so that the token weights have much to learn."""
    model = make_model(TINY, "cpu", torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.1)
    return make_prefix(model)


def flatten(q: Any) -> Tensor:
    return torch.cat([q[name].detach().flatten() for name in ("prompt", "inputs", "end")])


@pytest.mark.parametrize(("meta", "tolerance"), [("jvp", 1e-6), ("difference", 5e-5)])
@pytest.mark.parametrize("weight_input", ["hidden", "disc_loss"])
@pytest.mark.parametrize(("count", "alignment"), [(2, "B"), (6, "A")])
def test_without_dropout_both_sides_reach_the_same_prefix(
    count: int, alignment: Any, weight_input: Any, meta: Any, tolerance: float
) -> None:
    options = {"alignment": alignment, "weight_input": weight_input, "meta": meta}
    config = configure(2, dist_weight=1.0, weight_lr=3e-2, **options)
    ours, theirs = Tuner(make(), config), FewGen(make(), config, drop=False)
    start = flatten(ours.prefix.q)
    for number, batch in enumerate(draw_batches(count, 4, 300, "cpu")):
        a, b = ours.step(number, batch), theirs.step(number, batch)
        for name in ("loss", "disc_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-5)
    if weight_input == "hidden":
        assert float(a["effective_tokens"]) < 0.99 * len(batch.targets)  # the weights have moved
    end = flatten(ours.prefix.q)
    assert (end - start).norm() > 0.01 * end.norm()
    assert (end - flatten(theirs.model.q)).norm() < tolerance * end.norm()


def test_dropout_is_on_in_the_recipe() -> None:
    config = configure(2)
    batch = draw_batches(2, 1, 300, "cpu")[0]
    losses = []
    for drop in (True, True, False):
        with torch.random.fork_rng():
            torch.manual_seed(len(losses))
            losses.append(float(FewGen(make(), config, drop=drop).step(0, batch)["loss"]))
    assert len(set(losses)) == 3


def test_tune_takes_the_timed_step() -> None:
    rows = draw_rows(12, 300, 0)
    config = configure(12, rows_per_label=2, steps=3)
    whole, stepped = make(), make()
    tune(whole, rows, config, seed=5)
    tuner = Tuner(stepped, config, seed=5)
    for number in range(3):
        tuner.step(number, collate(draw_batch(rows, 2, 5, number)))
    for name, value in whole.q.items():
        assert torch.equal(value, stepped.q[name])


@pytest.mark.parametrize("side", ["dawgen", "fewgen"])
def test_both_sides_run_in_half_precision(side: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator_step, "BIG", TINY)
    tuning = generator_step.start(side, configure(2), Setup("cpu", torch.bfloat16, big=True))
    found = tuning.step(0, draw_batches(2, 1, 300, "cpu")[0])
    assert all(bool(value.isfinite()) for value in found.values())


def test_batches_are_what_the_benchmark_says() -> None:
    for count in generator_step.BATCHES:
        rows = draw_rows(count, 300, 1)
        lengths = [len(row.context) + len(row.target) for row in rows]
        assert all(
            30 <= length - 5 <= 70 for length in lengths
        )  # opening, three of the infix and the end beside the text
        assert len({row.label for row in rows}) == (1 if count == 2 else 3)
