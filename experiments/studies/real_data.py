"""The inputs of `real_table`: shots, dev, test, first texts and gold rows as files, and FewGen's sets.

A file's name ends in a hash of its content, so that cells that were run with other inputs are not taken for these.
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.config import RunConfig
from dawgen.curation import Curator
from dawgen.data import as_row, leak_key, parse_fields, place_rows, resolve_conflicts
from dawgen.errors import DataError
from dawgen.files import hash_file, write_json, write_text
from dawgen.records import Candidate, Example
from dawgen.rng import python_rng
from dawgen.runs.generate import write_set
from dawgen.runs.inputs import first_rows, load_inputs
from dawgen.tasks import Task

SHOTS = 16
DRAW = 2026  # the seed of the test rows, which are the same for every seed of the shots
FIRST_TEXTS = {"sick": "wiki_short", "mrpc": "wiki_long", "rte": "wiki_long", "qqp": "questions", "qnli": "questions"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """One task and seed. gold: the settings for the arm of that name, whose training file holds all its rows.

    classes: test rows per label.
    """

    config: RunConfig
    gold: RunConfig
    classes: dict[str, int]

    @property
    def key(self) -> tuple[str, int]:
        """Return task and seed."""
        return str(self.config.task), self.config.seed

    @property
    def largest(self) -> float:
        """Return the share of the largest class: the accuracy of who always says the same."""
        return max(self.classes.values()) / sum(self.classes.values())


@dataclass(frozen=True, slots=True)
class Published:
    """A set of FewGen's, raw and curated. raw, curated: names of the files inside the experiment's folder.

    counts: per label "rows" of the whole set, "kept" by curation, "used" of the kept (as many of every label), and
    the drops of each reason.
    """

    raw: str
    curated: str
    counts: dict[str, dict[str, int]]


def prepare(
    data: Path,
    out: Path,
    task_name: str,
    seeds: Sequence[int],
    *,
    per_label: int,
    test_rows: int,
    settings: Mapping[str, Any] | None = None,
) -> list[Prepared]:
    """Write the inputs of a task for all seeds into out/inputs/TASK; `settings` are more of RunConfig's.

    Raises DataError for a file that is missing or damaged, and a seed that kshot16 does not have.
    """
    task, folder = Task.load(task_name), out / "inputs" / task_name
    test = read_examples(data / task_name / "validation.jsonl.gz")
    if len(test) > test_rows:
        test = python_rng(DRAW, f"real_table/test/{task_name}").sample(test, test_rows)
    shared: dict[str, Any] = {
        "task": task_name,
        "test": _write(folder, "test", map(as_row, test)),
        "unlabelled": _write(
            folder, "first", ({"text": row["text"]} for row in read_fields(_sentences(data, task_name)))
        ),
        "shots": SHOTS,
        "per_label": per_label,
        "leaks": "drop",
        "conflicts": "drop",
        **(settings or {}),
    }
    train = read_examples(data / task_name / "train.jsonl.gz")
    splits = data / task_name / "kshot16.jsonl.gz"
    if not splits.is_file():
        # The pipeline draws shots, dev and gold rows from the training file, each time the same.
        shared["train"] = _write(folder, "train", map(as_row, train))
    classes = {label: sum(row.label == label for row in test) for label in task.labels}
    prepared = []
    for seed in seeds:
        if "train" in shared:
            config = gold = RunConfig(**shared, seed=seed)
        else:
            shots, dev = _read_split(splits, seed, "train"), _read_split(splits, seed, "dev")
            rows = choose_gold(train, shots, [*dev, *test], task.labels, seed, max(SHOTS + 1, per_label))
            files: dict[str, Any] = shared | {"dev": _write(folder, f"dev-{seed}", map(as_row, dev))}
            config = RunConfig(**files, seed=seed, train=_write(folder, f"shots-{seed}", map(as_row, shots)))
            gold = RunConfig(**files, seed=seed, train=_write(folder, f"gold-{seed}", map(as_row, rows)))
        prepared.append(Prepared(config, gold, classes))
    return prepared


def choose_gold(
    train: Sequence[Example],
    shots: Sequence[Example],
    held_out: Sequence[Example],
    labels: Sequence[str],
    seed: int,
    per_label: int,
) -> list[Example]:
    """Return `per_label` rows of each label, or all there are: the shots, then others drawn by the seed.

    Left out are rows that repeat a shot or a held-out row in either order, and pairs under two labels.
    """
    taken = {leak_key(row) for row in [*shots, *held_out]}
    sound = [row.example for row in resolve_conflicts(place_rows(train, "train"), "drop")[0]]
    free = list(dict.fromkeys(row for row in sound if leak_key(row) not in taken))
    python_rng(seed, "real_table/gold").shuffle(free)
    return first_rows([*shots, *free], labels, per_label)


def publish(data: Path, out: Path, prepared: Prepared, *, rows: int) -> Published:
    """Write FewGen's set of the seed: its first `rows` of each label raw, and of what curation keeps of it all.

    Where a label has fewer than `rows` kept, every label gives as many as that one. Curation
    has the seed's shots, dev and test rows, and no generator's scores: all filters but the posterior one.
    """
    config, folder = prepared.config, out / "fewgen" / "-".join(map(str, prepared.key))
    source = data / str(config.task) / f"fewgen-16-{config.seed}.jsonl.gz"
    inputs = load_inputs(config)
    labels = inputs.task.labels
    found = read_examples(source)
    raw = _write(folder, f"raw-{rows}", map(as_row, first_rows(found, labels, rows)))
    numbers, settings = folder / "curation.json", config.curate.model_dump(mode="json")
    facts = [hash_file(source), settings, config.train, config.dev, config.test, rows]
    if numbers.is_file() and (known := json.loads(numbers.read_bytes()))["of"] == facts:
        return Published(_inside(raw, out), known["curated"], known["counts"])
    curator = Curator(inputs.train, labels, config.curate, dev=inputs.dev or (), test=inputs.test or ())
    counts: dict[str, Counter[str]] = {label: Counter() for label in labels}
    kept, _, _ = write_set(folder, ((row, curator.judge([row])[0]) for row in map(Candidate, found)))
    for example in found:
        counts[str(example.label)]["rows"] += 1
    for example in kept:
        counts[str(example.label)]["kept"] += 1
    for label, reasons in count_drops(folder / "dropped.jsonl").items():
        counts[label].update(reasons)
    # As many of every label, so that raw and curated sets differ in their rows and not in the shares of labels.
    used = first_rows(kept, labels, min([rows, *(counts[label]["kept"] for label in labels)]))
    for example in used:
        counts[str(example.label)]["used"] += 1
    curated = _inside(_write(folder, f"curated-{rows}", map(as_row, used)), out)
    write_json(numbers, {"of": facts, "curated": curated, "counts": counts})
    return Published(_inside(raw, out), curated, {label: dict(count) for label, count in counts.items()})


def count_drops(path: Path) -> dict[str, Counter[str]]:
    """Return the number of dropped rows by label and reason, from the file that curation writes."""
    counts: dict[str, Counter[str]] = {}
    for row in read_fields(path):
        counts.setdefault(row["label"], Counter())[row["reason"]] += 1
    return counts


def read_fields(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file, gzipped or not. Raises DataError with file and line."""
    if not path.is_file():
        raise DataError(
            f"{path}: there is no such file; --data is a folder as experiments/studies/real_table.py describes it."
        )
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            yield parse_fields(line, f"{path}:{number}")


def read_examples(path: Path) -> list[Example]:
    """Return the labelled pairs of a file."""
    return [_as_example(row) for row in read_fields(path)]


def _read_split(path: Path, seed: int, split: str) -> list[Example]:
    rows = [_as_example(row) for row in read_fields(path) if row["seed"] == seed and row["split"] == split]
    if not rows:
        raise DataError(f"{path}: expected rows of seed {seed} and split {split}, found none. Choose other --seeds.")
    return rows


def _as_example(row: dict[str, Any]) -> Example:
    return Example(row["text1"].strip(), row["text2"].strip(), row["label"])


def _sentences(data: Path, task: str) -> Path:
    return data / "sentences" / f"{FIRST_TEXTS[task]}.jsonl.gz"


def _write(folder: Path, stem: str, rows: Iterable[dict[str, Any]]) -> str:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path = folder / f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"
    if not path.is_file():
        write_text(path, text)
    return str(path)


def _inside(path: str, out: Path) -> str:
    return str(Path(path).relative_to(out))
