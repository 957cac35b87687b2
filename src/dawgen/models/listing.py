"""Which models are at hand, and what a named one is or would need; no weights are read, and nothing is fetched."""

import difflib
import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dawgen.files import hash_unchanged
from dawgen.models.gguf_file import is_gguf, list_missing, read_gguf
from dawgen.models.hub import find_snapshot, list_snapshots, list_weights
from dawgen.models.known import KNOWN, Found, Kind, Known, find_known
from dawgen.models.resolve import MINIS, name_quantisation, resolve_model
from dawgen.models.store import find_place, find_store, read_record

EXTRA = 'pip install "dawgen[gguf]"'

_LICENCE = re.compile(r"^license:\s*[\"']?([\w.-]+)", re.MULTILINE)
_CAUSAL, _ENCODER = ("ForCausalLM", "LMHeadModel"), ("Model", "ForMaskedLM")


@dataclass(frozen=True)
class Entry:
    """What is known of a model without loading it; None is unknown.

    place: its folder or file on this machine, None if it is not here. bytes: its size there. parameters: how many
    numbers. disk: bytes that its first use will write into dawgen's cache. needs: what to type before it can be used.
    """

    name: str
    kind: Kind | None
    source: str
    place: str | None = None
    bytes: int | None = None
    licence: str | None = None
    parameters: int | None = None
    quantisation: str | None = None
    disk: int = 0
    needs: tuple[str, ...] = ()
    hub: str | None = None
    note: str = ""

    @property
    def memory(self) -> dict[str, int] | None:
        """Bytes that the weights alone take in memory, for each dtype."""
        return None if self.parameters is None else {"float32": 4 * self.parameters, "bfloat16": 2 * self.parameters}

    def as_dict(self) -> dict[str, Any]:
        """Return what `dawgen models --json` prints."""
        return asdict(self) | {"memory": self.memory}


def list_models() -> list[Entry]:
    """Return the models that have a short name, here or not, and all others that are in dawgen's cache or the hub's."""
    known = [describe_model(name) for name in (*MINIS, *KNOWN)]
    return [*known, *_list_converted(), *_list_fetched()]


def describe_model(name: str) -> Entry:
    """Return what is known of a model, by short name, folder, GGUF file, or name on the hub.

    Raises:
        ModelError: a path where nothing is, or a damaged GGUF file.
    """
    if name in MINIS:
        kind: Kind = "causal" if name == "mini-ctrl" else "seq2seq"
        folder = Path(resolve_model(name))
        return replace(_describe_folder(name, folder, "dawgen itself"), kind=kind, licence="apache-2.0")
    if name in KNOWN:
        return _describe_known(KNOWN[name])
    if is_gguf(name):
        return _describe_gguf(Path(name).expanduser())
    place = Path(resolve_model(name))
    if place.is_dir():
        return _describe_folder(name, place, _name_origin(place) or "a folder")
    snapshot = find_snapshot(name)
    if snapshot is not None:
        return _describe_folder(name, snapshot, "the Hugging Face cache", hub=name)
    close = difflib.get_close_matches(name, [*MINIS, *KNOWN], 1)
    hint = f"Did you mean {close[0]}?" if close else ""
    return Entry(name, None, "not here: it would be fetched from the Hugging Face Hub", hub=name, note=hint)


def _list_converted() -> Iterator[Entry]:
    short = {find_place(package.sha256) for known in KNOWN.values() for package in known.packages}
    for folder in sorted(find_store().glob("*")):
        origin = None if folder in short or folder.name.startswith(".") else _name_origin(folder)
        if origin is not None:
            yield _describe_folder(str(folder), folder, origin)


def _list_fetched() -> Iterator[Entry]:
    short = {known.hub for known in KNOWN.values()}
    for name, snapshot in list_snapshots():
        entry = _describe_folder(name, snapshot, "the Hugging Face cache", hub=name)
        if name not in short and entry.kind is not None:
            yield entry


def _describe_known(known: Known) -> Entry:
    facts: dict[str, Any] = {
        "licence": known.licence,
        "parameters": known.parameters,
        "hub": known.hub,
        "note": known.note,
    }
    found = find_known(known, check=False)
    if found is None:
        quantised = known.packages[0].file.endswith(".gguf")
        needs = (known.needs[0], *(_list_needs() if quantised else ()))
        return Entry(known.name, known.kind, "not here", **facts, needs=needs, disk=known.bytes if quantised else 0)
    if found.package is None or found.source != "package":
        quantisation = found.package.quantisation if found.package else None
        entry = _describe_folder(known.name, found.path, _name_source(found))
        return replace(entry, kind=known.kind, quantisation=quantisation, **facts)
    single = found.path.suffix in (".gguf", ".zip")
    first = single and not find_place(found.package.sha256).is_dir()
    return Entry(
        known.name,
        known.kind,
        _name_source(found),
        place=str(found.path if single else found.path.parent),
        bytes=found.package.bytes,
        quantisation=found.package.quantisation,
        disk=known.bytes if first else 0,
        needs=_list_needs() if first and found.path.suffix == ".gguf" else (),
        **facts,
    )


def _describe_gguf(path: Path) -> Entry:
    facts = read_gguf(path)
    first = not find_place(hash_unchanged(path)).is_dir()
    return Entry(
        str(path),
        "causal",
        f"a GGUF file of {facts.name or facts.architecture}",
        place=str(path),
        bytes=facts.bytes,
        licence=facts.licence,
        parameters=facts.parameters,
        quantisation=facts.quantisation,
        disk=2 * facts.parameters if first else 0,
        needs=_list_needs() if first else (),
    )


def _describe_folder(
    name: str, folder: Path, source: str, *, licence: str | None = None, hub: str | None = None
) -> Entry:
    weights, record = list_weights(folder), read_record(folder) or {}
    said = record.get("license")
    return Entry(
        name,
        _guess_kind(folder),
        source,
        place=str(folder),
        bytes=sum(file.stat().st_size for file in weights) or None,
        licence=said if isinstance(said, str) else _read_licence(folder),
        parameters=sum(map(_count_parameters, weights)) or None,
        quantisation=name_quantisation(str(folder)),
        hub=hub,
    )


def _guess_kind(folder: Path) -> Kind | None:
    """Return the kind by the names in config.json; `load` asks transformers when the model is used."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        names = [str(name) for name in config.get("architectures") or ()]
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    if (folder / "modules.json").is_file():
        return "encoder"
    if config.get("is_encoder_decoder") or any(name.endswith("ForConditionalGeneration") for name in names):
        return "seq2seq"
    if any(name.endswith(_CAUSAL) for name in names):
        return "causal"
    return "encoder" if any(name.endswith(_ENCODER) for name in names) else None


def _count_parameters(file: Path) -> int:
    """Return how many numbers a safetensors file holds, as its header says; 0 for one that cannot be read."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, 2**27)))
        return sum(math.prod(facts["shape"]) for name, facts in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return 0


def _read_licence(folder: Path) -> str | None:
    """Return the licence that the front matter of a model's README names."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(10_000)
    except OSError:
        return None
    found = _LICENCE.search(head.split("\n---", 1)[0]) if head.startswith("---") else None
    return found[1] if found else None


def _name_origin(folder: Path) -> str | None:
    source = (read_record(folder) or {}).get("source")
    return f"converted from {source.get('file')}" if isinstance(source, dict) else None


def _name_source(found: Found) -> str:
    if found.package is None:
        return "the Hugging Face cache"
    if found.source != "package":
        return f"converted from {found.package.file}"
    try:
        return f"the package {found.package.project} {version(found.package.project)}"
    except PackageNotFoundError:  # files without their dist-info
        return f"the package {found.package.project}"


def _list_needs() -> tuple[str, ...]:
    return (EXTRA,) if list_missing() else ()
