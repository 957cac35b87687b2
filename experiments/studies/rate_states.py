"""What `rates` says of the generator: the key/value states that it moves, and tuning at three rates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dawgen.config import RunConfig
from dawgen.files import read_json, write_json
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, load_generator
from dawgen.rng import python_rng
from dawgen.runs.inputs import load_inputs
from dawgen.tasks import Task
from experiments.studies.cells import tabulate
from experiments.studies.rate_models import make_random

TASK = "scenes-paraphrase"
SCALES = (0.1, 1.0, 10.0)
RATES = (1.25e-3, 5e-3, 2e-2)  # the default between a quarter and four times of it
RANDOM = ("gpt2", "llama", "opt")
SMOL = {"kind": "plain", "steps": 30}
TEST = 60  # rows to score


def measure_states(folder: str | None) -> list[dict[str, Any]]:
    """Return the spreads of each model's states of the task's written prompts. folder: SmolLM2's, None without it."""
    task = Task.load(TASK)
    models: list[tuple[str, float, Backbone]] = [("mini-ctrl", 1.0, load_generator("mini-ctrl"))]
    models += [(family, scale, make_random(family, scale)) for family in RANDOM for scale in SCALES]
    if folder:
        models.append(("SmolLM2-135M", 1.0, load_generator(folder)))
    return [{"model": name, "scale": scale} | measure_spread(model, task) for name, scale, model in models]


def measure_spread(backbone: Backbone, task: Task) -> dict[str, Any]:
    """Return the standard deviations: "inputs" of the embeddings, "keys" and "values" of each layer's prompt states."""
    generator = Generator(backbone, task, kind="untuned", device="cpu")
    generator.fit(load_inputs(RunConfig(task=task.name, seed=1)).train)
    prefix = generator.prefix_
    size = prefix.control.shape[-2]
    states = prefix.q["prompt"].permute(0, 4, 1, 2, 3, 5)[prefix.mask[:, size:].bool()]  # [n,L,2,Hkv,dh]
    spread = states.std(dim=(0, 3, 4), correction=0)
    return {"inputs": backbone.unit, "keys": spread[:, 0].tolist(), "values": spread[:, 1].tolist()}


def tune_all(out: Path, folder: str | None, data: Path | None, *, steps: int) -> list[dict[str, Any]]:
    """Return the results of tuning each model at each rate; those in the folder `out` are not made again."""
    plans: list[tuple[str, str, RunConfig, dict[str, Any]]] = [
        ("mini-ctrl", "mini-ctrl", RunConfig(task=TASK, seed=1), {"kind": "dawgen", "steps": steps})
    ]
    if folder and data:
        plans.append(("SmolLM2-135M", folder, sst2_config(data), SMOL))
    rows = []
    for name, model, config, settings in plans:
        for rate in RATES:
            path = out / f"{name}-{settings['kind']}-{settings['steps']}-{rate:g}.json"
            if not path.is_file():
                write_json(path, {"model": name, "lr": rate} | tune(load_generator(model), config, lr=rate, **settings))
                print(path.read_text(encoding="utf-8"), flush=True)
            rows.append(read_json(path, " Delete it; it is then tuned again."))
    return rows


def sst2_config(data: Path, **target: Any) -> RunConfig:
    """Return the settings of SST-2 with seed 1, from the folder data/sst2."""
    files = {
        name: str(data / "sst2" / f"{file}.jsonl.gz") for name, file in (("train", "train"), ("test", "validation"))
    }
    return RunConfig.model_validate({"task": "sst2", "seed": 1, "leaks": "drop", "target": target, **files})


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


def render_generators(states: Sequence[dict[str, Any]], tuned: Sequence[dict[str, Any]]) -> dict[str, str]:
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
