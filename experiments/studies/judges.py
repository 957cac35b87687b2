"""Which judge of labels is best and affordable on one core, and how far it can be trusted.

    python -m experiments.studies.judges --data DATA         # kinds of judges: experiments/results/judges.csv
    python -m experiments.studies.judges --grid runs/mini    # against the oracle: experiments/results/judge_check.csv

Kinds learn from TASK/train.jsonl.gz and are measured on TASK/validation.jsonl.gz, 1,500 rows of it at most. "tuned
whole" is the method prompt_fine_tuning on all train rows. With --grid the sets of scenes tasks of a grid's folder are
judged, by judges that learn from few and from many rows, and the oracle says what is true.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dawgen.classifier.embed import embed_examples
from dawgen.config import TargetConfig
from dawgen.data import read
from dawgen.evaluate.audit.correctness import count_answers, describe_judge
from dawgen.evaluate.audit.judge import Judge, number_rows
from dawgen.files import write_text
from dawgen.methods.fine_tuning import fit_prompt_fine_tuning
from dawgen.methods.interface import Given
from dawgen.models.load import Backbone, load_target
from dawgen.records import Example
from dawgen.rng import thin
from dawgen.scenes import LABELS, draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task

SEED = 13
TASKS = ("mnli", "mrpc", "qnli", "qqp", "rte", "sick")
MOST_TEST = 1500
STEPS = (300,)  # of 32 rows each: about two minutes on one core
PER_LABEL = (16, 50, 150, 500, 1500)
SET_ROWS = 600
SCENES_SEED = 999  # of the judge's real rows: no set is made from them

Answer = Callable[[Task, Backbone, list[Example], list[Example]], NDArray[np.int64]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for; rows that a CSV has are not measured again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--grid", type=Path)
    parser.add_argument("--out", type=Path, default=Path("experiments/results"))
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.data:
        compare_kinds(options.data, options.tasks, options.out / "judges.csv")
    if options.grid:
        write_csv(options.out / "judge_check.csv", list(check_judges(options.grid)))


def compare_kinds(data: Path, tasks: Sequence[str], out: Path) -> None:
    """Write judges.csv after each judge of each task."""
    rows: list[dict[str, Any]] = list(read_rows(out))
    known = {(row["task"], row["judge"]) for row in rows}
    target = load_target("mini-t5")
    for judge, answer in list_kinds().items():
        for name in tasks:
            if (name, judge) in known:
                continue
            task = Task.load(name)
            real = read(data / name / "train.jsonl.gz", task=task)
            test = thin(read(data / name / "validation.jsonl.gz", task=task), MOST_TEST, SEED, "judges")
            begin = time.perf_counter()
            answers = answer(task, target, real, test)
            right = float((answers == number_rows(test, task.labels)).mean())
            seconds = time.perf_counter() - begin
            rows.append({"task": name, "judge": judge, "accuracy": right, "n_test": len(test), "seconds": seconds})
            write_csv(out, rows)
            print(f"{name} {judge}: {right:.3f} in {seconds:.0f} s", flush=True)


def list_kinds() -> dict[str, Answer]:
    """Return the judges by name, the quickest first."""
    return {
        "always one label": answer_majority,
        "word overlap and words (the judge)": answer_judge,
        "logistic regression on the target's vectors [u, v, |u - v|, u v]": answer_vectors,
        **{f"target tuned whole, {steps} steps": tune_with(steps) for steps in STEPS},
    }


def answer_majority(task: Task, _: Backbone, real: list[Example], test: list[Example]) -> NDArray[np.int64]:
    """Answer with the label that is most frequent in the test rows: the best that no text can tell."""
    del real
    return np.full(len(test), np.bincount(number_rows(test, task.labels)).argmax())


def answer_judge(task: Task, _: Backbone, real: list[Example], test: list[Example]) -> NDArray[np.int64]:
    """Answer with the audit's judge."""
    return Judge(real, task.labels, seed=SEED).predict(test)


def answer_vectors(task: Task, target: Backbone, real: list[Example], test: list[Example]) -> NDArray[np.int64]:
    """Answer with a linear classifier on the target's vectors of both texts."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(_pair_vectors(target, real), number_rows(real, task.labels))
    return np.asarray(model.predict(_pair_vectors(target, test)))


def tune_with(steps: int) -> Answer:
    """Return a judge that tunes all weights of the target."""

    def answer(task: Task, target: Backbone, real: list[Example], test: list[Example]) -> NDArray[np.int64]:
        given = Given(task=task, real=real, seed=SEED, target=TargetConfig(steps=steps))
        said = fit_prompt_fine_tuning(target, given).predict(test)
        return np.array([task.labels.index(label) for label in said])

    return answer


def check_judges(grid: Path) -> Iterator[dict[str, Any]]:
    """Yield agreement, correction and the oracle's share for each set of 16 shots of scenes, by judges of each size."""
    sets = [one for one in json.loads((grid / "results.json").read_bytes())["sets"] if one["task"] in LABELS]
    for per_label in PER_LABEL:
        judges = {name: fit_judge(name, per_label) for name in dict.fromkeys(one["task"] for one in sets)}
        for one in sets:
            judge, confusion = judges[one["task"]]
            rows = read(grid / "sets" / one["key"] / "train.jsonl", task=Task.load(one["task"]))
            rows = thin(rows, SET_ROWS, SEED, "judges/set")
            found, truth = describe_judge(judge, rows, confusion), measure_fidelity(one["task"], rows)
            yield {
                **{name: one[name] for name in ("task", "method", "shots", "seed")},
                "per_label": per_label,
                "judge_accuracy": found["accuracy"],
                **{
                    name: found[name] for name in ("agreement", "corrected", "corrected_low", "corrected_high", "tells")
                },
                "oracle": truth["label_fidelity"],
                "readable": float(truth["label_fidelity"] or 0) / (1 - float(truth["ungrammatical"] or 0)),
            }


def fit_judge(name: str, per_label: int) -> tuple[Judge, NDArray[np.int64]]:
    """Return a judge that has learnt from so many drawn rows of each label, and its answers on 600 others, [K,K]."""
    task = Task.load(name)
    data = draw_data(name, SCENES_SEED, shots=1, test=600, gold_per_label=per_label, first_texts=1)
    judge = Judge(data.gold, task.labels, seed=SEED)
    return judge, count_answers(number_rows(data.test, task.labels), judge.predict(data.test), len(task.labels))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return a CSV's rows as text; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the same columns, numbers with 4 digits."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.4f}" if isinstance(value, float) else value for key, value in row.items()})
    write_text(path, stream.getvalue())


def _pair_vectors(target: Backbone, rows: Sequence[Example]) -> NDArray[np.float64]:
    u, v = (
        embed_examples(target, [Example(text) for text in side], "{text1}").numpy()
        for side in ([row.text1 for row in rows], [row.text2 or "" for row in rows])
    )
    return np.hstack([u, v, np.abs(u - v), u * v])


if __name__ == "__main__":
    main()
