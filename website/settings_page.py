"""The settings reference, from the settings themselves: meaning, default, presets that change it, unit and range."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dawgen.config import RunConfig
from dawgen.meanings import Meaning, list_meanings
from dawgen.presets import PRESETS

# Units of numbers by the ends of their names; what has none is a factor or a share.
UNITS = {
    "steps|_every|patience": "steps",
    "rows_per_label|batch_size|shots|per_label": "rows",
    "max_tokens|max_new_tokens|top_k|prompt_length": "tokens",
    "posterior_margin": "nats",
    "target.rate": "standard deviations of the target's input embeddings",
    "target.lr": "the input embeddings' own numbers",
    "generator.lr|generator.meta_lr|weight_lr|tuning_lr|lora_lr": "the parameters' own numbers",
    "clip": "Euclidean norm",
    "shard_texts": "texts",
    "attempts": "candidates for each row",
    "rivals": "labels",
    "threads": "threads",
    "judge_least": "times 1 / number of labels",
    "near_duplicate|echo": "Jaccard similarity of word 3-grams",
    "lora_rank": "rank",
}
INTRO = """# Settings

Every setting of a job: as `--set NAME=VALUE` on the command line, as a key of the YAML file of `--config`, and, below
`generator.` and `target.`, as an argument of `dawgen.Generator` and `dawgen.PromptClassifier`. This page is made from
`dawgen.config` when the site is built; `dawgen config show` prints the same for your own `--preset`, file and `--set`.

What you name wins over the file of `--config`, that over `--preset`, and that over the defaults below. *(paper)* marks
what is printed in [the paper](https://arxiv.org/abs/2410.10865), *(FewGen)* and *(optima)* what the code of its
predecessors has; all other defaults were found on the bundled models ([evidence](evidence.md)).
"""


def make_page() -> str:
    """Return the page as Markdown."""
    return "".join(_write())


def find_unit(one: Meaning) -> str:
    """Return the unit of a number; "" for none."""
    if "number" not in one.allowed:
        return ""
    return next((unit for ends, unit in UNITS.items() if re.search(rf"(?:{ends})$", one.key)), "")


def list_changes(key: str) -> dict[str, Any]:
    """Return the presets that change a setting, with their values."""
    section, _, name = key.rpartition(".")
    found = {}
    for preset, values in PRESETS.items():
        inner: Any = values.get(section, {}) if section else values
        if isinstance(inner, dict) and name in inner:
            found[preset] = inner[name]
    return found


def _write() -> Iterator[str]:
    yield INTRO
    sections: dict[str, list[Meaning]] = {}
    for one in list_meanings():
        sections.setdefault(one.key.rpartition(".")[0], []).append(one)
    for section, settings in sections.items():
        yield f"\n## {section or 'The job'}\n\n{_describe(section)}\n"
        for one in settings:
            yield _write_one(one)


def _describe(section: str) -> str:
    text = RunConfig.model_fields[section].description if section else RunConfig.__doc__
    return f"{str(text)[0].upper()}{str(text)[1:].rstrip('.')}."


def _write_one(one: Meaning) -> str:
    facts = [f"**Default** {_show(one.default)}"]
    unit = find_unit(one)
    facts.append(f"**May be** {one.allowed}")
    if unit:
        facts.append(f"**Unit** {unit}")
    if one.choices and not all(word in one.allowed for word in one.choices):
        facts.append("**Such as** " + ", ".join(f"`{word}`" for word in one.choices))
    if changes := list_changes(one.key):
        facts.append("**Presets** " + ", ".join(f"{name}: {_show(value)}" for name, value in changes.items()))
    lines = "".join(f"- {fact}\n" for fact in facts)
    anchor = one.key.replace(".", "-")
    return f"\n### {one.key} {{ #{anchor} }}\n\n{one.meaning[0].upper()}{one.meaning[1:]}.\n\n{lines}"


def _show(value: Any) -> str:
    if value is None:
        return "none"
    plain = list(value) if isinstance(value, tuple) else value
    return f"`{plain if isinstance(plain, str) else json.dumps(plain)}`"
