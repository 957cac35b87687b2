"""Are the probabilities of prompts right, and does a temperature mend them? On real tasks and on scenes, five seeds.

python -m experiments.studies.calibration --data DATA --out runs/calibration  # DATA/TASK/{train,validation}.jsonl.gz

Prompt tuning on 16 shots per label, with 16 more per label as dev rows: SmolLM2 on public tasks (prompt behind the
text, bfloat16, 300 test rows), mini-t5 on scenes (600 test rows). What is in the folder is not run again; without
--data the public tasks are left out. It writes label scores of each job; experiments.pages.calibration makes tables.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dawgen.bench.cells import cached_target, hash_facts
from dawgen.bench.prompts import load_cell
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.held_out import score_held_out
from dawgen.classifier.plan import plan_prompt
from dawgen.classifier.rows import LazyRows, number_labels
from dawgen.classifier.train import Training
from dawgen.config import RunConfig
from dawgen.files import write_json
from dawgen.records import Example
from dawgen.runs.inputs import Inputs
from dawgen.runs.settings import resolve_config

SEEDS = (13, 21, 42, 87, 100)
REAL = ("sst2", "agnews", "trec", "subj")
SCENES = ("scenes-nli", "scenes-paraphrase", "scenes-question")
TEST_ROWS = 300
DIGITS = 5


@dataclass(frozen=True)
class Job:
    """One task, target and seed."""

    config: RunConfig
    test_rows: int | None

    @property
    def name(self) -> str:
        """The name of its files, of all that it depends on."""
        facts = self.config.model_dump(mode="json", include={"task", "seed", "shots", "target"})
        return f"{self.config.task}-{self.config.seed}-{hash_facts([facts, self.test_rows])}"


def list_jobs(data: Path | None) -> Iterator[Job]:
    """Yield the jobs, those on public tasks first, seed by seed."""
    for seed in SEEDS if data is not None else ():
        for task in REAL:
            parts = (("train", "train"), ("test", "validation"))
            files = {name: str(data / task / f"{part}.jsonl.gz") for name, part in parts}
            target = {"placement": "behind", "dtype": "bfloat16"}
            given: dict[str, Any] = {"task": task, "seed": seed, "leaks": "drop", "conflicts": "drop", "target": target}
            yield Job(resolve_config(preset="smollm2", arguments=given | files), TEST_ROWS)
    for seed in SEEDS:
        for task in SCENES:
            yield Job(resolve_config(arguments={"task": task, "seed": seed, "target": {"model": "mini-t5"}}), None)


def score_prompt(job: Job, inputs: Inputs) -> dict[str, Any]:
    """Train a prompt and return its label log-probabilities on dev and test rows."""
    config = job.config
    backbone = cached_target(config.target.model, config.target.dtype)
    settings = config.target.model_dump(exclude={"model"}) | {"placement": config.target.placement}
    classifier = PromptClassifier(backbone, inputs.task, schedule="real", seed=config.seed, **settings)
    classifier.fit(inputs.train, dev=inputs.dev)
    return {name: _score(classifier, rows or ()) for name, rows in (("dev", inputs.dev), ("test", inputs.test))}


def score_folds(job: Job, inputs: Inputs) -> dict[str, Any]:
    """Return label log-probabilities of the shots from prompts that have not learned from them."""
    config, labels = job.config, inputs.task.labels
    backbone = cached_target(config.target.model, config.target.dtype)
    plan = plan_prompt(backbone, inputs.task, config.target, schedule="real", seed=config.seed)
    real, none = (LazyRows(plan.scorer, rows, labels, "rows") for rows in (inputs.train, ()))
    training = Training(real, none, None, "real", config.seed, plan.config)
    scores = score_held_out(plan.scorer, plan.start, training)
    return {"shots": _pack(scores, list(real.labels))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    run_jobs(list(list_jobs(options.data)), options.out)


def run_jobs(jobs: Sequence[Job], out: Path) -> None:
    """Write the scores of each job that are not there: first all prompts, then all folds."""
    for part, score in (("prompt", score_prompt), ("folds", score_folds)):
        for job in jobs:
            if job.config.target.placement == "behind":
                cached_target(job.config.target.model, job.config.target.dtype).texts.use_folder(out / "texts")
            path = out / f"{job.name}-{part}.json"
            if not path.is_file():
                write_json(path, score(job, load_cell(job.config, job.test_rows)))
                print(path.name, flush=True)


def _score(classifier: PromptClassifier, rows: Sequence[Example]) -> dict[str, Any]:
    scorer = classifier.scorer_
    scores = scorer.score(scorer.render(rows).ids, classifier.prompt_)
    return _pack(scores, list(number_labels(rows, classifier.task_.labels, "rows")))


def _pack(scores: torch.Tensor, labels: Sequence[int]) -> dict[str, Any]:
    return {"scores": [[round(value, DIGITS) for value in row] for row in scores.tolist()], "labels": list(labels)}


if __name__ == "__main__":
    main()
