"""A bundle's two files, read as if a stranger had written them: bounded, regular, and nothing of them is executed.

The digest is a SHA-256 over the content of bundle.json in one canonical spelling and over the prompt's numbers: one
name for a bundle, whichever way its JSON is indented. It finds damage and is what a user can pin; a stranger who
rewrites a bundle can compute it again, so it proves nothing by itself.
"""

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dawgen.errors import BundleError, name_place

INFO, PROMPT = "bundle.json", "prompt.safetensors"
PROBE = "probe.json"  # of a folder that holds a probe instead
MOST_INFO = 2**20  # bytes; the largest that dawgen writes have some 10 KiB
MOST_PROMPT = 2**26  # bytes; 1,000 rows on the widest models
MOST_HEADER = 2**12  # bytes; dawgen's own has 72

_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))  # a pipe must not block


def read_file(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file that is no symbolic link; nothing is read of one with more than `most`.

    Raises:
        BundleError: it is missing, something else than a file, too large or unreadable.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as stream:
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise BundleError(f"{path}: expected a regular file, found something else.")
            data = stream.read(most + 1) if facts.st_size <= most else b""
            if facts.st_size > most or len(data) > most:
                raise BundleError(f"{path}: expected at most {most} bytes, found {max(facts.st_size, len(data))}.")
            return data
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.parent}: expected a bundle, {path.name} is missing.{_point_inside(path.parent)}"
        ) from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)[:100]  # without the path, which may be long
        reason = "it is a symbolic link" if os.path.islink(path) else said
        raise BundleError(f"{path}: expected a regular file, could not read it: {reason}") from error


def read_info(path: Path) -> dict[str, Any]:
    """Return the content of a bundle.json, whose fields are not checked yet.

    Raises:
        BundleError: the file is refused, or holds something else than one JSON object.
    """
    return parse_info(read_file(path, MOST_INFO), path)


def parse_info(data: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object of `data`; raises as `read_info`."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_refuse_twins,
            parse_float=_read_finite,
            parse_constant=_read_finite,
        )
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON, the file is damaged: {str(error)[:100]}") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(value).__name__}: the file is damaged.")
    return value


def read_prompt(path: Path) -> Tensor:
    """Return the prompt [P,H] in float32 from a safetensors file that holds it and nothing else.

    Raises:
        BundleError: the file is refused, damaged, or holds something else.
    """
    return parse_prompt(read_file(path, MOST_PROMPT), path)


def parse_prompt(data: bytes, path: Path) -> Tensor:
    """Return the prompt of a safetensors file's bytes; raises as `read_prompt`."""
    header = int.from_bytes(data[:8], "little")
    if not 0 < header <= min(MOST_HEADER, len(data) - 8):
        raise BundleError(f"{path}: expected safetensors with a header of at most {MOST_HEADER} bytes, it is damaged.")
    names = set(parse_info(data[8 : 8 + header], path))
    if names != {"prompt"}:  # metadata would be a part of the file that no digest covers
        raise BundleError(f"{path}: expected one tensor named prompt, found {sorted(names)!r:.80}: it is damaged.")
    try:
        prompt: Tensor = load(data)["prompt"]
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BundleError(f"{path}: expected safetensors, the file is damaged: {str(error)[:100]}") from error
    if prompt.dtype != torch.float32 or prompt.dim() != 2 or not prompt.numel():
        kind = str(prompt.dtype).removeprefix("torch.")
        raise BundleError(f"{path}: expected a prompt [P,H] in float32, found {list(prompt.shape)} in {kind}.")
    if not bool(torch.isfinite(prompt).all()):
        raise BundleError(f"{path}: expected finite numbers, found NaN or infinity.")
    return prompt


def write_prompt(prompt: Tensor, path: Path) -> None:
    """Write a prompt [P,H] in float32 as `read_prompt` wants it."""
    path.write_bytes(save({"prompt": prompt}))  # save_file would keep all but the owner from reading it


def hash_content(content: Mapping[str, Any]) -> "hashlib._Hash":
    """Return the SHA-256, which more can be added to, of JSON content in one spelling, without the digest in it.

    Raises:
        ValueError: the content is not JSON, or holds NaN or infinity.
    """
    named = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(named, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


def check_format(place: Path, content: Mapping[str, Any], known: int, what: str, again: str) -> None:
    """Refuse content of another format than the known one. what: as an error calls it. again: how an older one is made
    anew.

    Raises:
        BundleError: it is another, or no number.
    """
    written = content.get("format")
    if type(written) is not int or written != known:
        todo = "Install a newer dawgen." if type(written) is int and written > known else again
        raise BundleError(f"{place}: expected {what} {known}, got {written!r:.40}.\n{todo}")


def check_digest(place: Path, content: Mapping[str, Any], computed: str, wanted: str | None, what: str) -> None:
    """Refuse content whose digest is not the computed one, or not the only one that is accepted. what: it is.

    Raises:
        BundleError: it was damaged or changed, or is another.
    """
    if content.get("digest") != computed:
        raise BundleError(f"{place}: its digest does not fit its content: a file is damaged or was changed.")
    if wanted is not None and wanted != computed:
        raise BundleError(f"{place}: expected the {what} with digest {wanted!r:.80}, got {computed}.")


def compute_digest(content: Mapping[str, Any], prompt: Tensor) -> str:
    """Return the SHA-256 of a bundle: its JSON content without the digest, and its prompt [P,H] in float32.

    Raises:
        ValueError: the content is not JSON, or holds NaN or infinity.
    """
    digest = hash_content(content)
    digest.update(f"\n{list(prompt.shape)}\n".encode())
    digest.update(prompt.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def clean(text: object) -> str:
    """Return what an error says of a stranger's file: at most 400 characters, with ? for control characters."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in str(text)[:400])


def explain(error: ValidationError) -> str:
    """Return pydantic's first message without the value, which may be anything."""
    first = error.errors(include_input=False, include_url=False)[0]
    return clean(f"{name_place(first['loc'])!r:.80}: {first['msg'].removeprefix('Value error, ')!s:.160}")


def _point_inside(folder: Path) -> str:
    """Return a hint at what is inside a run, for an argument that names the run; or at a probe."""
    if (folder / PROBE).is_file():
        return " It holds a probe, which only dawgen predict takes."
    inside = sorted(f"prompts/{path.parent.name}" for path in folder.glob(f"prompts/*/{INFO}"))
    inside += sorted(f"prompts/{path.parent.name} (a probe)" for path in folder.glob(f"prompts/*/{PROBE}"))
    return clean(f" There are {', '.join(inside[:8])} in it.") if inside else ""


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice would mean one thing to one reader of JSON and another to the next."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _read_finite(text: str) -> float:
    """1e999 would be read as infinity, and NaN is no JSON, though Python takes it."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no finite number")
    return value
