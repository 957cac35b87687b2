"""A tuned generator on disk: prefix.safetensors (Q, control, mask, rivals), and generator.json, which comes last."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dawgen.config import DecodeConfig, GeneratorConfig
from dawgen.errors import BundleError
from dawgen.files import write_json, write_with
from dawgen.generator.prefix import Prefix
from dawgen.models.load import Backbone
from dawgen.section import Settings
from dawgen.tasks.task import Task

RECORD, PREFIX = "generator.json", "prefix.safetensors"


class Base(Settings):
    """The frozen model that a prefix was tuned on."""

    name: str
    revision: str | None
    fingerprint: str
    quantisation: str | None = None


class Record(Settings):
    """The content of generator.json.

    shot_texts: text1 of the examples, saved only if generation takes them as its first texts.
    """

    format: int = 1
    task: Task
    settings: GeneratorConfig
    decode: DecodeConfig
    seed: int
    base: Base
    shot_texts: tuple[str, ...]
    warnings: tuple[str, ...]


def write_saved(folder: Path, record: Record, prefix: Prefix) -> None:
    """Write both files."""
    tensors = {**prefix.q, "control": prefix.control, "mask": prefix.mask}
    if prefix.rivals is not None:
        tensors["rivals"] = prefix.rivals
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_with(folder / PREFIX, lambda path: save_file(plain, path))
    write_json(folder / RECORD, record.model_dump(mode="json"))


def read_saved(folder: Path) -> tuple[Record, dict[str, Tensor]]:
    """Read both files.

    Raises:
        BundleError: a file is missing or damaged.
    """
    try:
        record = Record.model_validate_json((folder / RECORD).read_bytes())
        tensors = load_file(folder / PREFIX)
        missing = {"prompt", "inputs", "control", "mask"} - tensors.keys()
        if missing:
            raise ValueError(f"prefix.safetensors lacks {', '.join(sorted(missing))}")
    except (OSError, ValueError, ValidationError, SafetensorError) as error:
        raise BundleError(
            f"{folder}: expected a saved generator (generator.json, prefix.safetensors): {_shorten(error)}\n"
            "Check the path, or tune the generator again."
        ) from error
    return record, tensors


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:150]


def check_base(folder: Path, base: Base, backbone: Backbone) -> None:
    """Compare the loaded model with the one that the prefix was tuned on.

    Raises:
        BundleError: it is another model.
    """
    if backbone.fingerprint != base.fingerprint:
        raise BundleError(
            f"{folder}: expected its base model {base.name} ({base.fingerprint[:12]}), got {backbone.name} "
            f"({backbone.fingerprint[:12]}).\nGive the model that the prefix was tuned on, or tune again."
        )


def join_saved(model: Any, tensors: dict[str, Tensor]) -> Prefix:
    """Put saved tensors on their model."""
    moved = {name: value.to(model.device) for name, value in tensors.items()}
    control, mask, rivals = moved.pop("control"), moved.pop("mask"), moved.pop("rivals", None)
    return Prefix(model, moved, control, mask, rivals)
