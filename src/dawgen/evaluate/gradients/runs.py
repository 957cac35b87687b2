"""Reads finished runs and trains their prompts again, without surgery and with it, recording the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import RunConfig, Surgery
from dawgen.errors import ConfigError
from dawgen.evaluate.gradients.accuracy import Answers
from dawgen.evaluate.gradients.controls import find_second_source
from dawgen.evaluate.gradients.examples import Drawn, list_drawn, read_margins
from dawgen.evaluate.gradients.watch import GradientWatch, StepView
from dawgen.models.load import Backbone, load_target
from dawgen.progress import Reporter
from dawgen.records import Example
from dawgen.runs.finished import FinishedRun, list_changed
from dawgen.runs.inputs import Inputs
from dawgen.runtime import pick_device, set_threads

TRAININGS = ("paired", "dawgen")  # without surgery, with the run's


@dataclass(frozen=True, slots=True)
class Job:
    """A finished run, read: settings and data, and whether settings were changed."""

    run: FinishedRun
    config: RunConfig
    inputs: Inputs
    synthetic: Sequence[Example]
    changed: bool

    @property
    def raw(self) -> Path:
        """Where the shards of the set's candidates are, if they are kept."""
        given = self.config.synthetic
        return Path(given).parent / "raw" if given else self.run.raw


@dataclass(frozen=True, slots=True)
class Training:
    """One training of one run. correct: "1" or "0" per test row. reproduced: whether the run's own predictions came
    out again, None where there are none to compare with."""

    steps: list[StepView]
    drawn: list[Drawn]
    correct: str
    reproduced: bool | None


@dataclass(frozen=True, slots=True)
class Watched:
    """Both trainings of a run, by name."""

    job: Job
    second: str
    trainings: dict[str, Training]

    @property
    def answers(self) -> Answers:
        """What both answer on the test rows."""
        correct = {name: training.correct for name, training in self.trainings.items()}
        return Answers(self.job.config.seed, self.job.inputs.test or [], correct["paired"], correct["dawgen"])


def read_job(folder: Path, assignments: Sequence[str] = (), threads: int | None = None) -> Job:
    """Return a finished run's settings, data and synthetic set.

    assignments: settings to change, as in `--set`. Raises ConfigError where no set is there or the run's surgery does
    nothing, DataError where no finished run is there, and either where its data are gone.
    """
    run = FinishedRun.open(folder)
    config = run.resolve(assignments=assignments)
    config = config.model_copy(update={"threads": threads or config.threads})
    if config.target.surgery == "none":
        raise ConfigError(
            f"{folder}: expected a run with surgery, found target.surgery none.\n"
            "Nothing would be compared; add --set target.surgery=project."
        )
    inputs = run.inputs(config, check=False)
    synthetic = run.read_set(inputs)
    if synthetic is None:
        raise ConfigError(
            f"{folder}: expected a run with a synthetic set, found no synthetic/train.jsonl. Run it with a method that "
            "needs one, such as dawgen."
        )
    return Job(run, config, inputs, synthetic, changed=bool(assignments))


def check_alike(jobs: Sequence[Job]) -> None:
    """Raise ConfigError where runs differ in what may not be averaged over: task, labels or the target's settings."""
    first = jobs[0]
    for job in jobs[1:]:
        for what, a, b in (
            ("task", first.inputs.task.name, job.inputs.task.name),
            ("labels", first.inputs.task.labels, job.inputs.task.labels),
            ("target settings", first.config.target, job.config.target),
            ("shots", first.config.shots, job.config.shots),
        ):
            if a != b:
                raise ConfigError(
                    f"{job.run.folder}: expected the {what} of {first.run.folder}, found others. "
                    "Runs that are averaged may differ in seed and synthetic set alone; analyze the others apart."
                )


def watch_run(job: Job, reporter: Reporter) -> Watched:
    """Train both prompts of a run again, and return all recorded gradients; changed data are reported first."""
    reporter.announce((), list_changed(job.inputs, job.run.recorded))
    target = load_target(job.config.target.model, dtype=job.config.target.dtype, device=pick_device())
    set_threads(job.config.threads, sizes=[target.size])
    margins = read_margins(job.raw, job.inputs.task.labels)
    second, named = find_second_source(job.inputs, job.config.target.batch_size)
    trainings = {name: _train(job, target, name, second, margins, reporter) for name in TRAININGS}
    return Watched(job, named, trainings)


def _train(
    job: Job,
    target: Backbone,
    name: str,
    second: Sequence[Example],
    margins: dict[Example, float],
    reporter: Reporter,
) -> Training:
    config, inputs = job.config.target, job.inputs
    rule: Surgery = "none" if name == "paired" else config.surgery
    watch = GradientWatch(target, inputs.task, config, inputs.train, job.synthetic, second, seed=job.config.seed)
    own = {"surgery": rule, "seed": job.config.seed, "placement": config.placement, "temperature": "none"}
    settings = config.model_dump(exclude={"model"}) | own
    classifier = PromptClassifier(target, inputs.task, **settings)
    with reporter.stage(f"seed {job.config.seed}, {name}: {config.steps} watched steps", config.steps) as advance:

        def count(row: dict[str, Any]) -> None:
            advance(row["step"])

        classifier.fit(inputs.train, synthetic=job.synthetic, dev=inputs.dev, log=count, watch=watch)
    test = inputs.test or []
    predicted = classifier.predict(test).tolist()
    correct = "".join(str(int(label == row.label)) for label, row in zip(predicted, test, strict=True))
    drawn = list_drawn(watch.steps, job.synthetic, inputs.task, margins)
    return Training(watch.steps, drawn, correct, _compare_predictions(job, name, predicted))


def _compare_predictions(job: Job, name: str, predicted: Sequence[str]) -> bool | None:
    """Return whether the run's own training of that name predicted the same labels."""
    _, own = job.run.read_answers(name)
    if job.changed or not own:
        return None
    labels = list(job.inputs.task.labels)
    return own == [labels.index(label) for label in predicted]
