"""Begins a session in which people label the rows of a pool that a prompt is least sure of.

Beside what every session has, its folder holds

train.jsonl     the training rows that the prompt learned from, to which the answers are added
chosen.jsonl    of each item its margin and the label that the prompt gives: neither is shown to annotators
scores-HASH     margins of the pool, in parts, until the rows are chosen: a killed command goes on with them
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.config import SEED
from dawgen.data import as_row, read
from dawgen.data.read import as_columns
from dawgen.errors import ConfigError, DataError, ModelError
from dawgen.evaluate.annotate.guide import write_guide
from dawgen.evaluate.annotate.pool import SCORED, Pool, read_pool
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.session import LABELS, SCORES, Session, describe_rows
from dawgen.evaluate.annotate.start import read_text
from dawgen.files import read_json, write_json, write_jsonl
from dawgen.progress import Reporter
from dawgen.prompt.bundle.format import load_bundle
from dawgen.records import Example
from dawgen.rng import derive_seed
from dawgen.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dawgen.classifier.estimator import PromptClassifier

ROWS = 16
PART = 256  # rows that are scored at once: the most work that a kill can lose
TRAIN_FILE, CHOSEN_FILE = "train.jsonl", "chosen.jsonl"


@dataclass(frozen=True)
class Ask:
    """What to ask for; None: the default.

    pool, train, test: anything that `dawgen.read` reads, of these columns. prompt: a bundle, whose task it is. rows:
    how many are wanted. score: how many of the pool are scored at most. out: the session's folder.
    """

    pool: str
    prompt: Path
    train: str
    test: str | None = None
    columns: Mapping[str, Any] | None = None
    out: Path | None = None
    rows: int | None = None
    score: int | None = None
    seed: int | None = None
    guide: Path | None = None


def open_labels(ask: Ask, reporter: Reporter | None = None) -> tuple[Session, Pool]:
    """Return the session, begun or continued if everything is the same, and the pool that its rows come from.

    Raises:
        BundleError: a damaged bundle, or one on another base model. ConfigError, DataError: for arguments that do not
            fit and what is wrong in files, before anything is scored.
    """
    info = load_bundle(ask.prompt)[1]
    task, seed = Task.model_validate(info.task), SEED if ask.seed is None else ask.seed
    rows, score = ROWS if ask.rows is None else ask.rows, SCORED if ask.score is None else ask.score
    if rows > score:
        raise ConfigError(f"--rows {rows}: expected at most as many as are scored, {score}. Give more with --score.")
    train = read(ask.train, columns=ask.columns, task=task)
    test = read(ask.test, columns=ask.columns, task=task, need_label=False) if ask.test else []
    pool = read_pool(ask.pool, task, train, test, most=score, seed=seed, columns=ask.columns)
    settings = {
        "kind": LABELS,
        "seed": seed,
        "task": task.name,
        "labels": list(task.labels),
        "pair": task.pair,
        "rows": rows,
        "score": score,
        "prompt": info.digest,
        "pool": {"rows": pool.rows, "sha256": pool.sha256},
        "train": describe_rows(train),
        "test": describe_rows(test),
        "columns": as_columns(ask.columns).model_dump(mode="json"),
        "questions": ["label"],
    }
    out = ask.out or Path("runs") / f"label-{task.name}-{seed}"
    work = _Work(out, ask.prompt.absolute(), info.digest, pool, settings, reporter or Reporter())

    def draw() -> list[Item]:
        items = work.choose(rows, seed)
        write_jsonl(out / TRAIN_FILE, [dict(as_row(row)) for row in train])
        return items

    session = Session.begin(out, settings, draw, (TRAIN_FILE, CHOSEN_FILE))
    for scores in out.glob(f"{SCORES}*"):
        shutil.rmtree(scores, ignore_errors=True)
    write_guide(out, session.items, train, task.labels, None if ask.guide is None else read_text(ask.guide))
    return session, pool


@dataclass(frozen=True)
class _Work:
    """Scores a pool and chooses from it."""

    out: Path
    prompt: Path
    digest: str
    pool: Pool
    settings: Mapping[str, Any]
    reporter: Reporter

    @cached_property
    def classifier(self) -> PromptClassifier:
        """The bundle's, loaded when it is first needed."""
        from dawgen.classifier.estimator import PromptClassifier

        return PromptClassifier.load(self.prompt, digest=self.digest)

    def choose(self, rows: int, seed: int) -> list[Item]:
        """Return the rows to label, in the order in which they help most, and write down what the prompt says."""
        from dawgen.classifier.embed import embed_examples
        from dawgen.evaluate.annotate.choose import choose_rows

        margins, guesses = self.score()

        def embed(places: Sequence[int]) -> NDArray[np.float32]:
            scorer = self.classifier.scorer_
            found = [self.pool.examples[place] for place in places]
            vectors: NDArray[np.float32] = embed_examples(
                scorer.backbone, found, self.classifier.task_.template, max_tokens=scorer.max_tokens
            ).numpy()
            return vectors

        places = choose_rows(margins, embed, rows, seed)
        items = [self._make_item(place, turn, seed) for turn, place in enumerate(places)]
        said = zip(items, places, strict=True)
        write_jsonl(
            self.out / CHOSEN_FILE,
            [{"item": item.id, "margin": round(float(margins[p]), 6), "guess": guesses[p]} for item, p in said],
        )
        return items

    def score(self) -> tuple[NDArray[np.float64], list[str]]:
        """Return margins [N] and the likeliest label of every row of the pool; parts that are there are not scored."""
        import numpy as np

        facts = [self.settings[name] for name in ("seed", "score", "prompt", "pool", "train", "test")]
        name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
        files = [
            self.out / f"{SCORES}{name}" / f"{part:06d}.json" for part in range(-(-len(self.pool.examples) // PART))
        ]
        missing = [part for part, file in enumerate(files) if not file.is_file()]
        with self.reporter.stage(f"scoring {len(self.pool.examples):,} rows", len(files)) as advance:
            advance(len(files) - len(missing))
            for part in missing:
                write_json(files[part], self._score_part(self.pool.examples[part * PART : (part + 1) * PART]))
                advance()
        parts = [read_json(file, " Delete it and run the same command again.") for file in files]
        margins = np.array([margin for part in parts for margin in part["margins"]], dtype=np.float64)
        return margins, [guess for part in parts for guess in part["guesses"]]

    def _score_part(self, examples: Sequence[Example]) -> dict[str, Any]:
        import numpy as np

        from dawgen.evaluate.annotate.choose import measure_margins

        scores = self.classifier.predict_log_proba(examples)
        if not np.isfinite(scores).all():
            row = examples[int((~np.isfinite(scores).all(1)).argmax())]
            raise ModelError(f"{self.prompt}: expected probabilities, got NaN for {row.text1[:60]!r}.")
        names = [str(label) for label in self.classifier.classes_.tolist()]
        guesses = [names[number] for number in scores.argmax(1).tolist()]
        return {"margins": measure_margins(scores).tolist(), "guesses": guesses}

    def _make_item(self, place: int, turn: int, seed: int) -> Item:
        row = self.pool.examples[place]
        return Item(
            id=f"{derive_seed(seed, 'annotate/item', turn):016x}"[-12:],
            text1=row.text1,
            text2=row.text2,
            label="",
            nearest=None,
            source="pool",
            fault=None,
            row=self.pool.numbers[place],
        )


def read_training(session: Session) -> list[Example]:
    """Return the training rows that a session was begun with."""
    return read(session.folder / TRAIN_FILE)


def read_guesses(session: Session) -> dict[str, tuple[str, float]]:
    """Return the label that the prompt gives and the margin, by the item's id. Raises DataError for a damaged file."""
    path = session.folder / CHOSEN_FILE
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return {line["item"]: (line["guess"], float(line["margin"])) for line in lines}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: expected what the prompt says of each row: {error}. Restore it.") from error
