"""Few-shot sampling: K rows per label to train on and, where the data allow it, another K as the dev set.

The sample depends on the rows and the seed, not on the order of the file; a larger K keeps the rows of a smaller one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dawgen.data.balance import weigh_labels
from dawgen.data.leaks import leak_key
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from dawgen.rng import python_rng


@dataclass(frozen=True, slots=True)
class FewShot:
    """A sample: rows to train on, the dev set or None, the remaining rows, and a sentence that describes the split.

    Every list is sorted by label, in the task's order.
    """

    train: list[Example]
    dev: list[Example] | None
    rest: list[Example]
    note: str


def split_fewshot(
    examples: Iterable[Example],
    labels: Sequence[str],
    shots: int,
    seed: int,
    *,
    need_dev: bool = True,
    keep: bool = False,
) -> FewShot:
    """Sample `shots` (K) rows per label, and K more as the dev set if every label has 2K rows.

    No label trains on more rows than another. If a label has fewer than 2K rows, but all have K/2 beside the K, the dev
    set has as many of each as the rarest label has left. Otherwise there is none, and every label trains on as many
    rows as the rarest has. With `need_dev=False`, because the dev set is given, every label gives exactly K.
    With `keep` a label that has fewer than K rows gives what it has, at least one, and without a dev set every label
    trains on all its rows up to 2K: then the loss has to be weighted.
    Exact repetitions count once, and no pair is on both sides in either order, so dev never repeats train.

    Raises ConfigError for K < 1, DataError for a label that is not in `labels` or has fewer than K rows (with `keep`:
    none).
    """
    if shots < 1:
        raise ConfigError(f"expected one shot per label or more, found {shots}. Give --shots 16, for example.")
    rows = list(examples)
    unique = sorted(set(rows), key=lambda row: (row.text1, row.text2 or "", row.label or ""))
    counts = Counter(row.label for row in unique)
    for label in counts:
        if label not in labels:
            raise DataError(f"unknown label {label!r}; expected one of {', '.join(labels)}")
    for label in labels:
        if counts[label] < (1 if keep else shots):
            raise DataError(
                f"expected {1 if keep else shots} different examples or more of label {label!r}, found "
                f"{counts[label]}.\nAdd examples, ask for fewer (--shots N), or train on unequal numbers with a "
                f"weighted loss (--imbalance keep). There are {_count(counts)}."
            )
    shuffled = {label: [row for row in unique if row.label == label] for label in labels}
    for label, group in shuffled.items():
        python_rng(seed, f"fewshot/{label}").shuffle(group)
    train = [row for label in labels for row in shuffled[label][:shots]]
    dev = _pick_dev(shuffled, train, shots) if need_dev else None
    if need_dev and dev is None:
        rarest = min(len(group) for group in shuffled.values())
        each = shots if rarest >= 2 * shots else 2 * shots if keep else rarest
        train = [row for group in shuffled.values() for row in group[:each]]
    used = set(train) | set(dev or ())
    rest = [row for group in shuffled.values() for row in group if row not in used]
    return FewShot(train, dev, rest, _describe(train, dev, shots, len(rows) - len(unique), need_dev))


def _pick_dev(shuffled: dict[str, list[Example]], train: list[Example], shots: int) -> list[Example] | None:
    taken = {leak_key(row) for row in train}
    free = [[row for row in group[shots:] if leak_key(row) not in taken] for group in shuffled.values()]
    each = min(shots, *map(len, free))
    return [row for group in free for row in group[:each]] if 2 * each >= shots else None


def _describe(train: list[Example], dev: list[Example] | None, shots: int, repeated: int, need_dev: bool) -> str:
    counts = Counter(row.label for row in train)
    labels = len(counts)
    if dev is not None:
        each = len(dev) // labels
        note = f"{shots} rows per label train, another {each} are the dev set"
        if each < shots:
            note += f" (fewer than {2 * shots} rows of a label)"
    elif (weights := weigh_labels([row.label for row in train])) is not None:
        shown = ", ".join(f"{weight:.2f} for {label}" for label, weight in weights.items())
        note = f"{_count(counts)} rows train, no dev set; the loss weighs a row {shown}, so that labels count the same"
    elif need_dev:
        note = (
            f"too few rows of a label for a dev set ({2 * shots} are wanted), so {len(train) // labels} rows per label "
            "train and the last step is kept"
        )
    else:
        note = f"{shots} rows per label train"
    return note + (f"; {repeated} repeated rows count once" if repeated else "")


def _count(counts: Counter[str | None]) -> str:
    return ", ".join(f"{label}: {count}" for label, count in counts.items())
