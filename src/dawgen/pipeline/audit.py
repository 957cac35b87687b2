"""`dawgen audit`: what a synthetic set is worth before anything is trained on it, and `dawgen draw`: data to try on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dawgen.audit.distance import measure_energy, measure_mmd
from dawgen.audit.embed import embed_examples
from dawgen.backbones.load import load_target
from dawgen.config import RunConfig
from dawgen.data import as_row, read
from dawgen.errors import ConfigError, suggest
from dawgen.files import write_jsonl
from dawgen.pipeline.fidelity import measure_fidelity
from dawgen.pipeline.run import pick_device, set_threads
from dawgen.records import Example
from dawgen.rng import python_rng, torch_rng
from dawgen.scenes import LABELS, draw_data
from dawgen.tasks import Task

MOST = 1000  # rows of either side whose distance is measured: all pairs of them are held in memory


def audit_set(config: RunConfig, source: str) -> dict[str, Any]:
    """Return rows, rows per label, label_correctness with its source, and the distances to the real examples.

    config.train: the real examples. label_correctness is None where the task has no oracle. The distances are those of
    the texts as config.target.model sees them; p says how often rows dealt out at random are as far apart.

    Raises DataError for sets without rows, or of fewer than 3 on either side.
    """
    set_threads(config.threads)
    task = Task.load(config.task) if config.task else None
    real = read(str(config.train), task=task, columns=config.columns)
    task = task or Task.from_examples(real)
    rows = read(source, task=task)
    counts = Counter(str(row.label) for row in rows)
    fidelity = measure_fidelity(task.name, rows)
    backbone = load_target(config.target.model, dtype=config.target.dtype, device=pick_device())
    ours, theirs = (
        embed_examples(backbone, _thin(side, config.seed, what), task.template, max_tokens=config.target.max_tokens)
        for side, what in ((rows, "set"), (real, "real"))
    )
    return {
        "rows": len(rows),
        "labels": {label: counts[label] for label in task.labels},
        "label_correctness": {
            "value": fidelity["label_fidelity"],
            "ungrammatical": fidelity["ungrammatical"],
            "source": None if fidelity["label_fidelity"] is None else "oracle",
        },
        "real_rows": len(real),
        "embedding": backbone.name,
        "mmd": asdict(measure_mmd(ours, theirs, generator=torch_rng(config.seed, "audit/mmd"))),
        "energy": asdict(measure_energy(ours, theirs, generator=torch_rng(config.seed, "audit/energy"))),
    }


def draw_files(task: str, out: Path, *, seed: int, shots: int, test: int, gold: int, texts: int) -> dict[str, int]:
    """Write data of a built-in task as files: train, dev, test, gold and texts .jsonl; returns the rows of each.

    shots and gold: rows per label. The test rows are the same for every seed. Raises ConfigError for other tasks and
    for a folder that holds any of the files.
    """
    if task not in LABELS:
        raise ConfigError(f"draw {task}: {suggest(task, LABELS)}")
    data = draw_data(task, seed, shots=shots, test=test, gold_per_label=gold, first_texts=texts)
    files = {"train": data.train, "dev": data.dev, "test": data.test, "gold": data.gold}
    rows = {name: [dict(as_row(example)) for example in examples] for name, examples in files.items() if examples}
    if texts and Task.load(task).pair:
        rows["texts"] = [{"text": text} for text in data.first_texts]
    if taken := [f"{name}.jsonl" for name in rows if (out / f"{name}.jsonl").exists()]:
        raise ConfigError(f"{out}: expected a folder without {taken[0]}, found one. Choose another --out.")
    for name, written in rows.items():
        write_jsonl(out / f"{name}.jsonl", written)
    return {name: len(written) for name, written in rows.items()}


def _thin(rows: list[Example], seed: int, what: str) -> list[Example]:
    """Return at most MOST rows, drawn evenly from all."""
    return rows if len(rows) <= MOST else python_rng(seed, f"audit/{what}").sample(rows, MOST)
