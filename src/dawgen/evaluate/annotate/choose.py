"""Which rows to label next: those a prompt is least sure of, spread over what they are about.

The margin of a row is p_1 - p_2, the probabilities of its likeliest two labels (Scheffer et al. 2001). Of the rows
with the smallest margins, WIDTH for each that is wanted, k-means makes as many clusters as rows are wanted; the
clusters take turns, each giving its row of the smallest margin (as in Cluster-Margin, Citovsky et al. 2021).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from dawgen.errors import ConfigError
from dawgen.rng import derive_seed, numpy_rng

WIDTH = 10  # candidates for each row that is wanted (Citovsky et al.: from 1.25 to 10)
STARTS = 4  # of k-means, of which the best counts

Embed = Callable[[Sequence[int]], NDArray[np.float32]]


def measure_margins(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return p_1 - p_2 of each row, [N] in [0, 1], from log-probabilities [N,K], K at least 2."""
    best = np.sort(np.exp(scores.astype(np.float64)), 1)
    margins: NDArray[np.float64] = best[:, -1] - best[:, -2]
    return margins


def choose_rows(
    margins: NDArray[np.float64], embed: Embed, rows: int, seed: int, *, clusters: int | None = None
) -> list[int]:
    """Return the places of `rows` rows, or of all there are, in the order in which they are best labelled.

    margins: [N]. embed: vectors [C,F] of the C rows at these places, the candidates; other rows need none. clusters: as
    many as rows where it is None. Rows of equal margin stand in a random order of the seed, so that the file's order
    says nothing. No cluster gives more rows than ceil(rows / clusters) unless others have run out.

    Raises:
        ConfigError: fewer than one row or cluster wanted.
    """
    wanted = rows if clusters is None else clusters
    if rows < 1 or wanted < 1:
        raise ConfigError(f"expected one row and one cluster or more, got {rows} rows and {wanted} clusters.")
    places = rank_rows(margins, seed)[: rows * WIDTH]
    if len(places) <= rows:
        return places
    groups = group_rows(embed(places), min(wanted, len(places)), seed)
    turns: dict[int, list[int]] = {}
    for place, group in zip(places, groups, strict=True):  # so clusters and their rows stand in the order of margins
        turns.setdefault(group, []).append(place)
    return [place for turn in zip_longest(*turns.values()) for place in turn if place is not None][:rows]


def rank_rows(margins: NDArray[np.float64], seed: int) -> list[int]:
    """Return all places, the smallest margin first, equal ones in a random order."""
    tie = numpy_rng(seed, "annotate/ties").permutation(len(margins))
    order: list[int] = np.lexsort((tie, margins)).tolist()
    return order


def group_rows(vectors: NDArray[np.float32], clusters: int, seed: int) -> list[int]:
    """Return the number of each row's cluster; fewer clusters where fewer vectors differ. vectors: [C,F]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of rows with the same vector
        means = KMeans(clusters, n_init=STARTS, random_state=derive_seed(seed, "annotate/clusters") % 2**32)
        groups: list[int] = means.fit_predict(StandardScaler().fit_transform(vectors)).tolist()
    return groups
