"""A prompt on the Hugging Face Hub: which files it has there, and its card."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor

from dawgen.errors import BundleError
from dawgen.files import write_text
from dawgen.hub.card import UNKNOWN, describe_licence, write_card, write_licence, write_settings, write_table
from dawgen.hub.habits import HubHabits
from dawgen.prompt.bundle.base import check_public, is_bundled, rename_base
from dawgen.prompt.bundle.files import INFO, PROMPT
from dawgen.prompt.bundle.format import BundleInfo, load_bundle, save_bundle
from dawgen.prompt.bundle.peft import CONFIG, NOTES, WEIGHTS, read_adapter

_SAID = ("accuracy", "macro_f1", "n_test", "dev_accuracy", "n_real", "n_synthetic", "n_dev", "imported")
_TEXTS = ("A child is reading a book in the garden.", "Someone is reading outside.")


class PublishedPrompt(HubHabits):
    """`from_pretrained` and `push_to_hub` of a classifier; the first also takes what `dawgen export` publishes."""

    _choices: ClassVar[Sequence[Sequence[str]]] = ((INFO, PROMPT), (NOTES, CONFIG, WEIGHTS))
    _what: ClassVar[str] = "a soft prompt"

    @classmethod
    def _load_published(cls, folder: Path, model: Any, device: str | None) -> Self:
        loader: Any = cls
        if (folder / INFO).is_file() or not (folder / CONFIG).is_file():
            loaded: Self = loader.load(folder, model, device=device)
            return loaded
        adapter = read_adapter(folder)
        if adapter.info is None:
            raise BundleError(
                f"{folder}: an adapter that dawgen did not write does not say its labels: expected {NOTES} with it.\n"
                "Make a bundle of it: dawgen import ADAPTER --task TASK --out FOLDER."
            )
        with tempfile.TemporaryDirectory(prefix="dawgen-") as spare:
            save_bundle(Path(spare), adapter.prompt, adapter.info)
            restored: Self = loader.load(spare, model, device=device)
        return restored

    def _write_published(self, folder: Path, repo: str, base: str | None, license: str | None) -> None:  # noqa: A002
        saver: Any = self
        saver.save(folder, getattr(self, "metrics_", None))
        prompt, info = load_bundle(folder)
        check_public(f"push_to_hub {repo}", info.base, info.revision, base)
        if base not in (None, info.base):
            info = rename_base(info, base)
            save_bundle(folder, prompt, info)
        write_text(folder / "README.md", write_prompt_card(prompt, info, repo, license))


def write_prompt_card(prompt: Tensor, info: BundleInfo, repo: str, license: str | None = None) -> str:  # noqa: A002
    """Return README.md of a bundle: what it is, how it is used and was made, and what it is worth.

    prompt: [P,H]. repo: where it is published. license: see `describe_licence`.
    """
    task, metrics, n = str(info.task.get("name", "custom")), info.metrics, info.metrics.get("n_synthetic")
    pair = bool(info.task.get("pair", True))
    front = {
        "library_name": "dawgen",
        **describe_licence(license, UNKNOWN),
        **({} if is_bundled(info.base) else {"base_model": info.base, "base_model_relation": "adapter"}),
        "pipeline_tag": "text-classification",
        "tags": ["prompt-tuning", "soft-prompt", "dawgen", *(["synthetic"] if n else [])],
    }
    length, width = prompt.shape
    pinned = f" at revision `{info.revision}`" if info.revision else ""
    item = f"({', '.join(map(json.dumps, _TEXTS))})" if pair else json.dumps(_TEXTS[0])
    where = "behind the text" if info.settings.placement == "behind" else "in front of the text"
    trained = f" **It was trained on {n} synthetic examples, which a language model wrote.**" if n else ""
    tempered = f"\n- Its probabilities are those at temperature {info.temperature:g}." if info.temperature else ""
    code = [
        "import dawgen",
        "",
        f"classifier = dawgen.PromptClassifier.from_pretrained({json.dumps(repo)})",
        f"scores = classifier.predict_proba([{item}])[0]",
        "probabilities = dict(zip(classifier.classes_.tolist(), scores.tolist()))",
        "print(probabilities)",
    ]
    return write_card(
        front,
        [
            f"# {task}: a soft prompt for {info.base}",
            f"{length} trained embeddings of width {width} ({length * width:,} numbers) that stand {where} and make a "
            f"frozen language model a classifier. The model's own weights are as they were.{trained}",
            write_table(("label", "words that answer"), list(zip(info.labels, info.label_words, strict=True))),
            f"- Input: {'two texts' if pair else 'one text'}, as `{info.template}`, cut to {info.max_tokens} tokens."
            f"\n- Base: `{info.base}`{pinned}, {info.dtype}, fingerprint `{info.fingerprint}`."
            f"\n- Digest of the bundle: `{info.digest}`.{tempered}",
            "## Use\n\n`pip install dawgen`. Loading checks the base's weights and tokenizer, and that the outputs are "
            "still what they were; no pickle is read.\n\n```python\n" + "\n".join(code) + "\n```",
            "## How it was trained",
            _write_training(info),
            "## What it is worth",
            _write_worth(metrics),
            "## Warnings and notes",
            "\n".join(f"- Warning: {' '.join(line.split())}" for line in info.warnings),
            "- It knows the labels above and no others: it answers one of them to whatever it is given.",
            write_licence(license),
        ],
    )


def _write_training(info: BundleInfo) -> str:
    if imported := info.metrics.get("imported"):
        return f"Not known: the prompt came from a PEFT adapter ({imported})."
    counts = {"real": "n_real", "synthetic": "n_synthetic", "dev": "n_dev"}
    rows = ", ".join(f"{info.metrics[key]} {name}" for name, key in counts.items() if info.metrics.get(key))
    settings = {name: value for name, value in info.settings.model_dump(mode="json").items() if name != "model"}
    more = {name: value for name, value in info.metrics.items() if isinstance(value, (int, float, str))}
    more = {name: value for name, value in more.items() if name not in _SAID}
    lines = [
        f"- Schedule `{info.schedule}`, seed {info.seed}.",
        f"- Rows: {rows}." if rows else "",
        f"- Settings: {write_settings(settings)}.",
        f"- Also recorded: {write_settings(more)}." if more else "",
    ]
    return "\n".join(filter(None, lines))


def _write_worth(metrics: dict[str, Any]) -> str:
    if metrics.get("accuracy") is None or not metrics.get("n_test"):
        return "It was not tested, or the bundle does not say how."
    rows = [
        (name, f"{100 * metrics[name]:.1f} %") for name in ("accuracy", "macro_f1") if metrics.get(name) is not None
    ]
    return write_table(("measure", f"on {metrics['n_test']} test rows"), rows)
