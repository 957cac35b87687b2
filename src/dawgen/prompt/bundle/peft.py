"""PEFT's adapter folder of a soft prompt, written and read without PEFT.

adapter_config.json         what PEFT must know; `num_transformer_submodules: 1` puts the prompt into the encoder only
adapter_model.safetensors   prompt_embeddings [F+P,H], float32; F > 0 where a chat template's opening stands before P
dawgen.json                 the bundle's own bundle.json, so that an import restores the same bundle
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from dawgen.errors import BundleError
from dawgen.files import write_json, write_with
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.files import compute_digest, read_file, read_info
from dawgen.prompt.bundle.format import FORMAT, BundleInfo

CONFIG, WEIGHTS, NOTES = "adapter_config.json", "adapter_model.safetensors", "dawgen.json"
FILES = (CONFIG, WEIGHTS, NOTES)
KEY = "prompt_embeddings"
TYPES = ("PROMPT_TUNING", "P_TUNING")  # PEFT saves a P-tuned prompt as the output of its encoder: plain embeddings
TASKS = {"seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM"}
MOST_WEIGHTS = 2**27  # bytes; 1,000 rows on the widest models, and as many for a decoder


@dataclass(frozen=True)
class Adapter:
    """A prompt [P,H] in float32 with PEFT's settings for it, without the chat template's opening before it.

    left_out: rows of a prompt for the decoder, which PEFT saves too but never uses. info: the content of dawgen.json,
    None for an adapter that dawgen did not write.
    """

    prompt: Tensor
    config: dict[str, Any]
    left_out: int
    info: BundleInfo | None

    @property
    def base(self) -> str | None:
        """The base model's name as the adapter gives it."""
        name = self.config.get("base_model_name_or_path")
        return name if isinstance(name, str) and name else None


def check_placement(name: Path, info: BundleInfo) -> None:
    """Raise BundleError for a prompt behind the text: PEFT puts every prompt in front of the model's whole input."""
    if info.settings.placement == "behind":
        raise BundleError(
            f"{name}: expected a prompt in front of the text, this one stands behind it, where PEFT cannot put it.\n"
            "Share the bundle itself, or train with target.placement=before."
        )


def write_adapter(folder: Path, prompt: Tensor, info: BundleInfo, backbone: Backbone) -> None:
    """Write the three files, the config last; of the backbone kind, shape and the opening's embeddings are used."""
    plain = prompt.detach().float().cpu().contiguous()
    virtual = torch.cat([embed_front(info, backbone), plain])
    content = info.model_dump(mode="json")
    content["digest"] = compute_digest(content, plain)
    write_with(folder / WEIGHTS, lambda path: save_file({KEY: virtual}, path, {"format": "pt"}))
    write_json(folder / NOTES, content)
    write_json(folder / CONFIG, describe_adapter(virtual, info, backbone))


def embed_front(info: BundleInfo, backbone: Backbone) -> Tensor:
    """Return the embeddings [F,H] of a chat template's opening in float32; PEFT has no other place for it."""
    ids = torch.tensor(info.front, dtype=torch.long, device=backbone.model.device)
    front: Tensor = backbone.model.get_input_embeddings()(ids).detach().float().cpu()
    return front


def describe_adapter(virtual: Tensor, info: BundleInfo, backbone: Backbone) -> dict[str, Any]:
    """Return adapter_config.json of virtual tokens [F+P,H]."""
    config = backbone.model.config
    return {
        "peft_type": "PROMPT_TUNING",
        "task_type": TASKS[backbone.kind],
        "base_model_name_or_path": info.base,
        "revision": info.revision,
        "auto_mapping": None,
        "inference_mode": True,
        "num_virtual_tokens": virtual.shape[0],
        "token_dim": virtual.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": config.num_attention_heads,
        "num_layers": config.num_hidden_layers,
        "prompt_tuning_init": "RANDOM",
        "prompt_tuning_init_text": None,
        "tokenizer_name_or_path": None,
        "tokenizer_kwargs": None,
    }


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter folder; only the prompt is loaded, and only from safetensors.

    Raises:
        BundleError: a file is missing, damaged or too large, or the adapter is not a soft prompt alone.
    """
    if not (folder / CONFIG).is_file():
        raise BundleError(f"{folder}: expected a PEFT adapter, {CONFIG} is missing.")
    config = read_info(folder / CONFIG)
    kind = config.get("peft_type")
    if kind not in TYPES:
        raise BundleError(f"{folder}: expected a PEFT adapter of type {' or '.join(TYPES)}, got {kind!r:.60}.")
    prompt, left_out = _split_prompt(folder, _read_weights(folder), config)
    if not (folder / NOTES).is_file():
        return Adapter(prompt, config, left_out, None)
    own, info = _read_notes(folder / NOTES, prompt)
    return Adapter(own, config, left_out, info)


def _split_prompt(folder: Path, rows: Tensor, config: dict[str, Any]) -> tuple[Tensor, int]:
    """Return the rows that PEFT puts in front of the text, and the number of the others.

    By default PEFT saves 2P rows for an encoder-decoder, the later P of which its forward pass never uses.
    """
    length, width = config.get("num_virtual_tokens"), config.get("token_dim")
    if type(length) is not int or length < 1:
        raise BundleError(f"{folder / CONFIG}: expected num_virtual_tokens of 1 or more, got {length!r:.40}.")
    both = config.get("task_type") == TASKS["seq2seq"] and config.get("num_transformer_submodules") in (2, None)
    shapes = [[length, width], *([[2 * length, width]] if both else [])]
    if list(rows.shape) not in shapes or not rows.is_floating_point():
        raise BundleError(
            f"{folder}: expected {KEY} of shape {' or '.join(map(str, shapes))} as {CONFIG} says, "
            f"got {list(rows.shape)} of {str(rows.dtype).removeprefix('torch.')}."
        )
    rows = rows.float()
    if not bool(torch.isfinite(rows).all()):
        raise BundleError(f"{folder}: expected finite numbers in {KEY}, got NaN or infinity.")
    return rows[:length].contiguous(), len(rows) - length


def _read_weights(folder: Path) -> Tensor:
    path = folder / WEIGHTS
    if not path.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        advice = "adapter_model.bin is a pickle, which can run code: save it again with safetensors." if pickled else ""
        raise BundleError(f"{folder}: expected a PEFT adapter, {WEIGHTS} is missing. {advice}".rstrip())
    try:
        tensors = load(read_file(path, MOST_WEIGHTS))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BundleError(f"{path}: expected safetensors, the file is damaged: {str(error)[:150]}") from error
    if set(tensors) != {KEY}:
        names = ", ".join(sorted(tensors)[:4]) or "nothing"
        raise BundleError(f"{path}: expected {KEY} alone, got {names}: more was trained than a prompt.")
    return tensors[KEY]


def _read_notes(path: Path, virtual: Tensor) -> tuple[Tensor, BundleInfo]:
    """Return the bundle's own prompt, the virtual tokens behind a chat template's opening, and its content."""
    content = read_info(path)
    front = content.get("front", [])
    prompt = virtual[len(front) :].contiguous() if isinstance(front, list) else virtual
    advice = f"Export again; or delete {NOTES} and give --task: the prompt is then taken as anyone's."
    if content.get("format") != FORMAT:
        raise BundleError(f"{path}: expected bundle format {FORMAT}, got {content.get('format')!r:.40}.\n{advice}")
    if content.get("digest") != compute_digest(content, prompt):
        raise BundleError(f"{path}: its digest does not fit: it was changed, or {WEIGHTS} was trained on.\n{advice}")
    try:
        return prompt, BundleInfo.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise BundleError(f"{path}: expected what `dawgen export` writes: {reason:.150}\n{advice}") from error
