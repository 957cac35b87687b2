"""`dawgen import`: a PEFT adapter becomes a bundle; an adapter of dawgen becomes the bundle it was made from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.config import Dtype, TargetConfig
from dawgen.deploy.export.folder import check_new, fill_new
from dawgen.deploy.export.hub import fetch_adapter, looks_remote
from dawgen.errors import BundleError, ConfigError, ModelError
from dawgen.models.load import Backbone, load_target
from dawgen.prompt.bundle.format import save_bundle
from dawgen.prompt.bundle.peft import NOTES, Adapter, read_adapter
from dawgen.tasks import Task

UNKNOWN = "imported from PEFT: on which examples and how it was trained is not known"


@dataclass(frozen=True)
class Imported:
    """A bundle that was made from an adapter, with notes."""

    folder: Path
    base: str
    task: str
    notes: tuple[str, ...]


def import_peft(
    adapter: str | Path,
    out: str | Path,
    *,
    task: str | Path | Task | None = None,
    model: str | Backbone | None = None,
    label_words: Mapping[str, str] | None = None,
    endpoint: str | None = None,
) -> Imported:
    """Write a bundle into a new folder from an adapter: a folder, or OWNER/NAME on the hub.

    Every check of a bundle is made before it is written.

    Args:
        adapter: a folder with adapter_config.json and its weights, or OWNER/NAME.
        out: a folder that does not exist yet.
        task, label_words: what the labels of another's adapter mean; dawgen's own knows it.
        model: the base model, where it is not found under the adapter's name for it.
        endpoint: another hub than Hugging Face's.

    Returns:
        The bundle's folder and what is worth knowing about it.

    Raises:
        BundleError: no soft prompt, damaged files, or another base model. ConfigError: a task that lacks or is too
            much, or a used folder. ModelError: the base model cannot be found.

    >>> import dawgen
    >>> _ = dawgen.import_peft("adapter", "imported")
    >>> dawgen.PromptClassifier.load("imported").prompt_.shape
    torch.Size([4, 128])
    """
    folder = Path(out)
    check_new(folder)
    with tempfile.TemporaryDirectory(prefix="dawgen-") as spare:
        place = Path(adapter)
        if looks_remote(adapter):
            place = Path(spare)
            fetch_adapter(str(adapter), place, endpoint=endpoint)
        elif not place.is_dir():
            raise ConfigError(
                f"{adapter}: expected the folder of a PEFT adapter, or OWNER/NAME on the hub; found none."
            )
        found = read_adapter(place)
    if found.info is not None:
        return _restore(str(adapter), found, folder, task, model, label_words)
    return _adopt(str(adapter), found, folder, task, model, label_words)


def _restore(
    name: str,
    found: Adapter,
    folder: Path,
    task: str | Path | Task | None,
    model: str | Backbone | None,
    label_words: Mapping[str, str] | None,
) -> Imported:
    """Write the bundle that dawgen.json describes, and load it once with all checks."""
    assert found.info is not None
    if task is not None or label_words is not None:
        raise ConfigError(
            f"--{'task' if task is not None else 'label-words'}: the adapter's {NOTES} says what its labels are; leave "
            "it out."
        )
    backbone = _find_base(model, found.info.base, found.info.dtype)
    with fill_new(folder, "import") as place, _name_fault(place, name):
        save_bundle(place, found.prompt, found.info)
        classifier = PromptClassifier.load(place, backbone)
    return Imported(folder, found.info.base, classifier.task_.name, ("the same bundle as it was exported",))


def _adopt(
    name: str,
    found: Adapter,
    folder: Path,
    task: str | Path | Task | None,
    model: str | Backbone | None,
    label_words: Mapping[str, str] | None,
) -> Imported:
    """Write a bundle for a prompt of which only its base is known; its golden outputs are computed here."""
    if task is None:
        raise ConfigError(
            f"{name}: expected --task with the labels, their words and the template: the adapter was not written by "
            "dawgen and does not say them. `dawgen tasks` lists the built-in ones."
        )
    chosen = task if isinstance(task, Task) else Task.load(task)
    if label_words is not None:
        chosen = Task.model_validate(chosen.model_dump() | {"label_words": dict(label_words)})
    backbone = _find_base(model, found.base)
    _check_fit(name, found, backbone)
    notes = [UNKNOWN]
    if found.left_out:
        notes.append(
            f"{found.left_out} rows of a decoder's prompt are left out: PEFT saves them, but its forward pass uses the "
            "encoder's alone"
        )
    classifier = _dress(found, chosen, backbone, notes)
    with fill_new(folder, "import") as place, _name_fault(place, name):
        classifier.save(place, {"imported": f"{found.config['peft_type']}, {len(found.prompt)} rows"})
        PromptClassifier.load(place, backbone)
    return Imported(folder, backbone.name, chosen.name, tuple(notes))


@contextmanager
def _name_fault(place: Path, name: str) -> Iterator[None]:
    """Make errors about the new bundle name the adapter instead, which the user knows."""
    try:
        yield
    except BundleError as error:
        raise BundleError(str(error).replace(str(place), name)) from error


def _find_base(model: str | Backbone | None, named: str | None, dtype: Dtype = "float32") -> Backbone:
    """Return the base model: the given one, else the one that the adapter names."""
    if isinstance(model, Backbone):
        return model
    if model is None and named is None:
        raise ConfigError("expected --model, as the adapter does not name its base model.")
    try:
        return load_target(str(model or named), dtype=dtype)
    except ModelError as error:
        if model is not None:
            raise
        raise ModelError(f"{error}\nThe adapter names it so; --model says where it is here.") from error


def _check_fit(name: str, found: Adapter, backbone: Backbone) -> None:
    width = backbone.model.get_input_embeddings().weight.shape[1]
    if found.prompt.shape[1] != width:
        raise BundleError(
            f"{name}: the prompt's width is {found.prompt.shape[1]}, that of {backbone.name} is {width}.\n"
            f"Its base is {found.base or 'not named'}: give it with --model."
        )
    wanted = "seq2seq" if found.config.get("task_type") == "SEQ_2_SEQ_LM" else "causal"
    if wanted != backbone.kind:
        raise BundleError(
            f"{name}: expected a {wanted} base model as the adapter says, {backbone.name} is {backbone.kind}."
        )


def _dress(found: Adapter, task: Task, backbone: Backbone, notes: list[str]) -> PromptClassifier:
    """Return a classifier that has the prompt as if it had been fitted; its settings are the defaults."""
    length = len(found.prompt)
    # a front that it may have is among its rows
    config = TargetConfig(prompt_length=length, chat=False, patience=0, placement="before")
    classifier = PromptClassifier(
        backbone, task, schedule="real", **config.model_dump(exclude={"model"}) | {"placement": "before"}
    )
    classifier.task_, classifier.scorer_ = task, Scorer.of(backbone, task, config, prompt_length=length)
    classifier.classes_, classifier.label_kind_ = np.array(sorted(task.labels), dtype=object), "text"
    classifier.prompt_, classifier.trainable_ = found.prompt.to(backbone.model.device), found.prompt.numel()
    classifier.warnings_, classifier.best_step_, classifier.dev_accuracy_, classifier.cut_ = notes, None, None, 0
    classifier.ended_, classifier.temperature_, classifier.tempered_ = None, 1.0, "none: imported from PEFT"
    return classifier
