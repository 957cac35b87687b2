"""The ways of `variants`: which rows, and how the prompt learns from them in the steps of the default.

A way in several parts starts each part from the prompt that the part before it found best on the dev set. The
optimiser's state starts anew, the rate stays until the last part, in which it falls as it does by default, and only the
last part's looks at the dev set choose the final prompt; `halves` and `rounds` are such runs without anything else.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.bench.cells import cached_generator, quiet_job
from dawgen.classifier.estimator import PromptClassifier
from dawgen.curation import Curator
from dawgen.errors import suggest
from dawgen.records import Example
from dawgen.rng import derive_seed
from dawgen.runs.generate import Order, find_source, generate_set, tune_generator
from experiments.studies.variant_gradients import align, find_useful
from experiments.studies.variant_rows import (
    Choose,
    Chosen,
    Material,
    pick_best,
    take_all,
    take_drawn,
    take_first,
    take_herded,
    take_relabelled,
    take_surest,
    take_unguessable,
)

LEAST = 16  # rows of a label; where a rule leaves fewer, the surer half of the label stays (FewGen)


@dataclass(frozen=True)
class Fitted:
    """Trained prompts, whose log-probabilities are averaged, and the synthetic rows of the last steps."""

    prompts: list[PromptClassifier]
    rows: list[Example]


Train = Callable[[Material, list[Example]], Fitted]


def fit(
    material: Material,
    rows: Sequence[Example] | None,
    *,
    start: PromptClassifier | None = None,
    part: int = 0,
    **settings: Any,
) -> PromptClassifier:
    """Train a prompt as the job's settings say but for `settings`; each part of a way has its own random numbers."""
    config = material.config
    values = config.target.model_dump(exclude={"model"})
    values["seed"] = derive_seed(config.seed, "variants/part", part) if part else config.seed
    if start is not None:
        folder = material.folder / f"part-{part}"
        start.save(folder)
        values["init_from"] = folder
    classifier = PromptClassifier(material.target, material.inputs.task, **values | {"temperature": "none"} | settings)
    return classifier.fit(material.inputs.train, synthetic=rows, dev=material.inputs.dev)


def train_once(material: Material, rows: list[Example]) -> Fitted:
    """Train as the job does."""
    return Fitted([fit(material, rows)], rows)


def train_parts(material: Material, rows: list[Example], *, parts: Sequence[tuple[float, str]]) -> Fitted:
    """Train in parts, each a share of the steps and a schedule."""
    prompt: PromptClassifier | None = None
    bounds = split_steps(material.config.target.steps, [share for share, _ in parts])
    for part, (steps, (_, schedule)) in enumerate(zip(bounds, parts, strict=True)):
        decay = material.config.target.decay if part == len(parts) - 1 else "constant"
        own = None if schedule == "real" else rows
        prompt = fit(material, own, start=prompt, part=part, steps=steps, schedule=schedule, decay=decay)
    assert prompt is not None
    return Fitted([prompt], rows)


def train_rounds(
    material: Material,
    rows: list[Example],
    *,
    rounds: int,
    keep: str = "all",
    threshold: float = 0.0,
    momentum: float = 0.0,
) -> Fitted:
    """Train in equal parts; after each but the last, all rows are judged anew by averaged probabilities.

    keep: "all", "own" (rows whose label has `threshold` or more) or "top" (and is the likeliest; FewGen's rule).
    momentum: of the average over rounds, corrected for its start at 0; with 0 the newest prompt judges alone.
    """
    labels, last = material.inputs.task.labels, rounds - 1
    own = np.array([labels.index(str(row.label)) for row in rows])
    total, prompt, kept = np.zeros((len(rows), len(labels))), None, rows
    for part, steps in enumerate(split_steps(material.config.target.steps, [1 / rounds] * rounds)):
        decay = material.config.target.decay if part == last else "constant"
        prompt = fit(material, kept, start=prompt, part=part, steps=steps, decay=decay)
        if part == last or keep == "all":
            continue
        total = momentum * total + (1 - momentum) * np.exp(prompt.scorer_.score_examples(rows, prompt.prompt_))
        chosen = choose_sure(total / (1 - momentum ** (part + 1)), own, threshold=threshold, top=keep == "top")
        kept = [rows[place] for place in chosen]
    assert prompt is not None
    return Fitted([prompt], kept)


def train_without_fighters(material: Material, rows: list[Example], *, share: float) -> Fitted:
    """Train for half of the steps, leave out the `share` of each label's rows whose gradients at that prompt oppose the
    mean real one most, and train for the other half."""
    first, second = split_steps(material.config.target.steps, [0.5, 0.5])
    prompt = fit(material, rows, steps=first, decay="constant")
    labels, values = [str(row.label) for row in rows], align(material, prompt, rows)
    places = pick_best(labels, values, math.ceil((1 - share) * len(rows) / len(set(labels))))
    kept = [rows[place] for place in places]
    return Fitted([fit(material, kept, start=prompt, part=1, steps=second)], kept)


def train_ensemble(material: Material, rows: list[Example], *, members: int, share: float) -> Fitted:
    """Train prompts that differ in their random numbers, each for a share of the steps."""
    steps = max(1, round(share * material.config.target.steps))
    return Fitted([fit(material, rows, part=part, steps=steps) for part in range(members)], rows)


def split_steps(steps: int, shares: Sequence[float]) -> list[int]:
    """Return the steps of each part, at least one: shares add up to 1 and so do the parts to `steps`."""
    bounds = [round(steps * sum(shares[:place])) for place in range(len(shares))] + [steps]
    return [max(1, end - begin) for begin, end in itertools.pairwise(bounds)]


def choose_sure(probs: NDArray[Any], own: NDArray[Any], *, threshold: float, top: bool) -> list[int]:
    """Return the rows to keep, in order.

    probs: [N,K]. own: label number of each row [N]. top: the label must also be the likeliest, and more than
    `threshold`. A label of which fewer than LEAST rows remain keeps the half that is surest of it.
    """
    mine = probs[np.arange(len(own)), own]
    sure = (probs.argmax(1) == own) & (mine > threshold) if top else mine >= threshold
    for label in np.unique(own):
        places = np.flatnonzero(own == label)
        if sure[places].sum() < LEAST:
            sure[places] = False
            sure[places[np.argsort(-mine[places], kind="stable")[: math.ceil(len(places) / 2)]]] = True
    return [int(place) for place in np.flatnonzero(sure)]


def write_again(material: Material) -> Chosen:
    """Tune the generator anew on the real rows and the synthetic ones that a trained prompt finds most useful, and let
    it write the whole set."""
    rows, used = take_first(material)
    useful = find_useful(material, fit(material, rows), rows)
    inputs, config, folder = material.inputs, material.config, material.folder
    job = quiet_job(config.seed, folder)
    source = replace(find_source(config, inputs), real=[*inputs.train, *useful])
    base, tuned = cached_generator(config.generator.model), folder / "generator"
    generator = tune_generator(base, source, config.generator, folder=tuned, job=job)
    written, _ = generate_set(
        generator,
        Order(config.per_label, source.first_texts, tuned),
        Curator(inputs.train, inputs.task.labels, config.curate, dev=inputs.dev or (), test=inputs.test or ()),
        folder=folder / "set",
        job=job,
    )
    return list(written), used


@dataclass(frozen=True)
class Way:
    """One variant. settings: of the target, other than the job's. contrast: of the set's own writing, where it is not
    the pool's. effort: times the base's training. note: what a reader should know of its cost."""

    choose: Choose = take_first
    train: Train = train_once
    settings: Mapping[str, Any] = field(default_factory=dict)
    contrast: float | None = None
    effort: float = 1.0
    note: str = ""

    @property
    def facts(self) -> list[Any]:
        """What names the way in a cell's key: its functions with their arguments, and its settings."""
        return [_name(self.choose), _name(self.train), dict(self.settings), self.contrast]


def find_way(name: str) -> Way:
    """Return a way by its name, or several together: "select+smoothing".

    Raises:
        ValueError: an unknown name, or two ways that choose rows, train or write differently.
    """
    merged, *others = [_find_one(part) for part in name.split("+")]
    for other in others:
        changes: dict[str, Any] = {}
        for what in ("choose", "train", "contrast"):
            mine, theirs, base = (getattr(way, what) for way in (merged, other, WAYS[BASE]))
            if mine is not base and theirs is not base:
                raise ValueError(f"{name}: expected ways that go together, got two that {what}.")
            changes[what] = mine if theirs is base else theirs
        notes = ", ".join(note for note in (merged.note, other.note) if note)
        settings = {**merged.settings, **other.settings}
        merged = Way(**changes, settings=settings, effort=merged.effort * other.effort, note=notes)
    return merged


def _find_one(name: str) -> Way:
    if name not in WAYS:
        raise ValueError(f"{name}: {suggest(name, WAYS)}")
    return WAYS[name]


def _name(function: Callable[..., Any]) -> list[Any]:
    if isinstance(function, partial):
        return [function.func.__name__, function.keywords]
    return [function.__name__, {}]


def _rounds(rounds: int, **options: Any) -> Way:
    return Way(train=partial(train_rounds, rounds=rounds, **options), effort=1 + rounds / 20)


BASE = "dawgen"
WAYS: dict[str, Way] = {
    BASE: Way(),
    "margin1": Way(partial(take_first, posterior_margin=1.0)),
    "margin2": Way(partial(take_first, posterior_margin=2.0)),
    "unfiltered": Way(partial(take_first, posterior=False)),
    "select": Way(take_surest, note="the whole pool is written"),
    "whole_pool": Way(take_all, note="the whole pool is written, and all that passes is trained on"),
    "relabel": Way(take_relabelled),
    "mmd": Way(take_herded, effort=1.2, note="the whole pool is written"),
    "unguessable": Way(take_unguessable, note="the whole pool is written"),
    "posterior_draw": Way(take_drawn, note="the whole pool is written"),
    "example_project": Way(settings={"granularity": "example"}),
    "example_drop": Way(settings={"granularity": "example", "surgery": "drop"}),
    "token_project": Way(settings={"granularity": "token"}),
    "no_surgery": Way(settings={"surgery": "none"}),
    "pcgrad": Way(settings={"surgery": "pcgrad"}),
    "gradvac": Way(settings={"surgery": "gradvac"}),
    "epsilon0.5": Way(settings={"epsilon": 0.5}),
    "epsilon1": Way(settings={"epsilon": 1.0}),
    "epsilon2": Way(settings={"epsilon": 2.0}),
    "smoothing": Way(settings={"label_smoothing": 0.1}),
    "vocabulary": Way(settings={"init": "vocabulary"}),
    "random": Way(settings={"init": "random"}),
    "halves": _rounds(2),
    "no_fighters": Way(train=partial(train_without_fighters, share=0.25), effort=1.1),
    "half_fighters": Way(train=partial(train_without_fighters, share=0.5), effort=1.1),
    "self_filter": _rounds(2, keep="own", threshold=0.5),
    "rounds": _rounds(5),
    "temporal": _rounds(5, keep="top", threshold=0.8, momentum=0.9),
    "synthetic_first": Way(train=partial(train_parts, parts=((0.5, "synthetic"), (0.5, "paired")))),
    "real_last": Way(train=partial(train_parts, parts=((110 / 150, "paired"), (40 / 150, "real")))),
    "ensemble": Way(train=partial(train_ensemble, members=3, share=1 / 3), note="three prompts for every prediction"),
    "ensemble_full": Way(
        train=partial(train_ensemble, members=3, share=1.0), effort=3.0, note="three times the training"
    ),
    "contrast0": Way(contrast=0.0),
    "contrast1": Way(contrast=1.0),
    "second_round": Way(write_again, effort=3.0, note="a second tuning, writing and training"),
}


def clear_parts(folder: Path) -> None:
    """Remove the prompts that parts of a way started from."""
    for file in folder.glob("part-*/*"):
        file.unlink()
    for part in folder.glob("part-*"):
        part.rmdir()
