"""Training: one pass against two, the base untouched, every row trained, resume to the same bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dawgen.classifier.checkpoint import Trained
from dawgen.classifier.diagnose import FAR
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.rows import Rows, render_rows
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import TargetConfig
from dawgen.errors import DawgenError
from dawgen.models.load import Backbone
from dawgen.models.units import measure_reach
from support.targets import LABELS, TARGETS, make_backbone, make_pairs, make_scorer, wrap
from support.tiny import Kind, tiny_bloom

WORDS = (82, 12)


def make_rows(backbone: Backbone, count: int, seed: int) -> Rows:
    return render_rows(make_scorer(backbone), make_pairs(count, seed), LABELS, "test rows")[0]


def make_bloom(scale: float) -> Backbone:
    model = tiny_bloom()
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(10 * scale)
    return wrap(model, "causal")


def train(
    kind: Kind = "t5", *, log: list[dict[str, Any]] | None = None, schedule: Any = "paired", **changes: Any
) -> Trained:
    checkpoint, dev = (changes.pop(key, None) for key in ("checkpoint", "dev"))
    size = changes.pop("start", 1.0)
    backbone = make_backbone(kind)
    config = TargetConfig(**({"prompt_length": 5, "steps": 8, "batch_size": 4} | changes))
    start = size * torch.randn(5, 32, generator=torch.Generator().manual_seed(3))
    real, synthetic = make_rows(backbone, 8, 1), make_rows(backbone, 20, 2)
    training = Training(real, synthetic, dev, schedule, 4, config)
    taken = None if log is None else log.append
    return train_prompt(make_scorer(backbone, WORDS), start, training, log=taken, checkpoint=checkpoint)


@pytest.mark.parametrize("kind", TARGETS)
def test_one_pass_equals_two(kind: Kind) -> None:
    backbone, smoothing = make_backbone(kind), 0.1
    scorer = make_scorer(backbone, WORDS)
    prompt = torch.randn(5, 32, generator=torch.Generator().manual_seed(3))
    real, synthetic = make_rows(backbone, 4, 1), make_rows(backbone, 6, 2)
    ids, labels = real.ids + synthetic.ids, real.labels + synthetic.labels
    both, losses = differentiate(scorer, prompt, ids, labels, [4, 6], smoothing=smoothing)
    assert both.shape == (2, 5, 32) and losses.shape == (10,)
    for gradient, rows in zip(both, (real, synthetic), strict=True):
        alone, _ = differentiate(scorer, prompt, rows.ids, rows.labels, [len(rows.ids)], smoothing=smoothing)
        assert float((gradient - alone[0]).norm() / alone.norm()) < 1e-5
    single, _ = differentiate(scorer, prompt, ids, labels, [4, *[1] * 6], smoothing=smoothing)
    assert float((single[1:].mean(0) - both[1]).norm() / both[1].norm()) < 1e-5


def test_gradients_agree_with_differences_of_the_loss() -> None:
    scorer, smoothing = make_scorer(make_backbone(), WORDS), 0.1
    prompt = torch.randn(5, 32, generator=torch.Generator().manual_seed(3))
    rows = make_rows(scorer.backbone, 6, 1)
    (gradient,), _ = differentiate(scorer, prompt, rows.ids, rows.labels, [6], smoothing=smoothing)
    step = 1e-2 * gradient / gradient.norm()
    ends = [
        differentiate(scorer, prompt + sign * step, rows.ids, rows.labels, [6], smoothing=smoothing)[1]
        for sign in (1, -1)
    ]
    slope = float((ends[0].double().mean() - ends[1].double().mean()) / 2e-2)
    assert slope == pytest.approx(float(gradient.norm()), rel=1e-2)


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_the_base_stays_bit_identical_and_every_row_learns(kind: Kind) -> None:
    model = make_backbone(kind).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = train(kind)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert bool((trained.touched > 0).all()) and trained.prompt.shape == (5, 32)


@pytest.mark.parametrize(
    "schedule", ["real", "synthetic", "pooled", "real_then_synthetic", "synthetic_then_real", "paired"]
)
def test_every_schedule_logs_what_it_saw(schedule: str) -> None:
    log: list[dict[str, Any]] = []
    train(schedule=schedule, log=log)
    assert [record["step"] for record in log] == list(range(1, 9))
    assert ("cos" in log[0]) == (schedule == "paired")
    assert any(record["loss_real"] for record in log) == (schedule != "synthetic")
    assert any(record["loss_synthetic"] for record in log) == (schedule != "real")
    unit = make_backbone().unit
    assert [log[0]["rate"], log[0]["lr"]] == pytest.approx([0.2, 0.2 * unit]) and log[-1]["rate"] < 0.014


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adafactor"},
        {"optimizer": "adamw", "lr": 0.01, "decay": "constant"},
        {"surgery": "gradvac", "granularity": "token"},
        {"surgery": "pcgrad", "granularity": "example"},
    ],
    ids=lambda changes: next(iter(changes.values())),
)
def test_training_learns_and_resumes_to_the_same_bytes(changes: dict[str, Any], tmp_path: Path) -> None:
    log: list[dict[str, Any]] = []
    settings = changes | {"steps": 60, "dev": make_rows(make_backbone(), 8, 9), "eval_every": 20}
    whole = train(log=log, **settings)
    first, last = (sum(record["loss_real"] for record in part) / 10 for part in (log[:10], log[-10:]))
    assert last < first
    stopped = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        train_until(30, stopped, settings)
    assert stopped.is_file()
    rest: list[dict[str, Any]] = []
    resumed = train(log=rest, checkpoint=stopped, **settings)
    assert torch.equal(resumed.prompt, whole.prompt)
    assert rest == log[25:]
    assert (resumed.best_step, resumed.best_accuracy) == (whole.best_step, whole.best_accuracy)


def train_until(step: int, checkpoint: Path, settings: dict[str, Any]) -> None:
    class Killer(list[dict[str, Any]]):
        def append(self, record: dict[str, Any]) -> None:
            if record["step"] == step:
                raise KeyboardInterrupt

    train(log=Killer(), checkpoint=checkpoint, **settings)


def test_a_checkpoint_of_another_run_is_not_resumed(tmp_path: Path) -> None:
    state = tmp_path / "state.pt"
    train(checkpoint=state, steps=25)
    log: list[dict[str, Any]] = []
    train(checkpoint=state, steps=25, lr=0.1, log=log)
    assert len(log) == 25
    log.clear()
    train(checkpoint=state, steps=25, lr=0.1, log=log)
    assert log == []


def test_the_best_prompt_on_the_dev_set_is_kept() -> None:
    backbone = make_backbone()
    dev = make_rows(backbone, 8, 9)
    log: list[dict[str, Any]] = []
    trained = train(steps=30, eval_every=5, lr=2.0, dev=dev, log=log)
    looks = [(record["dev_accuracy"], -record["dev_loss"], record["step"]) for record in log if "dev_loss" in record]
    assert len(looks) == 6
    assert (trained.best_accuracy, -trained.best_loss, trained.best_step) == max(looks)
    assert train(steps=30, eval_every=5, lr=2.0).best_prompt is None


EASY: dict[str, Any] = {"steps": 60, "eval_every": 4, "batch_size": 8, "schedule": "real", "rate": 1.0}


@pytest.fixture
def _low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take for learned what tiny models reach, whose scores hardly differ."""
    monkeypatch.setattr("dawgen.classifier.train.LEARNED", 0.64)


def learn_by_heart(log: list[dict[str, Any]] | None = None, **changes: Any) -> Trained:
    return train(log=log, **(EASY | {"dev": make_rows(make_backbone(), 8, 9)} | changes))


@pytest.fixture
def _any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every loss for learned: how far tiny models get depends on their random weights."""
    monkeypatch.setattr("dawgen.classifier.train.LEARNED", 10.0)


@pytest.mark.usefixtures("_any")
def test_training_ends_where_nothing_is_left_to_learn_and_keeps_the_best_prompt() -> None:
    log: list[dict[str, Any]] = []
    whole = learn_by_heart(log, patience=0)
    looks = [row for row in log if "dev_accuracy" in row]
    best, still, last = -1.0, 0, 60
    for row in looks:
        still = 0 if row["dev_accuracy"] > best else still + 1
        best = max(best, row["dev_accuracy"])
        if still >= 3:
            last = row["step"]
            break
    assert 4 < last < 60 and (whole.step, whole.ended) == (60, None)
    short: list[dict[str, Any]] = []
    ended = learn_by_heart(short, patience=3)
    why, _ = short[-1].pop("ended"), short[-1].pop("warnings", None)  # at the end, wherever it is
    assert short == log[:last]  # the schedule is that of all steps
    assert (ended.step, ended.ended) == (last, why) and "nothing left to learn" in why
    assert ended.best_step == max(looks[: last // 4], key=lambda row: (row["dev_accuracy"], -row["dev_loss"]))["step"]


@pytest.mark.usefixtures("_low")
@pytest.mark.parametrize("changes", [{"dev": None}, {"rate": 1e-6}, {"patience": 100}], ids=["dev", "rate", "patience"])
def test_training_goes_on_without_a_dev_set_with_a_loss_left_and_with_more_patience(changes: dict[str, Any]) -> None:
    trained = learn_by_heart(**({"patience": 1} | changes))
    assert (trained.step, trained.ended) == (60, None)


@pytest.mark.usefixtures("_any")
def test_an_early_end_is_resumed_to_the_same_bytes_and_stays_an_end(tmp_path: Path) -> None:
    log: list[dict[str, Any]] = []
    patient = {"patience": 6, "steps": 120}  # 6 looks after the first at the least, and so behind a checkpoint
    whole = learn_by_heart(log, **patient)
    assert 26 < whole.step < 120
    begin = (whole.step - 1) // 25 * 25
    state = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        train_until(whole.step - 1, state, EASY | patient | {"dev": make_rows(make_backbone(), 8, 9)})
    rest: list[dict[str, Any]] = []
    resumed = learn_by_heart(rest, checkpoint=state, **patient)
    assert rest == log[begin:] and torch.equal(resumed.prompt, whole.prompt)
    rest.clear()
    again = learn_by_heart(rest, checkpoint=state, **patient)
    assert rest == [] and torch.equal(again.prompt, whole.prompt) and again.ended == whole.ended


def test_without_an_early_end_a_training_has_the_hash_of_before_there_was_one() -> None:
    backbone = make_backbone()
    rows, start = make_rows(backbone, 8, 1), torch.ones(5, 32)
    hashes = [
        Training(rows, rows, None, "real", 4, TargetConfig(patience=patience)).hash(make_scorer(backbone, WORDS), start)
        for patience in (0, 2)
    ]
    digest = hashlib.sha256(backbone.fingerprint.encode())
    digest.update(start.numpy().tobytes())
    config = TargetConfig(patience=0).model_dump(mode="json")
    del config["patience"]
    scorer = make_scorer(backbone, WORDS)
    for part in (scorer.words.stored, scorer.front, rows.key, rows.key, None, config, "real", 4):
        digest.update(json.dumps(part).encode())
    assert hashes[0] == digest.hexdigest() != hashes[1]


def test_with_epsilon_zero_the_synthetic_rows_do_not_matter() -> None:
    alone = train(schedule="real", batch_size=8, steps=4)
    silenced = train(epsilon=0, batch_size=8, steps=4)
    torch.testing.assert_close(silenced.prompt, alone.prompt, rtol=0, atol=1e-4)
    heard = train(epsilon=1, batch_size=8, steps=4)
    assert float((heard.prompt - alone.prompt).abs().max()) > 1e-2


def test_surgery_without_conflict_is_none() -> None:
    log: list[dict[str, Any]] = []
    train(surgery="none", log=log)
    assert all(record["removed"] == 0 for record in log)
    log.clear()
    train(surgery="project", log=log, steps=30)
    assert {record["conflict"] for record in log} == {0.0, 1.0}
    assert all((record["removed"] > 0) == (record["conflict"] > 0) == (record["cos"] < 0) for record in log)


@pytest.mark.parametrize(("changes", "advice"), [({"lr": 1e25}, "target.lr"), ({"rate": 1e25}, "target.rate")])
def test_a_loss_that_is_not_finite_stops_with_advice(changes: dict[str, float], advice: str) -> None:
    with pytest.raises(DawgenError, match=rf"Lower {advice} \(now 1e\+25\)"):
        train(**changes)


def train_bloom(scale: float, **changes: Any) -> tuple[Tensor, list[dict[str, Any]]]:
    """Train on a model whose embeddings go through a norm first, from the same start in units of the embeddings."""
    backbone = make_bloom(scale)
    config = TargetConfig(prompt_length=5, steps=12, batch_size=4, **changes)
    start = scale * torch.randn(5, 32, generator=torch.Generator().manual_seed(3))
    real, synthetic = make_rows(backbone, 8, 1), make_rows(backbone, 20, 2)
    log: list[dict[str, Any]] = []
    scorer = make_scorer(backbone, WORDS)
    trained = train_prompt(scorer, start, Training(real, synthetic, None, "paired", 4, config), log=log.append)
    return trained.prompt / scale, log


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adamw", "weight_decay": 0.3}], ids=["adafactor", "adamw"])
@pytest.mark.parametrize("scale", [0.1, 10])
def test_a_rate_leads_the_same_way_at_every_scale_of_the_embeddings(scale: float, changes: dict[str, Any]) -> None:
    plain, log = train_bloom(1, **changes)
    scaled, other = train_bloom(scale, **changes)
    torch.testing.assert_close(scaled, plain, rtol=0, atol=5e-3)
    assert [row["loss_real"] for row in other] == pytest.approx([row["loss_real"] for row in log], abs=2e-3)
    assert [row["rate"] for row in other] == pytest.approx([row["rate"] for row in log])
    assert other[0]["lr"] == pytest.approx(scale * log[0]["lr"], rel=1e-4)
    absolute = [train_bloom(of, lr=0.3, **changes)[0] for of in (1, scale)]
    assert float((absolute[0] - absolute[1]).abs().max()) > 0.3  # which an absolute rate does not


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_a_rate_that_throws_the_prompt_out_is_named_and_a_fitting_one_is_not(kind: Kind) -> None:
    log: list[dict[str, Any]] = []
    far = train(kind, lr=3.0, steps=20, log=log)
    assert len(far.warnings) == 1 and "target.lr (now 3)" in far.warnings[0]
    assert log[-1]["warnings"] == far.warnings and not any("warnings" in row for row in log[:-1])
    assert measure_reach(far.prompt, make_backbone(kind).unit) > FAR
    # from embeddings: a start of ten of their units would be far by itself
    fits = train(kind, steps=20, start=0.1)
    assert fits.warnings == [] and measure_reach(fits.prompt, make_backbone(kind).unit) < 4


def test_a_loss_that_stays_that_of_guessing_is_named_after_a_third_also_when_resumed(tmp_path: Path) -> None:
    settings = {"steps": 90, "rate": 1e-7, "schedule": "real", "start": 0.1}
    log: list[dict[str, Any]] = []
    slow = train(log=log, **settings)
    assert [row["step"] for row in log if "warnings" in row] == [30]
    assert slow.warnings == log[29]["warnings"] and "target.rate (now 1e-07)" in slow.warnings[0]
    stopped = tmp_path / "state.pt"
    for step in (28, 60):  # killed within the steps that are watched, and after them
        with pytest.raises(KeyboardInterrupt):
            train_until(step, stopped, settings)
    assert train(checkpoint=stopped, **settings).warnings == slow.warnings


def test_an_absolute_rate_does_not_depend_on_the_unit() -> None:
    first = train(lr=0.3).prompt
    other = make_backbone("t5").__dict__
    kept = other["unit"]
    try:
        other["unit"] = 7.0
        log: list[dict[str, Any]] = []
        assert torch.equal(train(lr=0.3, log=log).prompt, first)
        assert log[0]["lr"] == 0.3 and log[0]["rate"] == pytest.approx(0.3 / 7)
    finally:
        other["unit"] = kept
