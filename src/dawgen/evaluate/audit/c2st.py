"""Classifier two-sample test (Lopez-Paz and Oquab 2017): can a classifier tell which sample a row is from?

A linear one (ridge regression on the sample's sign) learns from four fifths of the rows and scores the rest. Its AUC
is the chance that a random row of the first sample scores above one of the second: 0.5 if it cannot tell them apart.
Scores are linear in the signs, so that one solution of the equations serves all permutations of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from dawgen.errors import DataError
from dawgen.evaluate.audit.distance import CHANCE, PERMUTATIONS
from dawgen.rng import derive_seed, numpy_rng
from dawgen.stats import find_auc_error, find_aucs

FOLDS = 5
FEWEST = FOLDS  # rows of a sample, one for each fold
PENALTY = 100.0  # ridge's alpha on standardised features

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TwoSample:
    """auc: of rows that the classifier was not fitted on. error: its standard error over rows (DeLong et al. 1988).

    chance: what 95 % of random splits of the pooled rows stay below. p: the share of splits that reach the auc.
    """

    auc: float
    error: float
    chance: float
    p: float


def measure_c2st(first: Tensor, second: Tensor, *, seed: int, permutations: int = PERMUTATIONS) -> TwoSample:
    """Return how well a classifier distinguishes samples of vectors [N,H] and [M,H].

    Rows are permuted within folds, whose mix of samples stays as it is. Raises DataError below 5 rows on either side.
    """
    if min(len(first), len(second)) < FEWEST:
        raise DataError(f"expected {FEWEST} rows or more on either side, got {len(first)} and {len(second)}.")
    vectors = np.vstack([first.double().numpy(), second.double().numpy()])
    own = np.arange(len(vectors)) < len(first)
    folds = _draw_folds(own, seed)
    signs = _permute(own, folds, numpy_rng(seed, "audit/c2st"), permutations)
    scores = score_held_out(vectors, np.where(signs, 1.0, -1.0), folds)
    aucs = find_aucs(scores, signs)
    reached = int((aucs[1:] >= aucs[0] - 1e-12).sum())
    return TwoSample(
        auc=float(aucs[0]),
        error=find_auc_error(scores[own, 0], scores[~own, 0]),
        chance=float(np.quantile(aucs[1:], CHANCE)),
        p=(1 + reached) / (1 + permutations),  # never 0: our own split is one of them
    )


def score_held_out(vectors: Floats, signs: Floats, folds: NDArray[np.int64]) -> Floats:
    """Return the scores [N,R] of rows under classifiers fitted on the other folds. vectors [N,H], signs [N,R]."""
    scores = np.empty_like(signs)
    for fold in range(FOLDS):
        kept, held = folds != fold, folds == fold
        scale = StandardScaler().fit(vectors[kept])
        ridge = Ridge(alpha=PENALTY).fit(scale.transform(vectors[kept]), signs[kept])
        # without the intercept, the mean of the fold's signs, which would rank rows by their fold
        scores[held] = ridge.predict(scale.transform(vectors[held])) - ridge.intercept_
    return scores


def _draw_folds(own: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    folds = np.zeros(len(own), dtype=np.int64)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "audit/c2st/folds") % 2**32)
    for fold, (_, held) in enumerate(splitter.split(np.zeros(len(own)), own)):
        folds[held] = fold
    return folds


def _permute(
    own: NDArray[np.bool_], folds: NDArray[np.int64], rng: np.random.Generator, permutations: int
) -> NDArray[np.bool_]:
    """Return which rows are taken for the first sample, [N,1+R]: as they are, then permuted within folds."""
    signs = np.repeat(own[:, None], 1 + permutations, axis=1)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        signs[held, 1:] = rng.permuted(signs[held, 1:], axis=0)
    return signs
