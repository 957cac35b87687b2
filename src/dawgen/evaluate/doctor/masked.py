"""A run's settings, numbers and log without any text of the user's: what is kept is on a list, all else is left out.

Kept are numbers, truth values, and words that dawgen itself defines, where it defines them: a setting's choices, names
of methods, kinds, reasons and steps, models and tasks that everybody has. Labels become positions.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from dawgen.config import GeneratorKind, RunConfig
from dawgen.curation.curator import REASONS
from dawgen.data import parse_fields
from dawgen.errors import DataError
from dawgen.evaluate.doctor.machine import mask_version
from dawgen.meanings import Meaning, list_meanings
from dawgen.methods.table import METHODS
from dawgen.models.known import KNOWN
from dawgen.models.resolve import MINIS
from dawgen.presets import PRESETS
from dawgen.report.run import metrics
from dawgen.runs.folder import list_parts
from dawgen.tasks import Task

GIVEN = "(given)"  # in place of a text
TAIL = 60  # last rows of the log of each stage and method
ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".txt", ".gz", ".yaml", ".yml")
FILES = ("train", "dev", "test", "unlabelled", "synthetic", "task")
STAGES = ("generator", "generate", "target")
# Names of fields in rows of the log, and of files in a run's folder.
_LOGGED = (
    "stage kind method step shard generated kept loss nll disc_loss align effective_tokens tokens lr rate cos conflict "
    "norm_real norm_synthetic removed loss_real loss_synthetic dev_accuracy dev_loss tokens_per_second"
)
_NAMED = (
    "config.yaml log.jsonl metrics.json report.html generator generators synthetic prompts raw adapter train.jsonl "
    "dropped.jsonl answers.jsonl README.md settings.json manifest.json generator.json prefix.safetensors bundle.json "
    "prompt.safetensors predicted.json checkpoint.pt adapter_config.json adapter_model.safetensors"
)
LOGGED = frozenset(_LOGGED.split())
BY_LABEL = ("kept", "labels")  # and all that ends so: whatever its keys are, they are the task's
SECONDS = re.compile(r"(tuning|judging|writing|loading|curating)( \w+)?")
_SHARD = re.compile(r"shard-\d+\.jsonl(\.gz)?")
_NAMES = frozenset(_NAMED.split())

KINDS: frozenset[str] = frozenset(get_args(GeneratorKind))
PARTS = [part for part in vars(metrics).values() if isinstance(part, type) and issubclass(part, metrics.Numbers)]
FIELDS = frozenset({name for part in PARTS for name in part.model_fields})


@cache
def list_models() -> frozenset[str]:
    """Return names of models that everybody has: the bundled ones, those with a short name, those of presets."""
    sections: list[Any] = [section for preset in PRESETS.values() for section in preset.values()]
    named = {section.get("model") for section in sections if isinstance(section, dict)}
    default = {RunConfig().generator.model, RunConfig().target.model, RunConfig().baselines.encoder}
    return frozenset({*MINIS, *KNOWN, *default, *(str(name) for name in named if name)})


def pick(value: Any, known: Container[str]) -> str:
    """Return a word that is known; of any other value only that it is given."""
    return value if isinstance(value, str) and value in known else GIVEN


def mask_settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's config.yaml: each setting by its dotted name, and what it records beside them."""
    known = _list_settings()
    found, unknown = dict[str, Any](), 0
    for key, value in _flatten(recorded, ""):
        if key in known:
            found[key] = mask_setting(known[key], value)
        else:
            unknown += 1
    record = recorded.get("record")
    return {"settings": found, "unknown settings": unknown} | ({"record": _mask_record(record)} if record else {})


def mask_setting(one: Meaning, value: Any) -> Any:
    """Return a setting's value if it is a number, a truth value or one of its words; else that it is given."""
    if value is None or (isinstance(value, bool) and "true or false" in one.allowed):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and "number" in one.allowed:
        return value
    if isinstance(value, list | tuple):
        return [mask_setting(one, item) for item in value]
    if isinstance(value, Mapping):
        return f"({len(value)} given)"
    if isinstance(value, str) and value in _list_words(one):
        return value
    ending = Path(value).suffix.lower() if isinstance(value, str) and one.key in FILES else ""
    return f"(given, {ending})" if ending in ENDINGS else GIVEN


def mask_metrics(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics.json: its numbers, by names of dawgen's own; of labels, notes and warnings how many there are."""
    words = FIELDS | KINDS | METHODS.keys() | set(REASONS)
    result: dict[str, Any] = _mask(found, words)
    for name in ("notes", "warnings", "labels"):
        if isinstance(value := found.get(name), list):
            result[name] = len(value)
    if isinstance(seconds := found.get("seconds"), Mapping):
        result["seconds"] = {name: value for name, value in seconds.items() if _is_stage(name, value)}
    return result | {"task": pick(found.get("task"), Task.names())}


def mask_log(path: Path) -> list[dict[str, Any]]:
    """Return the last rows of a run's log, of each stage and method; a last row says how many could not be read."""
    places: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    damaged = 0
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        if not line.strip():
            continue
        try:
            row = mask_row(parse_fields(line, "log"))
        except DataError:  # a killed process may leave half a line
            damaged += 1
            continue
        rows = places.setdefault(tuple(row.get(name) for name in ("stage", "kind", "method")), [])
        rows.append(row)
        del rows[:-TAIL]
    found = [row for rows in places.values() for row in rows]
    return [*found, {"damaged lines": damaged}] if damaged else found


def mask_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the log: numbers under known names, and where it belongs."""
    named = {"stage": STAGES, "kind": KINDS, "method": METHODS}
    result: dict[str, Any] = _mask({name: value for name, value in row.items() if name not in named}, LOGGED)
    places = {name: pick(row[name], known) for name, known in named.items() if name in row}
    return places | result


def mask_files(folder: Path) -> dict[str, int]:
    """Return the bytes of each file that a run wrote; files under other names than a run's are one entry."""
    found: dict[str, int] = {}
    for path in [*list_parts(folder), folder / "manifest.json"]:
        if path.is_file():
            parts = path.relative_to(folder).parts
            name = "/".join(parts) if all(_is_part(part) for part in parts) else "(others)"
            found[name] = found.get(name, 0) + path.stat().st_size
    return found


def _mask_record(record: Any) -> dict[str, Any]:
    """Return what a run's bytes depend on: versions, threads, device; of inputs how many, of models the public name."""
    if not isinstance(record, Mapping):
        return {}
    versions, models, inputs = (_as_mapping(record.get(name)) for name in ("versions", "models", "inputs"))
    device = str(record.get("device"))
    own = {"dawgen", "python", "torch", "transformers"}
    return {
        "versions": {name: mask_version(str(value)) for name, value in versions.items() if name in own},
        "threads": record.get("threads") if isinstance(record.get("threads"), int) else None,
        "device": device if re.fullmatch(r"(cpu|cuda|mps)(:\d+)?", device) else GIVEN,
        "models": {
            role: pick(_as_mapping(model).get("name"), list_models())
            for role, model in models.items()
            if role in ("generator", "target")
        },
        "inputs": len(inputs),
    }


@cache
def _list_settings() -> Mapping[str, Meaning]:
    return {one.key: one for one in list_meanings()}


def _list_words(one: Meaning) -> frozenset[str]:
    """Return the words that a setting may have and everybody knows."""
    if one.key in ("methods", "task"):
        return frozenset(METHODS if one.key == "methods" else Task.names())
    if one.key.endswith(".model") or one.key in ("curate.judge", "baselines.encoder"):
        return list_models() | {"target"}
    if one.key == "columns.encoding":
        return frozenset({"utf-8", "utf-16", "utf-8-sig", "cp1252", "latin-1", "iso8859-1"})
    if one.key == "columns.delimiter":
        return frozenset({",", ";", "\t", "|", " ", ":"})
    return frozenset(one.choices)


def _mask(value: Any, words: frozenset[str] | set[str]) -> Any:
    """Return a value with numbers alone; names of fields stay if they are words, others become positions."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_mask(item, words) for item in value]
    if not isinstance(value, Mapping):
        return GIVEN
    found = {
        name: [_mask(item, words) for item in inner.values()]
        if isinstance(inner, Mapping) and name.endswith((*BY_LABEL, "_label"))
        else _mask(inner, words)
        for name, inner in value.items()
        if name in words
    }
    others = [_mask(inner, words) for name, inner in value.items() if name not in words]
    return found | ({"others": others} if others else {})


def _is_stage(name: str, value: Any) -> bool:
    found = SECONDS.fullmatch(name)
    known = found is not None and (found[2] is None or found[2].strip() in KINDS | METHODS.keys())
    return known and isinstance(value, int | float)


def _is_part(name: str) -> bool:
    return name in _NAMES or name in KINDS or name in METHODS or bool(_SHARD.fullmatch(name))


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _flatten(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield settings by dotted name; what a section `labels` or `label_words` holds is one value."""
    for name, inner in value.items():
        key = f"{prefix}{name}"
        if key == "record":
            continue
        if isinstance(inner, Mapping) and key not in _list_settings():
            yield from _flatten(inner, f"{key}.")
        else:
            yield key, inner
