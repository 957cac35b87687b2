"""`dawgen analyze gradients`: conflicts between the gradients of finished runs, as files and as numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dawgen.errors import ConfigError
from dawgen.evaluate.gradients.accuracy import compare_accuracy, describe_change
from dawgen.evaluate.gradients.detectors import judge_detectors
from dawgen.evaluate.gradients.numbers import OF_BATCHES, OF_ROWS, PHASES, list_groups, list_values, summarise
from dawgen.evaluate.gradients.page import render_gradients
from dawgen.evaluate.gradients.runs import TRAININGS, Watched, check_alike, read_job, watch_run
from dawgen.evaluate.gradients.sentences import describe_all
from dawgen.files import write_json, write_text
from dawgen.outputs import hold
from dawgen.progress import Reporter
from dawgen.runs.folder import ANALYSIS, is_run

DIGITS = 6  # of floats in the files
FILES = ("gradients.json", "steps.csv", "examples.csv", "gradients.html")


def analyze_gradients(
    folders: Sequence[Path],
    out: Path | None = None,
    *,
    assignments: Sequence[str] = (),
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Train the runs' prompts again without and with surgery, write the four files, return what gradients.json holds.

    out: by default RUN/analysis of a single run. assignments: settings to change. threads: the run's own by default,
    with which its predictions come out again.

    Raises ConfigError for runs that cannot be read or averaged, or several without `out`.
    """
    reporter = reporter or Reporter()
    if out is None:
        if len(folders) > 1:
            raise ConfigError(f"expected --out FOLDER, as {len(folders)} runs are given and have no folder in common.")
        out = folders[0] / ANALYSIS
    jobs = [read_job(folder, assignments, threads) for folder in folders]
    check_alike(jobs)
    own = out.absolute().parent if out.name == ANALYSIS else None  # analyses of before have no notes
    with hold(out, "analyze gradients", FILES, knows=lambda _: own is not None and is_run(own)):
        watched = [watch_run(job, reporter) for job in jobs]
        found = collect_numbers(watched)
        write_json(out / "gradients.json", found)
        write_text(out / "steps.csv", write_csv(list_steps(watched)))
        write_text(out / "examples.csv", write_csv(list_examples(watched)))
        write_text(out / "gradients.html", render_gradients(watched, found))
    return found


def collect_numbers(watched: Sequence[Watched]) -> dict[str, Any]:
    """Return the content of gradients.json: settings, both trainings, accuracy, and the findings as sentences."""
    job = watched[0].job
    target, labels = job.config.target, job.inputs.task.labels
    accuracy = compare_accuracy([run.answers for run in watched])
    several = len(watched) > 1
    found: dict[str, Any] = {
        "task": job.inputs.task.name,
        "labels": list(labels),
        "target": target.model,
        "seeds": [run.job.config.seed for run in watched],
        "shots": job.config.shots,
        "synthetic_rows": [len(run.job.synthetic) for run in watched],
        "steps": target.steps,
        "batch_size": target.batch_size,
        "surgery": {"rule": target.surgery, "granularity": target.granularity, "epsilon": target.epsilon},
        "second_real": watched[0].second,
        "intervals": "95 %, Student's, over " + ("the runs' means" if several else "the means of ten blocks of steps"),
        "reproduced": {name: [run.trainings[name].reproduced for run in watched] for name in TRAININGS},
        "accuracy": accuracy,
        "trainings": {},
    }
    for name in TRAININGS:
        trainings = [run.trainings[name] for run in watched]
        found["trainings"][name] = {
            **summarise([training.steps for training in trainings], labels),
            "examples": judge_detectors([training.drawn for training in trainings], seed=job.config.seed),
        }
    found["sentences"] = [describe_change(accuracy), *describe_all(found)]
    rounded: dict[str, Any] = round_floats(found)
    return rounded


def list_steps(watched: Sequence[Watched]) -> list[dict[str, Any]]:
    """Return a row per run, training and step: every measure of every group, and the removed share."""
    rows = []
    for run in watched:
        for name, training in run.trainings.items():
            steps = training.steps
            columns = {
                f"{group}_{measure}": list_values(steps, group, measure)
                for group in list_groups([steps])
                for measure in (*OF_ROWS, *OF_BATCHES)
            }
            for number, step in enumerate(steps):
                rows.append(
                    {
                        "seed": run.job.config.seed,
                        "training": name,
                        "step": number + 1,
                        "phase": PHASES[min(2, 3 * number // len(steps))],
                        "removed": step.removed,
                        **{column: values[number] for column, values in columns.items()},
                    }
                )
    return rows


def list_examples(watched: Sequence[Watched]) -> list[dict[str, Any]]:
    """Return a row per run, training and example that was drawn, those that oppose the real gradient most first."""
    return [
        {
            "seed": run.job.config.seed,
            "training": name,
            "row": one.row,
            "text1": one.example.text1,
            "text2": one.example.text2,
            "label": one.example.label,
            "oracle": one.oracle,
            "drawn": one.drawn,
            "cos": one.cos,
            "conflict": one.conflict,
            "norm": one.norm,
            "loss": one.loss,
            "projection": one.projection,
            "margin": one.margin,
        }
        for run in watched
        for name, training in run.trainings.items()
        for one in training.drawn
    ]


def write_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows with the same keys as CSV; floats with six digits, None as an empty cell."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(round_floats(list(rows)))
    return stream.getvalue()


def round_floats(value: Any) -> Any:
    """Return nested lists and objects with floats of six digits, without the sign of a zero."""
    if isinstance(value, dict):
        return {key: round_floats(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [round_floats(inner) for inner in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") + 0.0
    return value
