"""The data of one job: read, checked against each other and sampled, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from dawgen.config import RunConfig
from dawgen.curation.filters import copy_stats
from dawgen.data import (
    Remarks,
    Row,
    RowFile,
    iterate_rows,
    leak_key,
    place_rows,
    read_rows,
    resolve_conflicts,
    resolve_leaks,
    share_sentences,
    split_fewshot,
)
from dawgen.errors import ConfigError, DataError
from dawgen.files import hash_file
from dawgen.methods.table import METHODS
from dawgen.records import Example
from dawgen.sameness import normalise
from dawgen.scenes import LABELS, draw_data
from dawgen.tasks import Task, find_rows

SCENES_TEST = 600  # rows, when a scenes task draws its own test set
UNLABELLED = 2000  # texts that it draws for methods that learn from them
COPIES_WORTH_A_WARNING = 0.1
COMMON_NAMES = ("train", "training", "data", "dataset", "labels")  # of files, which say nothing about a task


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a job works on. `gold`: labelled rows beside the few shots; `first_texts`: unlabelled text1 of new pairs;
    `synthetic`: a set of any size, which stays on disk; `unlabelled`: plain texts, also for tasks on single texts."""

    task: Task
    train: list[Example]
    dev: list[Example] | None
    test: list[Example] | None
    gold: list[Example]
    first_texts: list[str] | None
    synthetic: Sequence[Example] | None
    hashes: dict[str, str]
    unlabelled: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_inputs(config: RunConfig) -> Inputs:
    """Read and check every file of the job and draw the few shots.

    Raises DataError or ConfigError with file and line for the first thing that is wrong. What reading had to say until
    then goes to the log.
    """
    remarks = Remarks()
    try:
        return _load(config, remarks)
    except (ConfigError, DataError):
        remarks.log()
        raise


def _load(config: RunConfig, remarks: Remarks) -> Inputs:
    task = Task.load(config.task) if config.task else None
    if config.name is not None and config.train is None:
        raise ConfigError("name: expected --train too, found none: a task's own data keep the task's name.")
    if task and task.name in LABELS and config.train is None:
        return _draw_scenes(task, config)
    if task and config.train is None and (own := find_rows(str(config.task))):
        return _split_own(task, own, config)
    source = config.train or (task.hub.repo if task and task.hub else None)
    if source is None:
        raise ConfigError("expected --train FILE, or --task with a task that has data of its own; got neither.")
    notes, warnings = remarks.notes, remarks.warnings
    train = _read(source, config, task, remarks, split="train")
    if task is None:
        name = Path(source).name.split(".")[0] or "custom"
        task = Task.from_examples([row.example for row in train], name=name)
        if name in COMMON_NAMES and config.name is None:
            remarks.note(f"cards and tables call the task {name!r}, as its file: --name says what it is")
    task = _reword(task, config)
    dev = _read(config.dev, config, task, remarks, split="validation") if config.dev else None
    test = _read(config.test, config, task, remarks, split="test") if config.test else None
    if test is None and config.train is None:
        # As in the few-shot literature, the hub's validation split is what is measured: test labels are often hidden.
        test = _read(source, config, task, remarks, split="validation")
    train, conflicts = resolve_conflicts(train, config.conflicts)
    if conflicts:
        notes.append(f"{len(conflicts)} training rows stood under two labels and were left out")
    for name, held_out in (("test", test), ("dev", dev)):
        if held_out is None:
            continue
        train, leaks = resolve_leaks(train, held_out, config.leaks)
        if leaks:
            notes.append(f"{len(leaks)} training rows that repeat {name} pairs were left out")
        if (share := share_sentences(train, held_out)) > 0:
            warnings.append(f"{share:.0%} of the {name} rows share a text with the training file")
    if dev is not None and test is not None:
        dev, leaks = resolve_leaks(dev, test, config.leaks)
        if leaks:
            notes.append(f"{len(leaks)} dev rows that repeat test pairs were left out")
    few = split_fewshot(
        [row.example for row in train],
        task.labels,
        config.shots,
        config.seed,
        need_dev=dev is None,
        keep=config.imbalance == "keep",
    )
    notes.append(few.note)
    held = {"test": test, "dev": dev if dev is not None else place_rows(few.dev or [], "dev")}
    unlabelled = _read_unlabelled(config, held, remarks)
    return Inputs(
        task=task,
        train=few.train,
        dev=[row.example for row in dev] if dev is not None else few.dev,
        test=[row.example for row in test] if test is not None else None,
        gold=few.rest,
        first_texts=unlabelled if task.pair else None,
        unlabelled=unlabelled,
        synthetic=_read_synthetic(config, task, held, Remarks(notes, warnings)),
        hashes=_hash_files(config),
        notes=notes,
        warnings=warnings,
    )


def list_sources(config: RunConfig) -> list[str]:
    """Return the files and folders that a job reads, as they are named; a name may also be a task's or a model's."""
    data = (config.task, config.train, config.dev, config.test, config.unlabelled, config.synthetic)
    models = (config.target.model, config.generator.model, config.target.init)
    return [name for name in (*data, *models, *(config.baselines.prompt_sources or ())) if name]


def _read(source: str, config: RunConfig, task: Task | None, remarks: Remarks, *, split: str) -> list[Row]:
    return read_rows(source, columns=config.columns, task=task, split=split, remarks=remarks)


def _reword(task: Task, config: RunConfig) -> Task:
    """Return the task with the name, label words and question of the settings in place of its own.

    Raises:
        ConfigError: a question or name that is none.
    """
    given = {"label_words": config.label_words, "question": config.question, "name": config.name}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return Task.model_validate(task.model_dump() | given) if given else task
    except ValidationError as error:
        raise ConfigError(str(error.errors()[0]["msg"]).removeprefix("Value error, ") + ".") from error


def _hash_files(config: RunConfig) -> dict[str, str]:
    names = (config.train, config.dev, config.test, config.unlabelled, config.synthetic)
    return {name: hash_file(Path(name)) for name in names if name and Path(name).is_file()}


def _refuse_others(task: Task, config: RunConfig) -> None:
    """Raise ConfigError where files of the user would be mixed with rows that come with the task."""
    given = [flag for flag in ("dev", "test") if getattr(config, flag)]
    if given:
        raise ConfigError(f"--{given[0]} without --train: task {task.name} draws its own data. Give --train too.")


def _split_own(task: Task, file: Path, config: RunConfig) -> Inputs:
    """Return the rows that come with the task: the shots, and all others as test rows."""
    _refuse_others(task, config)
    task = _reword(task, config)
    few = split_fewshot(
        [row.example for row in read_rows(file, task=task)],
        task.labels,
        config.shots,
        config.seed,
        need_dev=False,
        keep=config.imbalance == "keep",
    )
    notes = [f"{file.name} comes with the task: {few.note}, the other {len(few.rest)} are the test set, no dev set"]
    warnings: list[str] = []
    held: dict[str, list[Row] | None] = {"test": place_rows(few.rest, "test")}
    unlabelled = _read_unlabelled(config, held, Remarks(notes, warnings))
    return Inputs(
        task=task,
        train=few.train,
        dev=None,
        test=few.rest,
        gold=[],  # what is left measures the result
        first_texts=unlabelled if task.pair else None,
        unlabelled=unlabelled,
        synthetic=_read_synthetic(config, task, held, Remarks(notes, warnings)),
        hashes={file.name: hash_file(file), **_hash_files(config)},
        notes=notes,
        warnings=warnings,
    )


def _draw_scenes(task: Task, config: RunConfig) -> Inputs:
    _refuse_others(task, config)
    task = _reword(task, config)
    gold = config.per_label if any(METHODS[method].gold for method in config.methods) else 0
    texts = 4 * config.per_label
    data = draw_data(
        task.name,
        config.seed,
        shots=config.shots,
        test=SCENES_TEST,
        gold_per_label=gold,
        first_texts=max(texts, UNLABELLED) if needs_texts(config.methods) else texts,
    )
    notes, warnings = [f"data drawn by the grammar of {task.name}; every label is exact"], list[str]()
    held = {"test": place_rows(data.test, "test"), "dev": place_rows(data.dev, "dev")}
    unlabelled = _read_unlabelled(config, held, Remarks(notes, warnings))
    return Inputs(
        task=task,
        train=data.train,
        dev=data.dev,
        test=data.test,
        gold=data.gold,
        first_texts=(unlabelled if task.pair else None) or data.first_texts[:texts],
        unlabelled=unlabelled or data.first_texts[:UNLABELLED],
        synthetic=_read_synthetic(config, task, held, Remarks(notes, warnings)),
        hashes=_hash_files(config),
        notes=notes,
        warnings=warnings,
    )


def needs_texts(methods: Sequence[str]) -> bool:
    """Return whether one of the methods learns from plain texts."""
    return any(METHODS[method].unlabelled for method in methods)


def _read_unlabelled(config: RunConfig, held: Mapping[str, list[Row] | None], remarks: Remarks) -> list[str] | None:
    """Return the unlabelled texts but for those that test or dev rows contain."""
    if config.unlabelled is None:
        return None
    columns = config.columns.model_copy(update={"text2": None, "label": None})
    try:
        rows = read_rows(config.unlabelled, need_label=False, columns=columns, remarks=remarks)
    except DataError:
        # An unlabelled file seldom has the labelled file's columns.
        if columns.text1 is None:
            raise
        columns = columns.model_copy(update={"text1": None})
        rows = read_rows(config.unlabelled, need_label=False, columns=columns, remarks=remarks)
    held_texts = {normalise(row.example.text1) for rows_ in held.values() for row in rows_ or ()}
    texts = list(dict.fromkeys(row.example.text1 for row in rows))
    free = [text for text in texts if normalise(text) not in held_texts]
    if len(free) < len(texts):
        remarks.note(f"{len(texts) - len(free)} unlabelled texts that dev or test rows contain were left out")
    return free


def _read_synthetic(
    config: RunConfig, task: Task, held: Mapping[str, list[Row] | None], remarks: Remarks
) -> Sequence[Example] | None:
    if config.synthetic is None:
        return None
    forbidden = {leak_key(row.example) for rows in held.values() for row in rows or ()}
    leaking: list[Row] = []
    rows = iterate_rows(config.synthetic, columns=config.synthetic_columns, task=task, remarks=remarks)
    examples = RowFile.spool(_pass_sound(rows, forbidden, leaking), config.synthetic)
    for name, held_out in held.items():
        leaking, leaks = resolve_leaks(leaking, held_out or [], config.leaks)
        if leaks:
            remarks.note(f"{len(leaks)} synthetic rows that repeat {name} pairs were left out")
    shares = copy_stats(examples)
    for label in task.labels:
        if label not in shares:
            raise DataError(f"{config.synthetic}: expected synthetic examples of every label, found none of {label!r}.")
        share = shares[label]
        if share > COPIES_WORTH_A_WARNING:
            remarks.warn(
                f"{share:.0%} of the synthetic examples of {label!r} are verbatim copies of text1: try `dawgen curate`"
            )
    return examples


def _pass_sound(rows: Iterator[Row], forbidden: Set[tuple[str, ...]], leaking: list[Row]) -> Iterator[Example]:
    """Yield the examples whose texts are not forbidden; the other rows go to `leaking`."""
    for row in rows:
        if leak_key(row.example) in forbidden:
            leaking.append(row)
        else:
            yield row.example


def first_rows(examples: Sequence[Example], labels: Sequence[str], per_label: int) -> list[Example]:
    """Return at most `per_label` examples of every label, in order."""
    return [row for label in labels for row in [e for e in examples if e.label == label][:per_label]]
