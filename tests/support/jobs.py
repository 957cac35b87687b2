"""Small files and tiny models on which whole jobs run in seconds."""

import csv
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.tiny import save_tiny

AGENTS = ("man", "woman", "boy", "girl", "child", "person")
DOINGS = ("sleeping", "eating", "running", "walking", "reading", "singing", "talking")
PLACES = ("park", "street", "house", "kitchen", "garden", "room")
LABELS = ("same", "other", "not")


def make_pairs(rows: int, seed: int) -> list[dict[str, str]]:
    """Return different labelled pairs, labels in turn."""
    rng = random.Random(seed)
    seen: set[tuple[str, str]] = set()
    pairs: list[dict[str, str]] = []
    while len(pairs) < rows:
        label = LABELS[len(pairs) % 3]
        agent, doing, place = rng.choice(AGENTS), rng.choice(DOINGS), rng.choice(PLACES)
        first = f"a {agent} is {doing} in the {place}"
        other = rng.choice(PLACES)
        second = {"same": f"a {agent} is {doing}", "other": f"a {rng.choice(AGENTS)} is in the {other}"}
        text2 = second.get(label, f"no {agent} is {doing} in the {place}")
        if (first, text2) not in seen:
            seen.add((first, text2))
            pairs.append({"text1": first, "text2": text2, "label": label})
    return pairs


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write JSONL or CSV."""
    rows = list(rows)
    if path.suffix == ".csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_inputs(folder: Path) -> dict[str, str]:
    """Write disjoint train and test pairs and first texts; returns the paths by option name."""
    rows = make_pairs(60, seed=1)
    texts = [{"text": f"two {doing} people in the {place}"} for doing in DOINGS for place in PLACES]
    return {
        "train": str(write_rows(folder / "train.jsonl", rows[:36])),
        "test": str(write_rows(folder / "test.jsonl", rows[36:])),
        "unlabelled": str(write_rows(folder / "texts.jsonl", texts)),
    }


def save_models(folder: Path) -> dict[str, str]:
    """Write a tiny generator and target; returns their folders by section."""
    return {"generator": str(save_tiny("ctrl", folder / "ctrl")), "target": str(save_tiny("t5", folder / "t5"))}


def quick_settings(models: dict[str, str]) -> dict[str, Any]:
    """Return settings with which the tiny models do a whole job in seconds; random models write nonsense."""
    return {
        "shots": 4,
        "per_label": 6,
        "threads": 1,
        "generator": {"model": models["generator"], "steps": 12, "lr": 0.3},
        "decode": {"max_new_tokens": 24, "top_k": 0, "shard_texts": 4, "attempts": 200},
        "curate": {"posterior": False, "near_copy": False},
        "target": {"model": models["target"], "steps": 6, "batch_size": 4, "prompt_length": 3, "eval_every": 3},
    }
