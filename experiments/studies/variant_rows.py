"""Ways to choose a synthetic set from one pool of candidates, whose noise all ways share.

Each returns the rows, in pool order, and how many candidates had to be written for them.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dawgen.classifier.batches import bucket, choose_budget, pad
from dawgen.config import RunConfig
from dawgen.curation import Curator
from dawgen.errors import DataError
from dawgen.evaluate.audit.artefact_rules import fit_classifier
from dawgen.evaluate.audit.artefacts import split_folds
from dawgen.generator.write.quotas import Judged
from dawgen.models.load import Backbone
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Candidate, Example
from dawgen.rng import python_rng
from dawgen.runs.inputs import Inputs

Chosen = tuple[list[Example], int]


@dataclass(frozen=True)
class Material:
    """What a way works with. pool: whole candidates with their log-likelihoods, in the order of writing. folder: for
    files of the way, which a killed one finds again."""

    inputs: Inputs
    target: Backbone
    config: RunConfig
    pool: Sequence[Candidate]
    folder: Path


def take_first(material: Material, **curate: Any) -> Chosen:
    """Return what a job would: the first `per_label` rows of each label that the curator keeps.

    curate: settings of the curator other than the job's.
    """
    kept, seen = judge_pool(material, material.pool, fill=True, **curate)
    return [candidate.example for candidate, _ in kept], seen


def take_relabelled(material: Material) -> Chosen:
    """Give every candidate the label that the generator's posterior prefers, then do as a job would."""
    kept, seen = judge_pool(material, relabel(material.pool, material.inputs.task.labels), fill=True)
    return [candidate.example for candidate, _ in kept], seen


def take_all(material: Material) -> Chosen:
    """Return all rows that the curator keeps, as many of each label as the rarest has: more rows for the same steps."""
    kept, _ = judge_pool(material, material.pool, fill=False)
    rows = [candidate.example for candidate, _ in kept]
    least = min(sum(row.label == label for row in rows) for label in material.inputs.task.labels)
    places = pick_best([str(row.label) for row in rows], [0.0] * len(rows), least)
    return [rows[place] for place in places], len(material.pool)


def take_surest(material: Material) -> Chosen:
    """Return the `per_label` rows of each label with the largest posterior margins among all that the curator keeps."""
    kept, _ = judge_pool(material, material.pool, fill=False)
    return _take_best(material, kept, [float(verdict.score or 0.0) for _, verdict in kept])


def take_drawn(material: Material) -> Chosen:
    """Draw `per_label` rows of each label in proportion to the posterior of their label, which is no filter here."""
    kept, _ = judge_pool(material, material.pool, fill=False, posterior=False)
    rng, labels = python_rng(material.config.seed, "variants/posterior draw"), material.inputs.task.labels
    values = []
    for candidate, _ in kept:
        own = labels.index(str(candidate.example.label))
        # The largest n of log p + Gumbel noise are n draws without replacement in proportion to p.
        values.append(find_posterior(candidate.logp or ())[own] - math.log(-math.log(rng.random() or 1e-300)))
    return _take_best(material, kept, values)


def take_herded(material: Material) -> Chosen:
    """Return the `per_label` rows of each label that are together most like the label's real rows, by kernel herding.

    Features are the frozen target's mean states of the filled template.
    """
    kept, _ = judge_pool(material, material.pool, fill=False)
    values = [-math.inf] * len(kept)
    for label in material.inputs.task.labels:
        places = [place for place, (candidate, _) in enumerate(kept) if candidate.example.label == label]
        rows = embed(material, [kept[place][0].example for place in places])
        real = embed(material, [row for row in material.inputs.train if row.label == label])
        for rank, chosen in enumerate(herd(rows, real, material.config.per_label)):
            values[places[chosen]] = -float(rank)
    return _take_best(material, kept, values)


def take_unguessable(material: Material) -> Chosen:
    """Return the `per_label` rows of each label whose text2 alone says least about their label.

    Logistic regression on TF-IDF of words and pairs of words, as in the audit, judges rows that it was not fitted on.
    """
    kept, _ = judge_pool(material, material.pool, fill=False)
    rows = [candidate.example for candidate, _ in kept]
    folds = split_folds(rows, material.config.seed)
    if folds is None:
        raise DataError(f"expected rows enough of each label for folds, got {len(rows)} in all.")
    values = [0.0] * len(rows)
    for fold in np.unique(folds.folds):
        held = np.flatnonzero(folds.folds == fold)
        pipeline = fit_classifier([rows[place] for place in np.flatnonzero(folds.folds != fold)], second=True).pipeline
        chances = pipeline.predict_proba([rows[place].text2 or "" for place in held])
        for place, chance in zip(held, chances, strict=True):
            values[place] = -float(chance[list(pipeline.classes_).index(rows[place].label)])
    return _take_best(material, kept, values)


def judge_pool(material: Material, pool: Sequence[Candidate], *, fill: bool, **curate: Any) -> tuple[list[Judged], int]:
    """Return the kept candidates with their verdicts, and how many were judged.

    fill: leave out what comes after a label has its `per_label` rows, as a job does.
    """
    inputs, config = material.inputs, material.config
    settings = config.curate.model_copy(update=curate)
    curator = Curator(inputs.train, inputs.task.labels, settings, dev=inputs.dev or (), test=inputs.test or ())
    kept: list[Judged] = []
    counts, seen = Counter[str](), 0
    for candidate in pool:
        label = str(candidate.example.label)
        if fill and counts[label] >= config.per_label:
            continue
        verdict, seen = curator.judge([candidate])[0], seen + 1
        if verdict.kept:
            counts[label] += 1
            kept.append((candidate, verdict))
    return kept, seen


def relabel(pool: Sequence[Candidate], labels: Sequence[str]) -> list[Candidate]:
    """Return the candidates, each with the label under which its text is likeliest."""
    return [replace(c, example=replace(c.example, label=labels[int(np.argmax(c.logp))])) if c.logp else c for c in pool]


def find_posterior(logp: Sequence[float]) -> NDArray[np.float64]:
    """Return log p(label | text) [K] under a uniform prior."""
    values = np.asarray(logp, dtype=np.float64)
    return np.asarray(values - np.logaddexp.reduce(values))


@torch.no_grad()
def embed(material: Material, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return the mean state [N,H] of each example's filled template under the target without a prompt."""
    backbone, task = material.target, material.inputs.task
    limit = limit_tokens(backbone, material.config.target.max_tokens, 0)
    ids = render(examples, template=task.template, backbone=backbone, max_tokens=limit).ids
    body = backbone.model.get_encoder() if backbone.kind == "seq2seq" else backbone.model.base_model
    means = np.zeros((len(ids), backbone.model.get_input_embeddings().weight.shape[1]))
    for rows in bucket([len(row) for row in ids], choose_budget(backbone.model.device.type)):
        tokens, mask = pad([ids[row] for row in rows], backbone)
        states = body(input_ids=tokens, attention_mask=mask).last_hidden_state.double()
        shares = mask[..., None] / mask.sum(1)[:, None, None]
        means[rows] = (states * shares).sum(1).cpu().numpy()
    return means


def herd(rows: NDArray[np.float64], real: NDArray[np.float64], count: int) -> list[int]:
    """Return up to `count` row numbers in the order in which kernel herding takes them.

    rows: [N,H], real: [M,H]. The t-th row maximises mean_m k(x, real_m) - sum of k(x, taken) / t, which lowers the MMD
    to the real rows greedily; k is Gaussian with the median distance of all rows for its width.
    """
    everything = np.concatenate([rows, real])
    norms = (everything**2).sum(1)
    squares = np.maximum(norms[:, None] + norms[None] - 2 * everything @ everything.T, 0.0)
    apart = squares[np.triu_indices(len(squares), 1)]
    width = float(np.median(apart)) if len(apart) and np.median(apart) > 0 else 1.0
    kernel = np.exp(-squares / (2 * width))
    pull, push = kernel[: len(rows), len(rows) :].mean(1), np.zeros(len(rows))
    free, taken = np.ones(len(rows), dtype=bool), list[int]()
    while len(taken) < min(count, len(rows)):
        gain = np.where(free, pull - push / (len(taken) + 1), -np.inf)
        best = int(gain.argmax())
        taken.append(best)
        free[best] = False
        push += kernel[: len(rows), best]
    return taken


def pick_best(labels: Sequence[str], values: Sequence[float], per_label: int) -> list[int]:
    """Return the places, in order, of the `per_label` largest values of each label; the earlier of equals."""
    chosen: list[int] = []
    for label in set(labels):
        places = [place for place, own in enumerate(labels) if own == label]
        chosen += sorted(places, key=lambda place: -values[place])[:per_label]
    return sorted(chosen)


def _take_best(material: Material, kept: Sequence[Judged], values: Sequence[float]) -> Chosen:
    labels = [str(candidate.example.label) for candidate, _ in kept]
    places = pick_best(labels, values, material.config.per_label)
    return [kept[place][0].example for place in places], len(material.pool)


Choose = Callable[[Material], Chosen]
