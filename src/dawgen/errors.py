"""The errors that dawgen raises on purpose; each says what was expected, what came and what to do.

`exit_status` is what the command line returns: 2 for wrong input or arguments, 1 for a job that failed. Every error is
a `DawgenError`: `ConfigError`, `DataError`, `ModelError`, `BundleError`, `ShortfallError`, `ServerError` or
`BudgetError`.

>>> import dawgen
>>> try:
...     dawgen.Task.load("scenes-nly")
... except dawgen.errors.DawgenError as error:
...     print(type(error).__name__, error.exit_status, str(error).splitlines()[0].partition("; ")[0])
ConfigError 2 unknown task 'scenes-nly'
"""

import difflib
import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class DawgenError(Exception):
    """Base of every deliberate error; the message is one or two plain lines."""

    exit_status = 1


class ConfigError(DawgenError, ValueError):
    """A setting or argument is wrong: a ValueError too, as callers of other libraries expect."""

    exit_status = 2


class DataError(DawgenError, ValueError):
    """An input file or example is wrong; the message names file and line where there are any. A ValueError too."""

    exit_status = 2


class ModelError(DawgenError):
    """A model folder is missing, of the wrong kind, or cannot do what the task needs."""

    exit_status = 2


class BundleError(DawgenError):
    """A bundle is damaged, or does not belong to the base model it is put on."""

    exit_status = 2


class ServerError(DawgenError):
    """A model server gave no usable answer; what it has answered before is stored, and the same command goes on."""


class BudgetError(DawgenError):
    """The tokens or the money that a set may take are spent; what was paid for is stored, a larger budget goes on."""


class ShortfallError(DawgenError):
    """Generation ended with fewer kept examples than requested; its shards stay on disk.

    `kept` and `requested` count examples per label; `reasons` counts dropped rows per reason.
    """

    def __init__(
        self, kept: Mapping[str, int], requested: Mapping[str, int], reasons: Mapping[str, int], *, advice: str = ""
    ) -> None:
        self.kept, self.requested, self.reasons = dict(kept), dict(requested), dict(reasons)
        counts = ", ".join(f"{label}: {kept.get(label, 0)} of {wanted}" for label, wanted in requested.items())
        dropped = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items(), key=lambda kv: -kv[1]))
        super().__init__(
            f"expected {sum(requested.values())} synthetic examples, kept {sum(kept.values())} ({counts}); "
            f"dropped: {dropped or 'none'}.\n"
            + (advice or "Give more first texts, sample with a higher temperature, or ask for fewer per label.")
        )


def suggest(word: str, options: Iterable[str], most: int = 12) -> str:
    """Return the end of an error about an unknown name: `there are mnli, snli: did you mean mnli?`.

    most: names that are shown.
    """
    names = [str(option) for option in options]
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"there are {shown or 'none'}" + (f": did you mean {nearest[0]}?" if nearest else "")


def name_place(parts: Iterable[int | str]) -> str:
    """Return the dotted name of a setting from pydantic's path to it, without the branches of a choice."""
    return ".".join(str(part) for part in parts if isinstance(part, int) or part.isidentifier())


def first_line(error: Exception) -> str:
    """Return what a library's exception says, in one line of at most 200 characters; its class if it says nothing."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


@contextmanager
def name_disk_fault(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make errors of writing a file name it: those of the system, and of libraries that only quote the system.

    Raises:
        OSError: with the system's number and the file's name, for a full disk, no permission and the like.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    except DawgenError:
        raise
    except Exception as error:
        if (number := _find_number(error, os.fspath(path))) is None:
            raise
        raise OSError(number, os.strerror(number), os.fspath(path)) from error


def describe_disk_fault(error: OSError) -> str:
    """Return what an error of the system means, with the file where it is known, and what to do."""
    name = error.filename if error.filename is not None else error.filename2
    where = f"{os.fsdecode(name)}: " if isinstance(name, str | bytes) else ""
    if not where and error.errno == errno.ENOSPC:  # dawgen names its files
        where = "the output: "
    said, todo = _FAULTS.get(error.errno or 0, (error.strerror or first_line(error), ""))
    if not where and not todo:
        where = f"{type(error).__name__}: "
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", -1)):
        todo += " What is done stays on the disk."
    return f"{where}{said}.{chr(10) + todo if todo else ''}"


_ELSEWHERE = "Give yourself the right to it, or choose another place."
_FAULTS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Make room, or choose a place on another disk."),
    errno.EACCES: ("no permission", _ELSEWHERE),
    errno.EPERM: ("not permitted: the file or its folder is protected", _ELSEWHERE),
    errno.EROFS: ("its file system is read-only", "Choose another place."),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "Choose another place."),
    errno.EEXIST: ("expected a folder, found something else", "Choose another place."),
    errno.EISDIR: ("expected a file, found a folder", "Choose another name."),
    errno.ENOTEMPTY: ("expected an empty folder, found files", "Choose another place."),
    errno.ENOENT: ("there is no such file or folder", "Check the path."),
    errno.ENAMETOOLONG: ("the name is too long for the file system", "Choose a shorter one."),
    errno.ELOOP: ("its links lead round in a circle, or links are refused here", "Name the file itself."),
    errno.EMFILE: ("too many files are open", "Allow more (`ulimit -n`), or close some."),
    errno.EIO: ("the disk reports a damage", "Check the disk."),
    errno.ENXIO: ("there is nothing behind this file", "Choose another place."),
}
if hasattr(errno, "EDQUOT"):
    _FAULTS[errno.EDQUOT] = ("your share of the disk is used up", _FAULTS[errno.ENOSPC][1])


def _find_number(error: Exception, path: str) -> int | None:
    """Return the system's number in the words of a library that writes files itself, None where there is none."""
    if (quoted := re.search(r"\bos error (\d+)", str(error))) is not None:  # safetensors, in Rust
        return int(quoted[1])
    if "PytorchStreamWriter" in str(error) or "iostream error" in str(error):  # torch.save says no more
        try:
            return errno.ENOSPC if shutil.disk_usage(os.path.dirname(path) or ".").free < 2**20 else errno.EIO
        except OSError as lost:
            return lost.errno
    return None


SECRET = "secret"  # the kind of a fault whose value may hold a password or a key, and is not shown
PLAIN = {  # pydantic's kinds of faults whose own words speak of Python
    "tuple_type": "the value should be a list, such as [a, b]",
    "list_type": "the value should be a list, such as [a, b]",
    "int_parsing": "the value should be a whole number",
    "int_from_float": "the value should be a whole number",
    "float_parsing": "the value should be a number",
    "bool_parsing": "the value should be true or false",
    "dict_type": "the value should be names with values, such as {a: b}",
    "string_type": "the value should be a text",
}


def say_fault(fault: Mapping[str, Any]) -> str:
    """Return one of pydantic's faults in plain words, without place, value and full stop; our own as they stand."""
    said = str(fault["msg"]).removeprefix("Value error, ")
    said = said[:1].lower() + said[1:] if str(fault["type"]) != "value_error" else said
    return PLAIN.get(str(fault["type"])) or said.replace("input should", "the value should")


def explain_invalid(error: Any, section: str = "") -> str:
    """Return the first fault that pydantic found, in one line: the setting's name, what is wrong, what came.

    error: a `pydantic.ValidationError`, which is not imported here. section: in front of the setting's name.
    """
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in ((section,) if section else ()) + tuple(first["loc"]))
    message = str(first["msg"])
    if message.startswith("Value error, "):  # our own, which says what came
        reason = message.removeprefix("Value error, ").rstrip(".")
        return f"{place}: {reason}." if place and not reason.startswith(f"{place}:") else f"{reason}."
    message = say_fault(first)
    if first["type"] == SECRET:
        return f"{place}: {message}."
    return (
        f"{place}: {message}, found {first['input']!r:.60}." if place else f"{message}, found {first['input']!r:.60}."
    )
