"""Begins a session from files: synthetic sets, the real examples that they were made from, and instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.config import SEED
from dawgen.data import find_set, read
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.guide import write_guide
from dawgen.evaluate.annotate.session import Session, is_session
from dawgen.files import split_name
from dawgen.records import Example
from dawgen.tasks import Task

ROWS, CONTROLS = 20, 12
PLAIN_NAMES = ("synthetic", "train")  # of every run's folder and file: they say nothing about the set


@dataclass(frozen=True)
class Begin:
    """How a session is begun; None: the default.

    real: a file with the few real examples, of these columns; None takes those of the first set's run. out: the
    session's folder. rows, controls: how many of each source and of controls are rated. guide: a text file with
    instructions.
    """

    real: str | None = None
    task: str | None = None
    columns: Mapping[str, Any] | None = None
    out: Path | None = None
    rows: int | None = None
    controls: int | None = None
    seed: int | None = None
    guide: Path | None = None


def open_session(sources: Sequence[str], begin: Begin) -> Session:
    """Return the session of one folder, or begin one with sets: files, set folders or runs, each with NAME= if wanted.

    A session that was begun with the same goes on.

    Raises ConfigError for arguments that do not fit and unknown files, DataError for what is wrong in them.
    """
    if len(sources) == 1 and is_session(Path(sources[0])):
        if given := [name for name, value in vars(begin).items() if value is not None]:
            raise ConfigError(
                f"--{given[0]}: the sample of {sources[0]} is drawn already. Leave it out, or name a synthetic set."
            )
        return Session.open(Path(sources[0]))
    files = name_sets(sources)
    known, examples = read_real(next(iter(files.values())), begin.real, begin.task, begin.columns)
    seed = SEED if begin.seed is None else begin.seed
    session = Session.create(
        begin.out or Path("runs") / f"annotate-{known.name}-{seed}",
        {name: read(find_set(path), task=known) for name, path in files.items()},
        examples,
        known,
        rows=ROWS if begin.rows is None else begin.rows,
        controls=CONTROLS if begin.controls is None else begin.controls,
        seed=seed,
    )
    guide = None if begin.guide is None else read_text(begin.guide)
    write_guide(session.folder, session.items, examples, known.labels, guide)
    return session


def name_sets(sources: Sequence[str]) -> dict[str, str]:
    """Return the sets' paths by name: what stands before "=", else what their folder or file is called.

    Raises ConfigError for two sets of one name and for a path that does not exist.
    """
    files: dict[str, str] = {}
    for source in sources:
        given, path = split_name(source)
        if not Path(path).exists():
            raise ConfigError(f"{path or source}: there is no such file or folder. Name a synthetic set, or a session.")
        name = guess_name(Path(path)) if given is None else given.strip()
        if name in files:
            raise ConfigError(
                f"two sets are called {name!r}: give them names, such as first={files[name]} second={path}."
            )
        files[name] = path
    return files


def guess_name(path: Path) -> str:
    """Return the last part of a path that names the set: runs/mine/synthetic/train.jsonl is mine."""
    parts = [part for part in (path.absolute().name.split(".")[0], *path.absolute().parts[-2::-1]) if part != "/"]
    return next((part for part in parts if part not in PLAIN_NAMES), path.name)


def read_real(
    source: str, real: str | None, task: str | None, columns: Mapping[str, Any] | None
) -> tuple[Task, list[Example]]:
    """Return the task and the real examples: of a file, else those that the set's run was trained on."""
    if real is not None:
        known = Task.load(task) if task else None
        examples = read(real, task=known, columns=columns)
        return known or Task.from_examples(examples, name=Path(real).name.split(".")[0]), examples
    run = find_run(Path(source))
    if run is None:
        raise ConfigError(f"{source}: expected --real FILE, the real examples that annotators shall compare it with.")
    from dawgen.progress import Reporter
    from dawgen.report.run.files import read_settings
    from dawgen.runs.finished import list_changed
    from dawgen.runs.inputs import load_inputs
    from dawgen.runs.settings import resolve_config

    inputs = load_inputs(resolve_config(file=run / "config.yaml", arguments={"task": task, "columns": columns}))
    Reporter().announce((), list_changed(inputs, read_settings(run / "config.yaml")))
    return inputs.task, inputs.train


def find_run(path: Path) -> Path | None:
    """Return the run that a set lies in, ended or not, since sets come first; None for a set from elsewhere."""
    folders = (path, *path.absolute().parents[:2])
    return next((folder for folder in folders if (folder / "config.yaml").is_file()), None)


def read_text(path: Path) -> str:
    """Return a text file. Raises DataError for one that is not there or not UTF-8."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--guide {path}: expected a text file in UTF-8: {error}.") from error
