"""Hugging Face datasets: folders on disk (saved datasets, or data files per split) and, by name only, the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.columns import Columns
from dawgen.data.delimited import check_names
from dawgen.data.formats import Record, Table, is_readable, read_table
from dawgen.data.remarks import Remarks
from dawgen.errors import DataError, first_line, suggest
from dawgen.hub.ask import ask_hub

if TYPE_CHECKING:
    from dawgen.tasks import Task

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(:[\w.-]+(/[\w.-]+)?)?")


def is_hub_name(source: str) -> bool:
    """Return whether the text can be a dataset on the hub, and is no data file's name: owner/name, owner/name:config or
    owner/name:config/split."""
    return _HUB_NAME.fullmatch(source) is not None and not is_readable(Path(source))


def read_folder(folder: Path, split: str | None, columns: Columns, remarks: Remarks) -> Table:
    """Return the records of one split of a folder: a dataset that `save_to_disk` wrote, or data files named by split.

    columns, remarks: as for `read_table`.

    Raises DataError if there is no data, no such split, or a choice to make.
    """
    if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
        return _read_saved(folder, split)
    by_split = _list_files(folder)
    chosen = _choose_split(str(folder), list(by_split), split)
    tables = [read_table(path, columns, remarks) for path in by_split[chosen]]
    return Table(chain.from_iterable(table.records for table in tables), tables[0].names)


def has_split(folder: Path, split: str) -> bool:
    """Return whether a folder has data files of that split."""
    return folder.is_dir() and split in _list_files(folder)


def read_hub(name: str, split: str | None, task: Task | None = None) -> Table:
    """Download one split of a dataset from the Hugging Face Hub and return its records.

    The task's config, revision and split names are used if the dataset is the task's own.
    Raises DataError if the hub cannot be reached or has no such dataset, config or split.
    """
    import datasets

    repo, _, config = name.partition(":")
    config, _, own = config.partition("/")
    split = own or split
    hub = task.hub if task and task.hub and task.hub.repo == repo else None
    revision = hub.revision if hub else None
    if hub and not config:
        config = hub.config or ""
    if hub and split:
        split = {str(ours): theirs for ours, theirs in hub.splits.items()}.get(split, split)
    reason = _explain_absence(repo)
    if reason is not None:
        raise _refuse(name, reason)
    try:
        loaded = datasets.load_dataset(repo, config or None, revision=revision)
    except Exception as error:  # the hub, its cache and the network each raise many kinds of errors
        raise _refuse(name, first_line(error)) from error
    return _from_dataset(loaded, name, split)


def _refuse(name: str, reason: str) -> DataError:
    return DataError(
        f"{name}: there is no such file, and it cannot be loaded from the Hugging Face Hub: {reason}\n"
        "Check the name (owner/name or owner/name:config) and the network, or give a file."
    )


def _explain_absence(repo: str) -> str | None:
    """Return why a dataset cannot come from the hub; None where it can, or where this machine has some of it."""
    import datasets
    from huggingface_hub import constants

    kept = (
        Path(constants.HF_HUB_CACHE) / f"datasets--{repo.replace('/', '--')}",
        Path(datasets.config.HF_DATASETS_CACHE) / repo.replace("/", "___").lower(),
    )
    return ask_hub("dataset", repo, kept)


def _read_saved(folder: Path, split: str | None) -> Table:
    import datasets

    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # a damaged folder surfaces as errors of Arrow, JSON or the file system
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{folder}: expected a dataset saved by datasets' save_to_disk: {reason}") from error
    return _from_dataset(loaded, str(folder), split)


def _from_dataset(loaded: Any, name: str, split: str | None) -> Table:
    import datasets

    if isinstance(loaded, datasets.DatasetDict):
        chosen = _choose_split(name, list(loaded), split)
        loaded, name = loaded[chosen], f"{name} {chosen}"
    check_names(loaded.column_names, name)
    names = {column: kind.names for column, kind in loaded.features.items() if isinstance(kind, datasets.ClassLabel)}
    return Table(_iterate_dataset(loaded, name), names)


def _iterate_dataset(loaded: Any, name: str) -> Iterator[Record]:
    for number, fields in enumerate(loaded, start=1):
        yield Record(fields, f"{name} row {number}")


def _show_split(name: str, split: str) -> str:
    """Return the name of one split of a source: FOLDER/test, or owner/name:config/test on the hub."""
    return f"{name}/{split}" if Path(name).is_dir() or ":" in name else f"{name}:default/{split}"


def _list_files(folder: Path) -> dict[str, list[Path]]:
    """Return the data files of a folder by split, in the order of their names."""
    files: list[Path] = []
    for place in (folder, folder / "data"):
        if place.is_dir() and not files:
            files = sorted(path for path in place.iterdir() if path.is_file() and is_readable(path))
    by_split: dict[str, list[Path]] = {}
    for path in files:
        by_split.setdefault(re.sub(r"-\d{5}-of-\d{5}$|_\d{5}$", "", path.name.partition(".")[0]), []).append(path)
    return by_split


def _choose_split(name: str, splits: list[str], split: str | None) -> str:
    if not splits:
        raise DataError(f"{name}: expected a saved dataset or data files in the folder, found none.")
    if split is None and len(splits) > 1:
        raise DataError(
            f"{name}: expected one split, found {', '.join(splits)}.\n"
            f'Say which: {_show_split(name, splits[0])}, or in Python split="{splits[0]}".'
        )
    if split is not None and split not in splits:
        raise DataError(f"{name}: expected a split {split!r}; {suggest(split, splits)}")
    return splits[0] if split is None else split
