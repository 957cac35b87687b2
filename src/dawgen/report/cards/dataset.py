"""The dataset card of a synthetic set: YAML front matter that `datasets` reads, and what a user must know in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dawgen.files import write_text
from dawgen.hub.card import describe_licence
from dawgen.report.templates import make_environment

# Curation's settings in words; {0} is the number. Settings that are missing here are not filters of their own.
FILTERS = {
    "near_duplicate": "near duplicates of a kept row of its label: word 3-grams that agree by {0} (Jaccard) or more",
    "near_copy": "text2 that takes more words from text1 than the real examples of its label do",
    "echo": "texts that agree by {0} (Jaccard) or more with one of the few examples",
    "posterior_margin": "rows whose own label the generator finds likelier than the best other by {0} nats or less",
    "judge": "rows whose label a classifier of the few examples ({0}) finds unlikely",
    "over": "of {0} times as many rows all but the likeliest, spread over the few examples",
}
ALWAYS = (
    "empty and unfinished texts, verbatim copies of text1, pairs of the dev and test set, pairs that were kept before"
)


def render_card(facts: Mapping[str, Any]) -> str:
    """Return the card, README.md of the folder that holds train.jsonl.

    facts: `task` (name); `labels` {label: rows kept}; `pair`; `generator` {"model", "revision", "kind", "settings"};
    `shots`, `seed`; `generated`; `dropped` {reason: count}; `surplus` (sound rows beyond the number asked for);
    `label_fidelity` and its interval; `decode`, `curate` (settings); `first_texts` (where text1 comes from); `firsts`
    (an example of each label); `inputs`, `environment`; `license`; `repo` (where the set is published, else the card
    speaks of its folder); `alone` (whether train.jsonl lies there without what was dropped). Missing ones are left out
    or called unknown, but for `task` and `labels`.
    """
    front = {
        **describe_licence(facts.get("license"), "unknown-follows-the-seed-data"),
        "task_categories": ["text-classification"],
        "tags": ["synthetic", "dawgen"],
        "pretty_name": f"{facts['task']}, synthetic",
        "size_categories": [name_size(sum(facts["labels"].values()))],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "train.jsonl"}]}],
    }
    return join_card(front, "card.md.j2", {**facts, "filters": list_filters(facts.get("curate"))})


def write_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the card of `render_card`."""
    write_text(path, render_card(facts))


def join_card(front: Mapping[str, Any], template: str, facts: Mapping[str, Any]) -> str:
    """Return a Hugging Face card: front matter in YAML, then the template's text."""
    matter = yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True)
    text = make_environment().get_template(template).render(facts=dict(facts))
    return f"---\n{matter}---\n\n" + re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def list_filters(curate: Mapping[str, Any] | None) -> list[str]:
    """Return in words what curation dropped by its settings; nothing if they are unknown."""
    if not curate:
        return []
    used = [name for name in FILTERS if name in curate and curate[name] is not False]
    used = [name for name in used if name != "posterior_margin" or curate.get("posterior")]
    return [ALWAYS, *(FILTERS[name].format(curate[name]) for name in used)]


def name_size(rows: int) -> str:
    """Return the hub's size category of a number of rows."""
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
    return next((name for bound, name in bounds.items() if rows < bound), "n>10M")
