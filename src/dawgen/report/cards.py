"""The dataset card of a synthetic set: YAML front matter that `datasets` reads, and what a user must know in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dawgen.files import write_text
from dawgen.report.templates import make_environment


def render_card(facts: Mapping[str, Any]) -> str:
    """Return the card, README.md of the folder that holds train.jsonl.

    facts: `task` (name); `labels` {label: rows kept}; `pair`; `generator` {"model", "revision", "kind"}; `shots`,
    `seed`; `generated`; `dropped` {reason: count}; `surplus` (sound rows beyond the number asked for);
    `label_fidelity`. Missing ones are left out or called unknown, but for `task` and `labels`.
    """
    front = {
        "license": "other",
        "license_name": "unknown-follows-the-seed-data",
        "task_categories": ["text-classification"],
        "tags": ["synthetic", "dawgen"],
        "pretty_name": f"{facts['task']}, synthetic",
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}],
    }
    template = make_environment().get_template("card.md.j2")
    matter = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{matter}---\n\n" + template.render(facts=dict(facts))


def write_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the card of `render_card`."""
    write_text(path, render_card(facts))
