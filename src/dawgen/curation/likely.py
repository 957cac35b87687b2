"""Zero-shot generation (SuperGen, Meng et al. 2022): of what an untuned generator writes, the likeliest texts.

No real example is looked at: neither for writing, nor for choosing.
"""

import heapq
from collections.abc import Iterable, Sequence

from dawgen.curation.filters import is_copy, is_empty
from dawgen.errors import ShortfallError
from dawgen.records import Candidate, Example, pair_key


def select_likely(candidates: Iterable[Candidate], labels: Sequence[str], per_label: int) -> list[Example]:
    """Return the `per_label` examples of each label with the highest mean log-probability per token under it.

    Only whole, non-empty, distinct ones that copy no text1; the likeliest first, label after label. In memory are at
    most per_label of each label, and the keys of all.

    Raises:
        ShortfallError: too few candidates of some label are sound.
    """
    kept: dict[str, list[tuple[float, int, Example]]] = {label: [] for label in labels}
    seen, reasons = set[tuple[str, str]](), dict.fromkeys(("truncated", "empty", "copy", "duplicate"), 0)
    for place, candidate in enumerate(candidates):
        if reason := _find_fault(candidate, seen):
            reasons[reason] += 1
            continue
        seen.add(pair_key(candidate.example))
        label = str(candidate.example.label)
        entry = (measure_likelihood(candidate, labels), -place, candidate.example)  # of equals the earlier one
        push = heapq.heappush if len(kept[label]) < per_label else heapq.heappushpop
        push(kept[label], entry)
    counts = {label: len(rows) for label, rows in kept.items()}
    if min(counts.values()) < per_label:
        raise ShortfallError(
            counts, dict.fromkeys(labels, per_label), reasons, advice="Write more candidates, or ask for fewer."
        )
    return [row for label in labels for *_, row in sorted(kept[label], reverse=True, key=lambda entry: entry[:2])]


def measure_likelihood(candidate: Candidate, labels: Sequence[str]) -> float:
    """Return log p(text | own label) / tokens, in nats.

    Raises:
        ValueError: a candidate that was not scored.
    """
    own = None if candidate.logp is None else candidate.logp[list(labels).index(str(candidate.example.label))]
    if own is None or not candidate.tokens:
        raise ValueError("expected candidates with log-probabilities and a number of tokens")
    return own / candidate.tokens


def _find_fault(candidate: Candidate, seen: set[tuple[str, str]]) -> str | None:
    if not candidate.finished:
        return "truncated"
    if is_empty(candidate.example):
        return "empty"
    if is_copy(candidate.example):
        return "copy"
    return "duplicate" if pair_key(candidate.example) in seen else None
