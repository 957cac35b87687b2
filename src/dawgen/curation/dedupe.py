"""Near duplicates: Jaccard similarity of word 3-grams, candidates by MinHash LSH, the index on disk.

J(a, b) = |S(a) & S(b)| / |S(a) | S(b)|, S(x) the 3-grams of "^ ^ x $ $"; the marks give short texts 1- and 2-grams too.

A MinHash (Broder 1997; datasketch) is PERMUTATIONS numbers, each of which two texts share with probability J. Cut into
b bands of r numbers, they share a whole band with probability 1 - (1 - J^r)^b; `choose_bands` makes that at least
RECALL at the threshold. Texts with a common band are compared by their 3-grams, so that a score is exact and a pair
below the threshold is never reported. A similar text is missed with probability 1 - RECALL at most, a row of two
similar texts with twice that; equal texts are always found.
"""

import json
import sqlite3
import weakref
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from dawgen.sameness import normalise, split_words

Shingles = frozenset[str]
PERMUTATIONS = 128
RECALL = 0.99
CACHE = 4  # MiB of the index that SQLite keeps in memory, however large it grows

_EMPTY = MinHash(PERMUTATIONS, seed=1)
# No journal and no waiting for the disk: the file is temporary, so nothing has to survive a crash.
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE bands (key INTEGER, text INTEGER, PRIMARY KEY (key, text)) WITHOUT ROWID;
CREATE TABLE pairs (first INTEGER, second INTEGER, label TEXT, number INTEGER, name TEXT,
                    PRIMARY KEY (first, second, label)) WITHOUT ROWID;
"""
_SHARING = "SELECT DISTINCT id, texts.text FROM bands JOIN texts ON id = bands.text WHERE key IN"
_BETWEEN = """
SELECT first, second, name FROM pairs WHERE first IN (SELECT value FROM json_each(?))
AND second IN (SELECT value FROM json_each(?)) AND label = ? ORDER BY number
"""


@lru_cache(maxsize=1024)  # a first text is looked up for every label, and every kept text is looked up, then added
def find_shingles(text: str) -> Shingles:
    """Return the text's word 3-grams, marks for start and end included; empty for a text without words."""
    words = split_words(text)
    if not words:
        return frozenset()
    padded = ["^", "^", *words, "$", "$"]
    return frozenset(" ".join(padded[i : i + 3]) for i in range(len(padded) - 2))


def measure_jaccard(a: Shingles, b: Shingles) -> float:
    """Return |a & b| / |a | b| in [0, 1]; 0 for two empty sets, which share nothing."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def choose_bands(threshold: float) -> tuple[int, int]:
    """Return the number of bands b and of numbers in a band r: the largest r, so the fewest false candidates, that
    reaches RECALL.

    Below a threshold of 0.036 even r = 1 does not reach it.
    """
    for r in range(PERMUTATIONS, 1, -1):
        b = PERMUTATIONS // r
        if 1 - (1 - threshold**r) ** b >= RECALL:
            return b, r
    return PERMUTATIONS, 1


@lru_cache(maxsize=1024)
def sketch(text: str) -> NDArray[np.uint32]:
    """Return the MinHash [PERMUTATIONS] of a text with words; the same in every process."""
    minhash = _EMPTY.copy()
    minhash.update_batch([shingle.encode() for shingle in find_shingles(text)])
    values: NDArray[np.uint32] = minhash.hashvalues
    return values


class NearIndex:
    """Finds rows of one or two texts again by rows of which every text is similar.

    Two rows are as similar as the less similar of their texts, so that minimal pairs, which share a long text1, are not
    near duplicates. Texts are indexed and not rows: a first text that is offered a thousand times is one entry. The
    index is a temporary file that SQLite removes; memory does not grow with the rows.

        index = NearIndex(0.9)
        index.add(("a man sleeps",), "row 1")
        index.find(("A man sleeps!",))  # (1.0, "row 1")
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._bands, self._width = choose_bands(threshold)
        self._rows = 0
        self._base = sqlite3.connect("", check_same_thread=False)  # "": a temporary file
        weakref.finalize(self, self._base.close)
        self._base.executescript(f"PRAGMA cache_size = {-1024 * CACHE};{_TABLES}")
        marks = ", ".join("?" * self._bands)
        self._sharing = f"{_SHARING} ({marks})"

    def add(self, texts: Sequence[str], name: str, *, label: str = "") -> None:
        """Remember a row under `name`; of equal rows of one label the first stays."""
        first, second = [self._add_text(text) for text in texts] + [0] * (2 - len(texts))
        self._rows += 1
        row = (first, second, label, self._rows, name)
        self._base.execute("INSERT OR IGNORE INTO pairs VALUES (?, ?, ?, ?, ?)", row)

    def find(self, texts: Sequence[str], *, label: str = "") -> tuple[float, str] | None:
        """Return similarity and name of the label's most similar row at or above the threshold, of equals the
        earliest."""
        similar = [{0: 1.0}, {0: 1.0}]  # 0 stands for the second text that a single text does not have
        for place in reversed(range(len(texts))):  # the last text is the generated one: mostly no other is similar
            similar[place] = self._find_texts(texts[place])
            if not similar[place]:
                return None
        best: tuple[float, str] | None = None
        wanted = [json.dumps(list(ids)) for ids in similar]
        for first, second, name in self._base.execute(_BETWEEN, (*wanted, label)):
            score = min(similar[0][first], similar[1][second])
            if best is None or score > best[0]:
                best = (score, name)
        return best

    def find_equal(self, texts: Sequence[str]) -> str | None:
        """Return the name of the first row with the same normalised texts, whatever its label."""
        ids = [self._find_id(normalise(text)) for text in texts] + [0] * (2 - len(texts))
        query = "SELECT name FROM pairs WHERE first = ? AND second = ? ORDER BY number LIMIT 1"
        found = None if None in ids else self._base.execute(query, ids).fetchone()
        return None if found is None else str(found[0])

    def _add_text(self, text: str) -> int:
        text = normalise(text)
        known = self._find_id(text)
        if known is not None:
            return known
        number = self._base.execute("INSERT INTO texts (text) VALUES (?)", (text,)).lastrowid
        assert number is not None
        self._base.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(k, number) for k in self._list_keys(text)]
        )
        return number

    def _find_id(self, text: str) -> int | None:
        found = self._base.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchone()
        return None if found is None else int(found[0])

    def _find_texts(self, text: str) -> dict[int, float]:
        """Return the similarity of every known text at or above the threshold, by id."""
        text = normalise(text)
        keys, shingles = self._list_keys(text), find_shingles(text)
        candidates = self._base.execute(self._sharing, keys) if keys else ()
        scores = {number: measure_jaccard(shingles, find_shingles(other)) for number, other in candidates}
        return {number: score for number, score in scores.items() if score >= self.threshold}

    def _list_keys(self, text: str) -> list[int]:
        """Return a 64-bit hash of each band; a collision makes a candidate that the comparison of 3-grams refuses."""
        if not find_shingles(text):
            return []
        values = sketch(text)[: self._bands * self._width].reshape(self._bands, self._width)
        return [_hash_band(number, band.tobytes()) for number, band in enumerate(values)]


def _hash_band(number: int, band: bytes) -> int:
    digest = blake2b(band, digest_size=8, salt=number.to_bytes(2, "little")).digest()
    return int.from_bytes(digest, "little", signed=True)
