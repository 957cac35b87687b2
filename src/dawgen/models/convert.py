"""A GGUF file of a causal model becomes a folder as any other: safetensors in bfloat16, tokenizer, chat template.

It happens once, into the user's cache: reading a GGUF takes half a minute for 135 million parameters, the folder two
seconds. The numbers are those of the file, rounded to bfloat16.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils

from dawgen.errors import ModelError, first_line
from dawgen.files import hash_unchanged
from dawgen.models.gguf_file import GgufFile, list_missing, read_gguf
from dawgen.models.load import PROBE
from dawgen.models.quiet import silence
from dawgen.models.store import SPARE, find_place, is_whole, keep
from dawgen.progress import Advance, Reporter

WIDTH = 2  # bytes of a number in bfloat16

_NO_DECODERS = {"t5": "an encoder-decoder", "umt5": "an encoder-decoder", "t5encoder": "an encoder"}


def convert_gguf(path: Path, reporter: Reporter | None = None) -> Path:
    """Return the folder of the converted model; it is made if it is not in the cache.

    Raises:
        ModelError: the file is damaged, or of a family that is not causal or that transformers cannot read; the
            libraries of the extra `gguf` are missing; the cache cannot be written.
    """
    with suppress(OSError):  # a file that cannot be read is explained below
        if is_whole(folder := find_place(hash_unchanged(path))):
            return folder  # every load asks: the header, of some 10 MiB, need not be read again
    facts = read_gguf(path)
    digest = hash_unchanged(path)
    if facts.architecture in _NO_DECODERS:
        raise ModelError(
            f"{path}: expected a causal language model, got {facts.architecture}, {_NO_DECODERS[facts.architecture]}.\n"
            "Such a model is read from a folder or by its hub name, with weights in safetensors."
        )
    if missing := list_missing():
        raise ModelError(
            f"{path}: expected the libraries that read GGUF files, {' and '.join(missing)} not installed.\n"
            'Install them: pip install "dawgen[gguf]"'
        )
    reporter = reporter or Reporter()

    def make(folder: Path) -> dict[str, Any]:
        reporter.say(f"{path.name}: becomes a folder of safetensors, once; a 135M model takes half a minute")
        with reporter.stage(f"{path.name} converted", 3) as advance:
            _convert(facts, folder, advance)
        return {"source": {"file": path.name, "sha256": digest, "bytes": facts.bytes}, **_describe(facts)}

    return keep(digest, WIDTH * facts.parameters + SPARE, make, reporter)


def _describe(facts: GgufFile) -> dict[str, Any]:
    return {
        "kind": "causal",
        "name": facts.name,
        "license": facts.licence,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "quantisation": facts.quantisation,
        "versions": {name: version(name) for name in ("gguf", "transformers", "torch")},
    }


def _convert(facts: GgufFile, folder: Path, advance: Advance) -> None:
    model, tokenizer = _read(facts)
    advance()
    # A model that was read from a GGUF does not let itself be saved: one of the same config takes its weights over.
    config = type(model.config).from_dict(
        {key: value for key, value in model.config.to_dict().items() if key != "quantization_config"}
    )
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    plain.load_state_dict(model.state_dict())
    advance()
    try:
        with silence():
            plain.save_pretrained(folder)
    except SafetensorError as error:
        full = "No space left" in str(error) or f"os error {errno.ENOSPC}" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, os.strerror(errno.ENOSPC) if full else str(error)) from error
    tokenizer.save_pretrained(folder)
    _check_tokenizer(facts, AutoTokenizer.from_pretrained(folder))
    advance()


def _read(facts: GgufFile) -> tuple[Any, Any]:
    folder, options = str(facts.path.resolve().parent), {"gguf_file": facts.path.name, "local_files_only": True}
    try:
        with silence(), _hide_bar():
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            model, info = AutoModelForCausalLM.from_pretrained(
                folder, **options, dtype=torch.bfloat16, output_loading_info=True
            )
    except Exception as error:  # whatever the libraries raise on a stranger's file
        reason = first_line(error)
        if "is not supported" in reason or "Unrecognized" in reason:
            raise ModelError(
                f"{facts.path}: expected an architecture that transformers {version('transformers')} reads from GGUF, "
                f"got {facts.architecture!r:.60}.\nSuch a model is read from a folder or by its hub name, with weights "
                "in safetensors."
            ) from error
        raise ModelError(
            f"{facts.path}: expected a GGUF file of a causal language model, could not read it: {reason}\n"
            "Fetch it again, or take another file of the model."
        ) from error
    lacking = sorted(info["missing_keys"])
    if lacking:
        raise ModelError(f"{facts.path}: its weights lack {len(lacking)} tensors, {lacking[0]} among them.")
    if not all(bool(weight.isfinite().all()) for weight in model.state_dict().values()):
        raise ModelError(f"{facts.path}: expected finite weights, found NaN or infinity.\nFetch the file again.")
    return model, tokenizer


def _check_tokenizer(facts: GgufFile, tokenizer: Any) -> None:
    """Refuse a tokenizer that comes back as another one: transformers 5.5 loads CodeLlama's where the file has a
    byte-level one, and a model that is given wrong tokens answers, only badly."""
    ids = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    if tokenizer.unk_token_id in ids or tokenizer.decode(ids).strip() != PROBE:
        raise ModelError(
            f"{facts.path}: expected a tokenizer that gives {PROBE!r} back, transformers {version('transformers')} "
            f"makes another one of the file: {tokenizer.decode(ids)!r:.80}.\n"
            "Install a newer transformers, or take the model's folder or hub name."
        )


@contextmanager
def _hide_bar() -> Iterator[None]:
    """Hide the one bar that transformers draws whatever its own settings say."""
    bar = modeling_gguf_pytorch_utils.tqdm
    modeling_gguf_pytorch_utils.tqdm = partial(bar, disable=True)
    try:
        yield
    finally:
        modeling_gguf_pytorch_utils.tqdm = bar
