"""A run folder made by hand, with every part that the report shows."""

import json
import math
from pathlib import Path

import yaml

EVIL = '<script>alert("x")</script> & more'


def make_run(folder: Path, *, seed: int = 13, accuracy: float = 0.7) -> Path:
    """Write a complete run of two methods on a three-label task and return its folder."""
    labels = ["entailment", "neutral", "contradiction"]
    metrics = {
        "task": "scenes-nli",
        "seed": seed,
        "shots_per_label": 16,
        "labels": labels,
        "generators": {
            "untuned": {"label_fidelity": 0.02, "ungrammatical": 0.4},
            "dawgen": {"label_fidelity": 0.61, "ungrammatical": 0.01},
        },
        "synthetic": {"requested": 9, "generated": 14, "kept": 9, "dropped": {"copy": 3}, "label_fidelity": 0.8},
        "methods": {
            "zero_shot": {"accuracy": 0.34, "macro_f1": 0.3, "n_test": 100, "seconds": 1.5},
            "prompt_tuning": {
                "accuracy": accuracy - 0.1,
                "macro_f1": accuracy - 0.1,
                "n_test": 100,
                "seconds": 21.0,
                "confusion": [[20, 10, 3], [5, 25, 3], [2, 6, 26]],
            },
            "dawgen": {
                "accuracy": accuracy,
                "macro_f1": accuracy,
                "n_test": 100,
                "seconds": 41.5,
                "dev_accuracy": 0.75,
                "confusion": [[25, 5, 3], [5, 25, 3], [2, 6, 26]],
            },
        },
        "notes": ["no dev file: all rows train"],
        "warnings": ["zero_shot: nine of ten answers are neutral"],
    }
    folder.mkdir(parents=True)
    write(folder / "metrics.json", json.dumps(metrics))
    config = {"seed": seed, "generator": {"model": "mini-ctrl", "kind": "dawgen"}, "target": {"model": "mini-t5"}}
    write(folder / "config.yaml", yaml.safe_dump(config))
    write_rows(folder / "log.jsonl", list_steps())
    kept = [{"text1": f"a man sits {i}", "text2": f"someone rests {i}", "label": labels[i % 3]} for i in range(9)]
    write_rows(folder / "synthetic" / "train.jsonl", [*kept, {"text1": EVIL, "text2": EVIL, "label": "neutral"}])
    dropped = [
        {"text1": "a cat", "text2": "a cat", "label": "entailment", "reason": "copy", "score": 1.0, "twin": None},
        {
            "text1": "a cat",
            "text2": "x",
            "label": "neutral",
            "reason": "duplicate",
            "score": 1.0,
            "twin": f"real {EVIL}",
        },
    ]
    write_rows(folder / "synthetic" / "dropped.jsonl", dropped)
    return folder


def list_steps() -> list[dict]:
    """Return log rows of generator tuning and of two methods."""
    tuning = [
        {
            "stage": "generator",
            "kind": "dawgen",
            "step": i,
            "nll": 3 / (i + 1),
            "disc_loss": 0.7 - 0.01 * i,
            "align": None,
        }
        for i in range(40)
    ]
    target = [
        {
            "stage": "target",
            "method": method,
            "step": i,
            "loss_real": 1 / (i + 1),
            "loss_synthetic": 1.1 / (i + 1) if method == "dawgen" else None,
            "cos": math.sin(i) if method == "dawgen" else None,
            "conflict": math.sin(i) < 0 if method == "dawgen" else None,
            "removed": max(0.0, -math.sin(i)) if method == "dawgen" else None,
        }
        for method in ("prompt_tuning", "dawgen")
        for i in range(60)
    ]
    return [*tuning, {"stage": "generate", "shard": 0, "generated": 14, "kept": {"neutral": 3}}, *target]


def write_rows(path: Path, rows: list[dict]) -> None:
    """Write JSON lines."""
    write(path, "".join(json.dumps(row) + "\n" for row in rows))


def write(path: Path, text: str) -> None:
    """Write a text, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
