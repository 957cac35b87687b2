"""`dawgen audit`: the quality of a synthetic set before training on it; `dawgen draw`: data to try things on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dawgen.classifier.embed import embed_examples
from dawgen.config import RunConfig
from dawgen.data import as_row, read
from dawgen.errors import ConfigError, suggest
from dawgen.evaluate.audit.c2st import FEWEST, measure_c2st
from dawgen.evaluate.audit.correctness import describe_correctness, judge_labels
from dawgen.evaluate.audit.distance import measure_energy, measure_mmd
from dawgen.evaluate.audit.embed import SentenceEncoder
from dawgen.evaluate.audit.mauve import measure_mauve
from dawgen.evaluate.audit.posterior import Origin, describe_posterior, read_raw, score_rows
from dawgen.evaluate.audit.quality import add_vendi, describe_quality, find_warnings
from dawgen.files import write_jsonl
from dawgen.models.load import Backbone, load_target
from dawgen.outputs import hold
from dawgen.records import Example
from dawgen.rng import thin, torch_rng
from dawgen.runtime import pick_device, set_threads
from dawgen.scenes import LABELS, draw_data
from dawgen.scenes.fidelity import has_oracle, measure_fidelity
from dawgen.tasks import Task

MOST = 1000  # rows of either side whose distance is measured: all pairs of them are held in memory


@dataclass(frozen=True)
class Against:
    """What a set is held against.

    real: rows like which it should be. held: rows that it must not contain, under "test" and "dev"; the judge is
    measured on the test rows. gold: more labelled rows for the judge to learn from.
    """

    real: Sequence[Example]
    held: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    gold: Sequence[Example] = ()


@dataclass(frozen=True)
class Look:
    """How closely an audit looks.

    embedding: the sentence-transformers model that makes the vectors instead of the target's encoder. judge: False
    trains none, which is what takes longest. max_tokens: at which the encoder cuts texts.
    """

    seed: int
    embedding: str | None = None
    mauve: bool = False
    judge: bool = True
    max_tokens: int = 256


@dataclass(frozen=True)
class Posterior:
    """The generator's log-likelihoods of a set's rows, [N,K] in nats, NaN where unknown, and where they come from."""

    logp: NDArray[np.float64]
    origin: Origin = "raw"


def audit_set(
    config: RunConfig,
    source: str,
    *,
    gold: str | None = None,
    generator: str | None = None,
    embedding: str | None = None,
    mauve: bool = False,
) -> dict[str, Any]:
    """Return the audit (`audit_examples`) of a set's file.

    config.train: the real examples; config.test, config.dev: rows that the set must not contain, of which the test rows
    measure the judge. gold: more labelled rows for the judge to learn from. generator: the folder of the generator
    whose posterior is asked; without it that is read from raw/ beside the set, where there is one.

    Raises DataError for files without rows, or of fewer than 3 on either side.
    """
    task = Task.load(config.task) if config.task else None
    real = read(str(config.train), task=task, columns=config.columns)
    task = task or Task.from_examples(real)
    rows = read(source, task=task)
    others = {"test": config.test, "dev": config.dev, "gold": gold}
    more = {name: read(path, task=task, columns=config.columns) if path else [] for name, path in others.items()}
    target = load_target(config.target.model, dtype=config.target.dtype, device=pick_device())
    set_threads(config.threads, sizes=[target.size])
    if generator is None:
        logp = read_raw(Path(source), rows, task.labels)
    else:
        chosen = thin(range(len(rows)), MOST, config.seed, "audit/generator")
        logp = np.full((len(rows), len(task.labels)), np.nan)
        logp[chosen] = score_rows(Path(generator), [rows[place] for place in chosen], task.labels)
    return audit_examples(
        task,
        rows,
        Against(real, {name: more[name] for name in ("test", "dev")}, more["gold"]),
        target,
        Look(config.seed, embedding, mauve, max_tokens=config.target.max_tokens),
        None if logp is None else Posterior(logp, "raw" if generator is None else "generator"),
    )


def audit_examples(
    task: Task,
    rows: Sequence[Example],
    against: Against,
    backbone: Backbone,
    look: Look,
    posterior: Posterior | None = None,
) -> dict[str, Any]:
    """Return the audit of a labelled set, as `dawgen audit --json` prints it; the same for the same arguments.

    backbone: whose encoder makes the vectors of mmd, energy, c2st, mauve and Vendi, if `look` names no other.

    Raises DataError for fewer than 3 rows on either side, or with mauve fewer than 200.
    """
    real, seed = against.real, look.seed
    encoder, name = make_encoder(backbone, task, look)
    ours, theirs = (encoder(thin(side, MOST, seed, f"audit/{what}")) for side, what in ((rows, "set"), (real, "real")))
    counts = Counter(str(row.label) for row in rows)
    numbers = {
        "rows": len(rows),
        "labels": {label: counts[label] for label in task.labels},
        "real_rows": len(real),
        "embedding": name,
        **describe_quality(rows, real, task.labels, held=against.held, seed=seed),
        "label_correctness": judge_correctness(task, rows, against, look, posterior),
        "mmd": asdict(measure_mmd(ours, theirs, generator=torch_rng(seed, "audit/mmd"))),
        "energy": asdict(measure_energy(ours, theirs, generator=torch_rng(seed, "audit/energy"))),
        "c2st": asdict(measure_c2st(ours, theirs, seed=seed)) if min(len(ours), len(theirs)) >= FEWEST else None,
        "mauve": measure_mauve(ours, theirs, seed=seed) if look.mauve else None,
    }
    add_vendi(numbers["diversity"], ours, theirs, seed=seed)
    return numbers | {"warnings": find_warnings(numbers)}


def judge_correctness(
    task: Task, rows: Sequence[Example], against: Against, look: Look, posterior: Posterior | None
) -> dict[str, Any]:
    """Return the audit's label_correctness: by the oracle where the task has one, else by a judge and the posterior."""
    labelled = {label: [row for row in rows if row.label == label] for label in task.labels}
    judged = None
    if look.judge and not has_oracle(task.name):
        known, test = [*against.real, *against.gold], against.held.get("test") or ()
        judged = judge_labels(rows, known, task.labels, test=test, seed=look.seed)
    return describe_correctness(
        measure_fidelity(task.name, rows),
        {label: measure_fidelity(task.name, part) for label, part in labelled.items()},
        judged,
        None if posterior is None else describe_posterior(rows, posterior.logp, task.labels, posterior.origin),
    )


def make_encoder(backbone: Backbone, task: Task, look: Look) -> tuple[Callable[[Sequence[Example]], Tensor], str]:
    """Return a function from examples to vectors [N,H], and its name."""
    if look.embedding is not None:
        encoder = SentenceEncoder(look.embedding, device=str(backbone.model.device))
        return encoder.embed, encoder.name
    return partial(embed_examples, backbone, template=task.template, max_tokens=look.max_tokens), backbone.name


def draw_files(task: str, out: Path, *, seed: int, shots: int, test: int, gold: int, texts: int) -> dict[str, int]:
    """Write data of a built-in task as files: train, dev, test, gold and texts .jsonl; returns the rows of each.

    shots and gold: rows per label. The test rows are the same for every seed. Raises ConfigError for other tasks and
    for a folder that holds any of the files.
    """
    if task not in LABELS:
        raise ConfigError(f"draw {task}: {suggest(task, LABELS)}")
    data = draw_data(task, seed, shots=shots, test=test, gold_per_label=gold, first_texts=texts)
    files = {"train": data.train, "dev": data.dev, "test": data.test, "gold": data.gold}
    rows = {name: [dict(as_row(example)) for example in examples] for name, examples in files.items() if examples}
    if texts and Task.load(task).pair:
        rows["texts"] = [{"text": text} for text in data.first_texts]
    if taken := [f"{name}.jsonl" for name in rows if (out / f"{name}.jsonl").exists()]:
        raise ConfigError(f"{out}: expected a folder without {taken[0]}, found one. Choose another --out.")
    with hold(out, "draw", [f"{name}.jsonl" for name in rows]):
        for name, written in rows.items():
            write_jsonl(out / f"{name}.jsonl", written)
    return {name: len(written) for name, written in rows.items()}
