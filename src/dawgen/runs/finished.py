"""A finished run or set as others read it: where it is, what it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dawgen.data.hub import is_hub_name
from dawgen.errors import DataError
from dawgen.files import hash_file, read_json
from dawgen.generator.saved import Record
from dawgen.report.run.files import Fields, read_settings

WAYS = {  # DecodeConfig.first_texts, in words
    "given": "texts without labels that the job had, word for word",
    "shots": "text1 of the few labelled examples, word for word",
    "written": "written by the generator",
}


def find_run(folder: Path) -> Path | None:
    """Return the finished run that a set or a bundle (RUN/synthetic, RUN/prompts/METHOD) belongs to, if any."""
    place = folder.resolve()
    run = place.parent if place.name == "synthetic" else place.parent.parent if place.parent.name == "prompts" else None
    whole = run is not None and all((run / name).is_file() for name in ("manifest.json", "metrics.json", "config.yaml"))
    return run if whole else None


def read_run_files(run: Path) -> tuple[Fields, Fields]:
    """Return what config.yaml and metrics.json of a run say. Raises DataError for a damaged one."""
    return read_settings(run / "config.yaml"), read_json(run / "metrics.json")


def find_generator(folder: Path) -> Record | None:
    """Return the generator beside a set, if the set's raw rows were written with its prefix."""
    settings = folder / "raw" / "settings.json"
    for place in (folder / "generator", folder.resolve().parent / "generator"):
        files = [place / "generator.json", place / "prefix.safetensors", settings]
        if all(file.is_file() for file in files) and read_json(settings).get("prefix") == hash_file(files[1]):
            try:
                return Record.model_validate_json(files[0].read_bytes())
            except ValueError as error:
                raise DataError(
                    f"{files[0]}: expected a saved generator: {' '.join(str(error).split())[:150]}"
                ) from error
    return None


def describe_generator(record: Record) -> dict[str, Any]:
    """Return what a saved generator says of itself; its few-shot texts are left where they are."""
    settings = record.settings.model_dump(mode="json")
    base = {
        "model": hide_path(record.base.name),
        "revision": record.base.revision,
        "fingerprint": record.base.fingerprint,
    }
    return {
        "generator": base
        | {"kind": settings.pop("kind"), "settings": {k: v for k, v in settings.items() if k != "model"}},
        "decode": record.decode.model_dump(mode="json"),
        "first_texts": WAYS[record.decode.first_texts] if record.task.pair else None,
        "seed": record.seed,
        "generator_warnings": list(record.warnings),
    }


def hide_path(model: str) -> str:
    """Return a model's name; of one that is a folder of this machine only the folder's name."""
    return model if is_hub_name(model) or "/" not in model else f"{Path(model).name} (a folder)"
