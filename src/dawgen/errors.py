"""The errors that dawgen raises on purpose; each says what was expected, what came and what to do.

`exit_status` is what the command line returns: 2 for wrong input or arguments, 1 for a job that failed. Every error is
a `DawgenError`: `ConfigError`, `DataError`, `ModelError`, `BundleError`, `ShortfallError`.

>>> import dawgen
>>> try:
...     dawgen.Task.load("scenes-nly")
... except dawgen.errors.DawgenError as error:
...     print(type(error).__name__, error.exit_status, str(error).splitlines()[0].partition("; ")[0])
ConfigError 2 unknown task 'scenes-nly'
"""

import difflib
from collections.abc import Iterable, Mapping


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


def suggest(word: str, options: Iterable[str]) -> str:
    """Return the end of an error about an unknown name: `there are mnli, snli: did you mean mnli?`."""
    names = [str(option) for option in options]
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"there are {shown or 'none'}" + (f": did you mean {nearest[0]}?" if nearest else "")


def name_place(parts: Iterable[int | str]) -> str:
    """Return the dotted name of a setting from pydantic's path to it, without the branches of a choice."""
    return ".".join(str(part) for part in parts if isinstance(part, int) or part.isidentifier())


def first_line(error: Exception) -> str:
    """Return what a library's exception says, in one line of at most 200 characters; its class if it says nothing."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
