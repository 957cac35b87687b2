"""A tuned generator on the Hugging Face Hub: which files it has there, and its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from dawgen.files import write_json, write_text
from dawgen.generator.saved import PREFIX, RECORD, Record, read_saved
from dawgen.hub.card import UNKNOWN, describe_licence, write_card, write_licence, write_settings, write_table
from dawgen.hub.habits import HubHabits
from dawgen.prompt.bundle.base import check_public, is_bundled


class PublishedGenerator(HubHabits):
    """`from_pretrained` and `push_to_hub` of a generator."""

    _choices: ClassVar[Sequence[Sequence[str]]] = ((RECORD, PREFIX),)
    _what: ClassVar[str] = "a tuned generator"

    @classmethod
    def _load_published(cls, folder: Path, model: Any, device: str | None) -> Self:
        loader: Any = cls
        loaded: Self = loader.load(folder, model=model, device=device)
        return loaded

    def _write_published(self, folder: Path, repo: str, base: str | None, license: str | None) -> None:  # noqa: A002
        saver: Any = self
        saver.save(folder)
        record, _ = read_saved(folder)
        check_public(f"push_to_hub {repo}", record.base.name, record.base.revision, base)
        if base is not None and base != record.base.name:
            named = record.base.model_copy(update={"name": base, "revision": None})
            settings = record.settings.model_copy(update={"model": base})
            record = record.model_copy(update={"base": named, "settings": settings})
            write_json(folder / RECORD, record.model_dump(mode="json"))
        write_text(folder / "README.md", write_generator_card(record, repo, license))


def write_generator_card(record: Record, repo: str, license: str | None = None) -> str:  # noqa: A002
    """Return README.md of a saved generator: what it is, how it is used and was made, and what it may give away."""
    task, base = record.task, record.base
    front = {
        "library_name": "dawgen",
        **describe_licence(license, UNKNOWN),
        **({} if is_bundled(base.name) else {"base_model": base.name, "base_model_relation": "adapter"}),
        "pipeline_tag": "text-generation",
        "tags": ["prefix-tuning", "data-generation", "dawgen"],
    }
    pinned = f" at revision `{base.revision}`" if base.revision else ""
    given = task.pair and record.decode.first_texts == "given"
    firsts = f", first_texts=[{json.dumps('A child is reading a book in the garden.')}]" if given else ""
    code = [
        "import dawgen",
        "",
        f"generator = dawgen.Generator.from_pretrained({json.dumps(repo)})",
        f"examples = generator.generate(per_label=1{firsts})",
        "print(examples)",
    ]
    writes = "the second text of a pair" if given else "pairs of texts" if task.pair else "single texts"
    settings = {name: value for name, value in record.settings.model_dump(mode="json").items() if name != "model"}
    shots = (
        f" `{RECORD}` holds {len(record.shot_texts)} of their first texts, word for word." if record.shot_texts else ""
    )
    return write_card(
        front,
        [
            f"# {task.name}: a tuned generator on {base.name}",
            "One trained prefix for each label on a frozen causal language model, which then writes labelled "
            "examples of it. The model's own weights are as they were.",
            write_table(("label", "its prompt"), [(label, task.generator.prompts[label]) for label in task.labels]),
            f"- It writes {writes}.\n- Base: `{base.name}`{pinned}, fingerprint `{base.fingerprint}`.",
            "## Use\n\n`pip install dawgen`. Loading checks the base's weights; no pickle is read.\n\n```python\n"
            + "\n".join(code)
            + "\n```",
            f"## How it was made\n\n- Kind `{record.settings.kind}`, seed {record.seed}."
            f"\n- Settings: {write_settings(settings)}."
            f"\n- How texts are written: {write_settings(record.decode.model_dump(mode='json'))}.",
            "## Warnings and notes",
            "\n".join(f"- Warning: {' '.join(line.split())}" for line in record.warnings),
            f"- It was tuned on a few labelled examples and can repeat parts of them.{shots}",
            "- What it writes is not curated, and some of it has the wrong label: `dawgen.curate`, or `dawgen curate`.",
            write_licence(license),
        ],
    )
