"""The words of the generated texts that go with a label."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from scipy.stats import fisher_exact

from dawgen.evaluate.audit.artefact_rules import list_words
from dawgen.records import Example, generated_text

TOP = 5  # words of a label
LEAST_SHARE = 0.01  # of the rows: a word of fewer gives nothing away
LEAST_COUNT = 5


def list_label_words(rows: Sequence[Example], real: Sequence[Example], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the TOP words of each label by PMI: word, label, pmi, rows that have it, share of these of the label.

    real_share is the same share among the real rows that have the word, each label weighing as much as in the set, and
    None where fewer than LEAST_COUNT have it. p: Fisher's exact test of share above real_share, times the words and
    labels that were looked at (Bonferroni); None without real_share. A word counts once in a row. Of equal PMI the more
    frequent stands first.
    """
    ours, theirs = count_rows(rows), count_rows(real)
    sizes, real_sizes = (Counter(str(row.label) for row in side) for side in (rows, real))
    least = max(LEAST_COUNT, LEAST_SHARE * len(rows))
    tried = len(labels) * sum(counts.total() >= least for counts in ours.values())
    found: list[dict[str, Any]] = []
    for label in labels:
        scored = [
            (measure_pmi(counts[label], counts.total(), sizes[label], len(rows)), counts.total(), word)
            for word, counts in ours.items()
            if counts.total() >= least and counts[label]
        ]
        scored.sort(key=lambda item: (-item[0], -item[1], item[2]))
        for pmi, count, word in [item for item in scored[:TOP] if item[0] > 0]:
            counts = theirs.get(word, Counter[str]())
            real_share, p = weigh_share(counts, label, sizes, real_sizes), None
            if real_share is not None:
                p = min(1.0, tried * compare_shares((ours[word][label], count), (real_share, counts.total())))
            found.append(
                {
                    "word": word,
                    "label": label,
                    "pmi": pmi,
                    "rows": count,
                    "share": ours[word][label] / count,
                    "real_share": real_share,
                    "p": p,
                }
            )
    return found


def measure_pmi(both: int, word: int, label: int, rows: int) -> float:
    """Return log2 p(word, label) / (p(word) p(label)) in bits from counts of rows; all must be above 0."""
    return math.log2(both * rows / (word * label))


def compare_shares(ours: tuple[int, int], theirs: tuple[float, int]) -> float:
    """Return the one-sided p of Fisher's exact test that (count, rows) is no larger a share than (share, rows)."""
    hits = round(theirs[0] * theirs[1])
    table = [[ours[0], ours[1] - ours[0]], [hits, theirs[1] - hits]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def count_rows(rows: Sequence[Example]) -> dict[str, Counter[str]]:
    """Return for each word of the generated texts how many rows of each label have it."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for word in set(list_words(generated_text(row))):
            counts.setdefault(word, Counter())[str(row.label)] += 1
    return counts


def weigh_share(counts: Counter[str], label: str, ours: Counter[str], theirs: Counter[str]) -> float | None:
    """Return the label's share of `counts` had the real rows the set's numbers of each label; None for few rows."""
    if counts.total() < LEAST_COUNT:
        return None
    weighed = {name: count * ours[name] / theirs[name] for name, count in counts.items()}
    total = sum(weighed.values())
    return weighed.get(label, 0.0) / total if total else None
