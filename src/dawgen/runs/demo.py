"""`dawgen demo`: the whole job on scenes and the bundled minis, with the same fixed settings for every method.

`dawgen demo --real` does it on the support tickets that come with the package and SmolLM2, in settings that two cores
finish in a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dawgen.config import SEED, RunConfig, TunedKind
from dawgen.data import FieldFile, read_shards
from dawgen.errors import ConfigError
from dawgen.models.known import SMOLLM2, find_known
from dawgen.progress import Reporter
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config

TASK = "scenes-nli"
METHODS = ("zero_shot", "linear_probe", "prompt_tuning", "synthetic_only", "paired", "dawgen", "gold")
KINDS: tuple[TunedKind, ...] = ("untuned", "plain", "weighted", "dawgen")

REAL_TASK = "tickets"
REAL_METHODS = ("tfidf_probe", "linear_probe", "zero_shot", "prompt_tuning", "dawgen")
# Sizes and steps are what two cores can do in ten minutes. The generator's rate is ten times the default, with which 40
# steps are too few: by the look of the texts, and by the loss on the shots; no test row has chosen anything.
REAL_SETTINGS: dict[str, Any] = {
    "per_label": 28,  # two shards, of which an eighth may be dropped
    "generator": {"steps": 40, "lr": 0.05},
    "decode": {"shard_texts": 16, "contrast": 0.0, "max_new_tokens": 64, "top_k": 20},
    "target": {"init": "question", "prompt_length": "auto", "steps": 60, "batch_size": 4},
}


def demo_config(seed: int = SEED, threads: int | None = None) -> RunConfig:
    """Return the demo's settings: 16 shots per label, 300 synthetic examples per label, 150 steps of 16 + 16 rows."""
    return RunConfig(task=TASK, seed=seed, per_label=300, methods=METHODS, compare_generators=KINDS, threads=threads)


def real_config(seed: int = SEED, threads: int | None = None) -> RunConfig:
    """Return the settings of the demo on real English: 16 tickets per label, and SmolLM2 in both parts."""
    arguments = {"task": REAL_TASK, "methods": REAL_METHODS, "seed": seed, "threads": threads}
    return resolve_config(preset="smollm2", arguments={**REAL_SETTINGS, **arguments})


def run_demo(
    out: Path,
    *,
    real: bool = False,
    seed: int = SEED,
    threads: int | None = None,
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Run the demo in the folder `out` and return its metrics; an interrupted one goes on.

    real: on the tickets, with SmolLM2.

    Raises:
        ConfigError: there is no SmolLM2 on this machine, or another run in the folder.
    """
    if real and find_known(SMOLLM2, check=False) is None:  # it would be downloaded from the hub, unasked
        needed = " and ".join(SMOLLM2.needs)
        raise ConfigError(f"--real: expected {SMOLLM2.hub} on this machine, there is none.\nInstall it: {needed}")
    config = real_config(seed, threads) if real else demo_config(seed, threads)
    return run_job(config, out, fresh=fresh, reporter=reporter)


def list_written(out: Path, per_label: int = 3) -> Iterator[tuple[str, str, str]]:
    """Yield label, fate and text of the first texts of each label that were written for a run's set, unselected.

    The fate is "kept" or the reason why the row was dropped.
    """
    folder = out / "synthetic"
    reasons = {(row["label"], row["text1"]): str(row["reason"]) for row in FieldFile(folder / "dropped.jsonl")}
    kept = {(row["label"], row["text1"]) for row in FieldFile(folder / "train.jsonl")}
    shown: dict[str, list[tuple[str, str, str]]] = {}
    for candidate in read_shards(folder / "raw"):
        label, text = str(candidate.example.label), candidate.example.text1
        rows = shown.setdefault(label, [])
        if len(rows) < per_label:
            again = any(text == before for _, _, before in rows)  # of equal texts the first can be kept
            fate = "kept" if (label, text) in kept and not again else reasons.get((label, text), "surplus")
            rows.append((label, fate, text))
    for rows in shown.values():
        yield from rows
