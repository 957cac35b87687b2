"""The unlabelled rows that may be asked for: read once, in memory for as many as are scored, whatever the file's size.

Of a pool of N rows with different texts, S are drawn as those with the smallest keyed hashes of their texts: so the
draw does not depend on the order of the file, and of other rows only 8 bytes each are kept, to count repetitions.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dawgen.data import iterate_rows, leak_key
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from dawgen.rng import derive_seed
from dawgen.tasks import Task

SCORED = 5000  # rows: 40 s with the minis on one thread, ten minutes with a model of 135 million parameters
TRAIN, TEST, REPEATED, NOT_DRAWN = "stand in the training rows", "stand in the test rows", "repeat another", "not drawn"


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows that may be chosen, in the order of their hashes.

    numbers: of the rows in the file, from 1. rows: how many the file has. left_out: how many for each reason. sha256:
    of the rows' texts, in the file's order.
    """

    examples: list[Example]
    numbers: list[int]
    rows: int
    left_out: dict[str, int]
    sha256: str


def read_pool(
    source: str,
    task: Task,
    known: Sequence[Example],
    held: Iterable[Example],
    *,
    most: int,
    seed: int,
    columns: Mapping[str, Any] | None = None,
) -> Pool:
    """Return the pool of a file, folder or dataset, whose labels are ignored, without what is known or held out.

    known: training rows. held: test rows. Of rows that are the same to a reader, pairs in either order, the first
    counts. most: rows that are drawn, by the seed.

    Raises:
        DataError: as `read`, and where no row is left. ConfigError: `most` below 1.
    """
    if most < 1:
        raise ConfigError(f"--score {most}: expected one row or more to score.")
    barred = {leak_key(row): TRAIN for row in known} | {leak_key(row): TEST for row in held}
    key, digest, hashes = derive_seed(seed, "annotate/pool").to_bytes(8, "big"), hashlib.sha256(), array("Q")
    left_out, drawn, rows = Counter[str](), dict[int, tuple[int, Example]](), 0
    heap: list[int] = []  # of the drawn rows' hashes, negative: the largest first
    for row in iterate_rows(source, columns=columns, task=task, need_label=False):
        rows += 1
        digest.update(repr((row.example.text1, row.example.text2)).encode())
        texts = leak_key(row.example)
        if (why := barred.get(texts)) is not None:
            left_out[why] += 1
            continue
        number = int.from_bytes(hashlib.blake2b(repr(texts).encode(), digest_size=8, key=key).digest(), "big")
        hashes.append(number)
        if number in drawn or (len(heap) == most and number > -heap[0]):
            continue
        drawn[number] = rows, row.example
        if len(heap) < most:
            heapq.heappush(heap, -number)
        else:
            del drawn[-heapq.heapreplace(heap, -number)]
    different = len(np.unique(np.frombuffer(hashes, dtype=np.uint64))) if hashes else 0
    left_out[REPEATED], left_out[NOT_DRAWN] = len(hashes) - different, different - len(drawn)
    counts = {why: left_out[why] for why in (TRAIN, TEST, REPEATED, NOT_DRAWN) if left_out[why]}
    if not drawn:
        told = ", ".join(f"{count} {why}" for why, count in counts.items())
        raise DataError(f"{source}: expected rows to label, but of {rows} {told}. Give a file with other texts.")
    found = [drawn[number] for number in sorted(drawn)]
    return Pool([example for _, example in found], [number for number, _ in found], rows, counts, digest.hexdigest())
