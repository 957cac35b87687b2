"""The set's labels as the tuned generator sees them: p(l | text1, text2) with a uniform prior over the labels.

p(l | x) = exp(log p(text2 | text1, Q_l)) / sum_l' exp(log p(text2 | text1, Q_l')). A generator is no independent
witness of its own texts, least of all after curation has dropped the rows to which it gave another label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from dawgen.data import read_shards
from dawgen.errors import DataError
from dawgen.evaluate.audit.judge import number_rows
from dawgen.generator.api.saved import is_served, read_served
from dawgen.generator.estimator import Generator
from dawgen.generator.saved import read_saved
from dawgen.records import Example

Origin = Literal["raw", "generator"]


def describe_posterior(
    rows: Sequence[Example], logp: NDArray[np.float64], labels: Sequence[str], origin: Origin
) -> dict[str, Any] | None:
    """Return value (mean p of the own label), agreement (share of rows whose likeliest label is their own), rows, from.

    logp: log-likelihoods in nats, [N,K], NaN under labels that a row was not held against and for rows of which nothing
    is known; None where that is all of them.
    """
    numbers = number_rows(rows, labels)
    known = np.isfinite(logp[np.arange(len(logp)), numbers]) & (np.isfinite(logp).sum(1) > 1)
    if not known.any():
        return None
    own, shares = numbers[known], softmax(np.where(np.isfinite(logp[known]), logp[known], -np.inf), axis=1)
    return {
        "value": float(shares[np.arange(len(own)), own].mean()),
        "agreement": float((shares.argmax(1) == own).mean()),
        "rows": int(known.sum()),
        "from": origin,
    }


def read_raw(source: Path, rows: Sequence[Example], labels: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the log-likelihoods that lie in raw/ beside a set's file, [N,K]; NaN for rows that raw/ does not have.

    The order of labels is that of the generator beside them, where there is one, else `labels`. None without raw/.
    """
    folder = source.parent / "raw"
    if not source.is_file() or not folder.is_dir():
        return None
    order = _find_order(source.parent, labels)
    found = {
        (row.example.text1, row.example.text2): [row.logp[place] for place in order]
        for row in read_shards(folder)
        if row.logp is not None and len(row.logp) == len(labels)
    }
    unknown = [np.nan] * len(labels)
    return np.array([found.get((row.text1, row.text2), unknown) for row in rows], dtype=np.float64)


def score_rows(folder: Path, rows: Sequence[Example], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the rows' log-likelihoods under the prefixes of a saved generator, [N,K] in nats.

    Raises BundleError where the folder holds no generator, DataError where its task has other labels.
    """
    generator = Generator.load(folder)
    order = _order_labels(folder, generator.task_.labels, labels)
    return np.asarray(generator.log_likelihood(rows)[:, order])


def _find_order(folder: Path, labels: Sequence[str]) -> list[int]:
    for place in (folder / "generator", folder.parent / "generator"):
        if is_served(place):
            return _order_labels(place, read_served(place).task.labels, labels)
        if (place / "generator.json").is_file():
            return _order_labels(place, read_saved(place)[0].task.labels, labels)
    return list(range(len(labels)))


def _order_labels(folder: Path, theirs: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Return where each of our labels stands among the generator's."""
    if set(theirs) != set(labels):
        raise DataError(
            f"{folder}: expected a generator for the labels {', '.join(labels)}, found {', '.join(theirs)}. "
            "Give the generator that wrote the set, or leave it out."
        )
    return [theirs.index(label) for label in labels]
