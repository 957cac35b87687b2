"""Does the generator's rate fit all models as it is? Key/value states, which it moves, and tuning at three rates.

python -m experiments.studies.rate_states --out runs/rate-states --smollm2 FOLDER --data DATA --into docs/evidence.md

DATA/sst2 holds train.jsonl.gz and validation.jsonl.gz. Without --smollm2 its rows are left out. What is in the folder
is not measured again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dawgen.config import RunConfig
from dawgen.files import read_json, write_json
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, load_generator
from dawgen.rng import python_rng
from dawgen.runs.inputs import load_inputs
from dawgen.tasks import Task
from experiments.pages.blocks import show_blocks
from experiments.studies.cells import tabulate
from experiments.studies.rate_models import make_random

TASK = "scenes-paraphrase"
SCALES = (0.1, 1.0, 10.0)
RATES = (1.25e-3, 5e-3, 2e-2)  # the default between a quarter and four times of it
RANDOM = ("gpt2", "llama", "opt")
SMOL = {"kind": "plain", "steps": 30}
TEST = 60  # rows to score


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="page whose tables to fill")
    parser.add_argument("--smollm2", help="its folder")
    parser.add_argument("--data", type=Path, help="folder with sst2, for SmolLM2")
    parser.add_argument("--steps", type=int, default=160)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    show_blocks(make_blocks(measure_states(options), tune_all(options)), options.into)


def measure_states(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the spreads of each model's states of the task's written prompts."""
    task, path = Task.load(TASK), options.out / "states.json"
    if path.is_file():
        found: list[dict[str, Any]] = read_json(path, " Delete it.")
        return found
    models: list[tuple[str, float, Backbone]] = [("mini-ctrl", 1.0, load_generator("mini-ctrl"))]
    models += [(family, scale, make_random(family, scale)) for family in RANDOM for scale in SCALES]
    if options.smollm2:
        models.append(("SmolLM2-135M", 1.0, load_generator(options.smollm2)))
    rows = [{"model": name, "scale": scale} | measure_spread(model, task) for name, scale, model in models]
    write_json(path, rows)
    return rows


def measure_spread(backbone: Backbone, task: Task) -> dict[str, Any]:
    """Return the standard deviations: "inputs" of the embeddings, "keys" and "values" of each layer's prompt states."""
    generator = Generator(backbone, task, kind="untuned", device="cpu")
    generator.fit(load_inputs(RunConfig(task=task.name, seed=1)).train)
    prefix = generator.prefix_
    size = prefix.control.shape[-2]
    states = prefix.q["prompt"].permute(0, 4, 1, 2, 3, 5)[prefix.mask[:, size:].bool()]  # [n,L,2,Hkv,dh]
    spread = states.std(dim=(0, 3, 4), correction=0)
    return {"inputs": backbone.unit, "keys": spread[:, 0].tolist(), "values": spread[:, 1].tolist()}


def tune_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the results of tuning each model at each rate."""
    plans = [("mini-ctrl", "mini-ctrl", RunConfig(task=TASK, seed=1), {"kind": "dawgen", "steps": options.steps})]
    if options.smollm2:
        files = {"train": "train", "test": "validation"}
        given = {name: str(options.data / "sst2" / f"{file}.jsonl.gz") for name, file in files.items()}
        config = RunConfig.model_validate({"task": "sst2", "seed": 1, "leaks": "drop", **given})
        plans.append(("SmolLM2-135M", options.smollm2, config, SMOL))
    rows = []
    for name, model, config, settings in plans:
        for rate in RATES:
            path = options.out / f"{name}-{settings['kind']}-{settings['steps']}-{rate:g}.json"
            if not path.is_file():
                write_json(path, {"model": name, "lr": rate} | tune(load_generator(model), config, lr=rate, **settings))
                print(path.read_text(encoding="utf-8"), flush=True)
            rows.append(read_json(path, " Delete it."))
    return rows


def tune(backbone: Backbone, config: RunConfig, **settings: Any) -> dict[str, float]:
    """Tune on the shots. Returns their loss per token at the first and over the last tenth of the steps ("first",
    "last"), and of test rows nats per text ("nats") and the share to whose own label the generator gives most."""
    inputs = load_inputs(config)
    generator, log = (
        Generator(backbone, inputs.task, seed=config.seed, device="cpu", **settings),
        list[dict[str, Any]](),
    )
    generator.fit(inputs.train, log=log.append)
    test = python_rng(0, "rates/test").sample(list(inputs.test or ()), TEST)
    scores = generator.log_likelihood(test)
    own = np.array([inputs.task.labels.index(str(row.label)) for row in test])
    last = log[-max(1, len(log) // 10) :]
    return {
        "first": log[0]["nll"],
        "last": float(np.mean([row["nll"] for row in last])),
        "nats": float(-scores[np.arange(len(own)), own].mean()),
        "posterior": float((scores.argmax(1) == own).mean()),
    }


def make_blocks(states: Sequence[dict[str, Any]], tuned: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the tables as Markdown, by the names of their blocks."""
    spread = [
        [
            row["model"] + ("" if row["scale"] == 1 else f", embeddings x {row['scale']:g}"),
            f"{row['inputs']:.3g}",
            *(f"{min(row[kind]):.2g} .. {max(row[kind]):.2g}" for kind in ("keys", "values")),
        ]
        for row in states
    ]
    found = [
        [
            row["model"],
            f"{row['lr']:g}",
            f"{row['first']:.2f} to {row['last']:.2f}",
            f"{row['nats']:.1f}",
            f"{100 * row['posterior']:.0f}",
        ]
        for row in tuned
    ]
    return {
        "rates-states": tabulate(["generator", "embeddings", "keys by layer", "values by layer"], spread),
        "rates-tuned": tabulate(
            ["generator", "generator.lr", "nats per token of the shots", "nats per test text", "own label %"], found
        ),
    }


if __name__ == "__main__":
    main()
