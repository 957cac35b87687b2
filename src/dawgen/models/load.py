"""Loads a frozen backbone, generator or target, from the package, a folder or the Hugging Face hub."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from dawgen.config import Dtype
from dawgen.errors import ModelError, first_line, suggest
from dawgen.models.fuse import fuse
from dawgen.models.hub import explain_absence
from dawgen.models.known import KNOWN, advise_known
from dawgen.models.quiet import silence
from dawgen.models.resolve import MINIS, name_quantisation, name_revision, resolve_model
from dawgen.models.texts import ReadTexts
from dawgen.models.trust import advise, check_source, code_options, weight_options
from dawgen.models.units import measure_unit

Kind = Literal["causal", "seq2seq"]

_OVERFLOWS = ("t5", "mt5", "umt5", "longt5", "switch_transformers")
_DTYPES: dict[Dtype, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_AUTO: dict[Kind, Any] = {"seq2seq": AutoModelForSeq2SeqLM, "causal": AutoModelForCausalLM}
_ELSEWHERE = f"Check name and network, or use a bundled model ({', '.join(MINIS)})."
PROBE = "Two people aren't playing chess, 1 + 2 = 3."


@dataclass(frozen=True)
class Backbone:
    """A frozen model in eval mode with its tokenizer, and what identifies them.

    revision: commit of a hub model, None for a folder. fingerprint: see `fingerprint`. quantisation: in which the
    weights were before they became numbers again, such as "Q4_1"; None where they were not.
    """

    model: Any
    tokenizer: Any
    kind: Kind
    name: str
    revision: str | None
    fingerprint: str
    quantisation: str | None = None

    @cached_property
    def exact(self) -> str:
        """SHA-256 of the weights bit for bit, in the dtype that they were loaded in; made when first asked for."""
        digest = hashlib.sha256()
        _hash_weights(digest, self.model, None)
        return digest.hexdigest()

    @cached_property
    def size(self) -> int:
        """How many numbers the weights are."""
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def unit(self) -> float:
        """The standard deviation of the input embeddings, `units.measure_unit`; measured when first asked for."""
        return measure_unit(self.model.get_input_embeddings())

    @cached_property
    def texts(self) -> ReadTexts:
        """The texts that the model has read, for as long as it is loaded; see `target.placement`."""
        return ReadTexts(f"{self.fingerprint}/{self.model.dtype}")


def load_generator(name: str, *, dtype: Dtype = "float32", device: str = "cpu") -> Backbone:
    """Load a causal model, frozen, as the generator.

    Raises:
        ModelError: the model cannot be found or read, or is not causal.
    """
    backbone = _load(name, dtype, device)
    if backbone.kind != "causal":
        raise ModelError(
            f"generator {name}: expected a causal language model, got a {backbone.model.config.model_type} model that "
            "is encoder-decoder.\nName a causal one such as mini-ctrl, gpt2 or Salesforce/ctrl."
        )
    return backbone


def load_target(name: str, *, dtype: Dtype = "float32", device: str = "cpu") -> Backbone:
    """Load a seq2seq or causal model, frozen, as the target.

    Raises:
        ModelError: the model cannot be found or read, is of neither kind, or is a T5 asked for in float16.
    """
    backbone = _load(name, dtype, device)
    fuse(backbone.model)
    return backbone


def read_config(name: str) -> Any:
    """Return the configuration of the model.

    Raises:
        ModelError: it cannot be found or read, or it is code that is not trusted.
    """
    source = resolve_model(name)
    if not Path(source).is_dir() and (reason := explain_absence(source)) is not None:
        near = suggest(name, [*MINIS, *KNOWN])
        advice = advise_known(name) or (near[0].upper() + near[1:] if "did you mean" in near else _ELSEWHERE)
        raise ModelError(
            f"{name}: expected a Hugging Face model folder or hub name, could not load it: {reason}.\n{advice}"
        )
    return _read(name, AutoConfig, source, **code_options(name))


def read_tokenizer(name: str) -> Any:
    """Return the tokenizer of the model; raises as `read_config`."""
    return _read(name, AutoTokenizer, resolve_model(name), **code_options(name))


def fingerprint(model: Any, tokenizer: Any) -> str:
    """Return a SHA-256 over architecture, weights (in bfloat16, so that the dtype of loading does not matter) and
    tokenizer: what a prefix or soft prompt depends on."""
    digest = hashlib.sha256(model.config.model_type.encode())
    _hash_weights(digest, model, torch.bfloat16)
    digest.update(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    digest.update(json.dumps(tokenizer(PROBE)["input_ids"]).encode())
    return digest.hexdigest()


def name_dtype(backbone: Backbone) -> Dtype:
    """Return the dtype of the model's weights."""
    return next(name for name, dtype in _DTYPES.items() if dtype == backbone.model.dtype)


def _hash_weights(digest: Any, model: Any, dtype: torch.dtype | None) -> None:
    """Feed names, shapes and bits of all weights, numbers with a fraction rounded to `dtype` first (None: as is)."""
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        bits = weight.detach().to("cpu", dtype) if weight.is_floating_point() else weight.detach().cpu()
        digest.update(bits.contiguous().flatten().view(torch.uint8).numpy().data)


def _load(name: str, dtype: Dtype, device: str) -> Backbone:
    source = resolve_model(name)
    with silence():
        config = read_config(name)
        check_source(name, source, config)
        kind = _find_kind(name, config)
        if dtype == "float16" and config.model_type in _OVERFLOWS:
            raise ModelError(
                f"{name}: float16 is refused for the {config.model_type} family, whose activations overflow it and "
                "become NaN.\nUse bfloat16 or float32."
            )
        tokenizer = read_tokenizer(name)
        options = weight_options(name) | {"dtype": _DTYPES[dtype], "output_loading_info": True}
        model, info = _read(name, _AUTO[kind], source, **options)
    if info["missing_keys"]:  # transformers fills them with random numbers
        raise ModelError(
            f"{name}: its weights lack {len(info['missing_keys'])} tensors, {min(info['missing_keys'])} among them."
            "\nGet a complete copy of the model, with its language-modelling head."
        )
    if tokenizer.pad_token_id is None:  # CTRL and GPT-2 have none; padded positions are masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.convert_ids_to_tokens(0)
    model = model.to(device).eval().requires_grad_(False)
    # transformers sets it for models that it looked up on the hub itself.
    revision = getattr(config, "_commit_hash", None) or name_revision(name, source)
    print_ = fingerprint(model, tokenizer)
    return Backbone(model, tokenizer, kind, name, revision, print_, name_quantisation(source))


def _find_kind(name: str, config: Any) -> Kind:
    family, named = config.model_type, config.architectures or []
    kinds: dict[Kind, Any] = {
        "seq2seq": MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.get(family),
        "causal": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(family),
    }
    own = getattr(config, "auto_map", None) or {}  # of a trusted model with code of its own
    for kind, architecture in kinds.items():
        if architecture and (architecture in named or not named):
            return kind
        if not architecture and _AUTO[kind].__name__ in own:
            return kind
    raise ModelError(
        f"{name}: expected a causal or a seq2seq language model, got {', '.join(named) or family}.\n"
        "Name a model with a language-modelling head, such as gpt2 or google/flan-t5-base."
    )


def _read(name: str, auto: Any, source: str, **options: Any) -> Any:
    try:
        return auto.from_pretrained(source, **options)
    except Exception as error:  # whatever transformers raises on a stranger's files
        reason = first_line(error)
        raise ModelError(
            f"{name}: expected a Hugging Face model folder or hub name, could not load it: {reason}\n"
            + (advise(name, source, error) or advise_known(name) or _ELSEWHERE)
        ) from error
