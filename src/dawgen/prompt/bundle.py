"""The bundle: a soft prompt [P,H] with all that is needed to use it, and proof that it sits on the right base model.

`prompt.safetensors` holds the prompt, `bundle.json` the rest, with golden outputs: label log-probabilities on fixed
sentences, computed when the bundle was saved and again when it is loaded.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dawgen.backbones.load import Backbone
from dawgen.config import Dtype, Schedule, Settings, TargetConfig
from dawgen.errors import BundleError
from dawgen.files import write_json, write_with
from dawgen.records import Example

FORMAT = 1
TOLERANCE: dict[Dtype, float] = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}  # nats, largest difference
_SENTENCES = (
    ("A child is reading a book in the garden.", "Someone is reading outside."),
    ("Two dogs are sleeping near the door.", "The dogs are running across a field."),
    ("The old bridge was closed for a week.", "A new road opens in the spring."),
    ("Why is the sky blue in the morning?", "The man at the market sells apples, bread and fish."),
)


class BundleInfo(Settings):
    """What `bundle.json` holds.

    tokenizer: `hash_tokenizer`. fingerprint: `backbones.load.fingerprint`. golden: [4,K], the label
    log-probabilities of `golden_examples`. metrics: whatever the caller measured, for people to read.
    """

    format: int = FORMAT
    base: str
    revision: str | None
    fingerprint: str
    tokenizer: str
    dtype: Dtype
    task: dict[str, Any]
    template: str
    labels: tuple[str, ...]
    label_words: tuple[str, ...]
    label_ids: tuple[int, ...]
    decoder_sentinel: bool
    max_tokens: int
    schedule: Schedule
    seed: int
    settings: TargetConfig
    golden: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)


def golden_examples(pair: bool) -> list[Example]:
    """Return the sentences of the golden outputs: dawgen's own, never a user's."""
    return [Example(first, second if pair else None) for first, second in _SENTENCES]


def save_bundle(folder: Path, prompt: Tensor, info: BundleInfo) -> None:
    """Write the prompt, then `bundle.json`: its presence means that the bundle is complete."""
    tensors = {"prompt": prompt.detach().float().cpu().contiguous()}
    write_with(folder / "prompt.safetensors", lambda path: save_file(tensors, path))
    write_json(folder / "bundle.json", info.model_dump(mode="json"))


def load_bundle(folder: Path) -> tuple[Tensor, BundleInfo]:
    """Read a bundle; nothing is loaded but the prompt.

    Raises:
        BundleError: a file is missing or damaged, or was written by a newer format.
    """
    try:
        raw = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise BundleError(
                f"{folder}: expected bundle format {FORMAT}, got {raw['format']}. Install a newer dawgen."
            )
        info = BundleInfo.model_validate(raw)
        prompt = load_file(folder / "prompt.safetensors")["prompt"]
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: expected a bundle, {Path(str(error.filename)).name} is missing.") from error
    except (OSError, ValueError, KeyError, SafetensorError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise BundleError(f"{folder}: expected a bundle, its files are damaged: {reason}") from error
    if prompt.dim() != 2 or not bool(torch.isfinite(prompt).all()):
        raise BundleError(f"{folder}: expected a finite prompt [P,H], got {list(prompt.shape)} or NaN.")
    return prompt, info


def check_base(prompt: Tensor, info: BundleInfo, backbone: Backbone) -> None:
    """Refuse a base model that is not the one the prompt was trained on.

    Raises:
        BundleError: another tokenizer, other weights or another architecture, with the name of both.
    """
    named = f"the bundle was trained on {info.base}" + (f" at {info.revision}" if info.revision else "")
    got = backbone.name + (f" at {backbone.revision}" if backbone.revision else "")
    width = backbone.model.get_input_embeddings().weight.shape[1]
    if prompt.shape[1] != width:
        raise BundleError(f"{named}, whose width is {prompt.shape[1]}; got {got} of width {width}.\nLoad {info.base}.")
    if hash_tokenizer(backbone.tokenizer) != info.tokenizer:
        raise BundleError(f"{named}; the tokenizer of {got} is another one.\nLoad {info.base} as it was.")
    if backbone.fingerprint != info.fingerprint:
        raise BundleError(f"{named}; the weights of {got} are others.\nLoad {info.base} as it was.")


def check_golden(info: BundleInfo, outputs: Tensor, dtype: Dtype) -> None:
    """Compare label log-probabilities [4,K] of `golden_examples` with those of the bundle.

    Raises:
        BundleError: they differ by more than the tolerance of the looser of both dtypes.
    """
    wanted = torch.tensor(info.golden, dtype=torch.float64)
    if wanted.shape != outputs.shape:
        raise BundleError(f"golden outputs: expected {list(outputs.shape)}, the bundle has {list(wanted.shape)}.")
    limit = max(TOLERANCE[dtype], TOLERANCE[info.dtype])
    difference = float((wanted - outputs.double().cpu()).abs().max())
    if not difference <= limit:  # also true for NaN
        raise BundleError(
            f"golden outputs differ by {difference:.2g} (at most {limit:g} expected): the base model does not compute "
            "what it did when the bundle was saved.\nCheck weights, dtype, and the versions of torch and transformers."
        )


def hash_tokenizer(tokenizer: Any) -> str:
    """Return a SHA-256 of the vocabulary and of how the fixed sentences are split."""
    digest = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    probes: Sequence[str] = [sentence for pair in _SENTENCES for sentence in pair]
    digest.update(json.dumps(tokenizer(list(probes))["input_ids"]).encode())
    return digest.hexdigest()
