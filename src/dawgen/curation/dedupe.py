"""Near duplicates: Jaccard similarity of word 3-grams, looked up in an inverted index without comparing all rows.

J(a, b) = |S(a) & S(b)| / |S(a) | S(b)|, S(x) the 3-grams of "^ ^ x $ $"; the marks give short texts 1- and 2-grams too.

Prefix filtering (Chaudhuri et al. 2006): J >= t means at least ceil(t n) common elements, so with any fixed order two
such sets share m elements among the first n - ceil(t n) + m of each. Rows are found through pairs of elements (m = 2),
which are much rarer than single ones; longest 3-grams come first, as they are rarest, and unlike true frequencies their
order does not change as rows arrive.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

from dawgen.records import normalise

Shingles = frozenset[str]
SMALLEST = 3  # 3-grams of a one-word text: "^ ^ a", "^ a $", "a $ $"


@lru_cache(maxsize=4096)  # a first text comes back for every label, and every kept text is looked up, then added
def find_shingles(text: str) -> Shingles:
    """Return the text's word 3-grams, marks for start and end included; empty for a text without words."""
    words = normalise(text).split()
    if not words:
        return frozenset()
    padded = ["^", "^", *words, "$", "$"]
    return frozenset(" ".join(padded[i : i + 3]) for i in range(len(padded) - 2))


def measure_jaccard(a: Shingles, b: Shingles) -> float:
    """Return |a & b| / |a | b| in [0, 1]; two empty sets give 0, as there is nothing that they share."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


class NearIndex:
    """Rows of one or two texts, found again by a row whose every text is similar.

    Two rows are as similar as the less similar of their texts: minimal pairs that share a long text1 stay apart.

        index = NearIndex(0.9)
        index.add(("a man sleeps",), "row 1")
        index.find(("A man sleeps!",))  # (1.0, "row 1")
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._together = min(2, math.ceil(SMALLEST * threshold))  # elements that any two similar sets surely share
        self._rows: list[tuple[list[Shingles], str]] = []
        self._postings: dict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)

    def add(self, texts: Sequence[str], name: str) -> None:
        """Remember a row under `name`."""
        sets = [find_shingles(text) for text in texts]
        for place, shingles in enumerate(sets):
            for key in self._list_keys(shingles):
                self._postings[place, key].append(len(self._rows))
        self._rows.append((sets, name))

    def find(self, texts: Sequence[str]) -> tuple[float, str] | None:
        """Return similarity and name of the most similar row at or above the threshold, the earliest of equals."""
        sets = [find_shingles(text) for text in texts]
        # the rarest text leads: a first text offered a thousand times must not bring a thousand candidates each time
        found = [
            [self._postings.get((place, key), []) for key in self._list_keys(shingles)]
            for place, shingles in enumerate(sets)
        ]
        candidates = set[int]().union(*min(found, key=lambda lists: sum(map(len, lists))))
        best: tuple[float, str] | None = None
        for row in sorted(candidates):
            others, name = self._rows[row]
            score = min(measure_jaccard(a, b) for a, b in zip(sets, others, strict=True))
            if score >= self.threshold and (best is None or score > best[0]):
                best = (score, name)
        return best

    def _list_keys(self, shingles: Shingles) -> list[tuple[str, ...]]:
        # the 1e-9 keeps a product such as 0.7 * 10 = 7.000000000000001 from rounding up and losing a match
        length = len(shingles) - math.ceil(self.threshold * len(shingles) - 1e-9) + self._together
        prefix = sorted(shingles, key=lambda shingle: (-len(shingle), shingle))[:length]
        return list(combinations(prefix, self._together))
