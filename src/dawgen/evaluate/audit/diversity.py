"""The diversity of the generated texts: distinct-n, self-BLEU and the Vendi score, each beside as many real rows.

All of them depend on the number of texts (more texts repeat more), hence a comparison is between equal numbers of rows:
`matched` is the mean over parts of the set that are as large as `real`.
The generated text is text2 of a pair and the text itself elsewhere; text1 is given to the generator.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from statistics import fmean
from typing import Any

import torch
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.helpers import extract_all_word_ngrams
from torch import Tensor

from dawgen.records import Example, generated_text
from dawgen.rng import python_rng, torch_rng
from dawgen.sameness import split_words

MOST = 1000  # most texts that are measured: of a larger set a sample, which the output says
PARTS = 10  # at most so many parts of the set are compared with the real rows
ORDERS = (1, 2, 3)


def describe_diversity(rows: Sequence[Example], real: Sequence[Example], *, seed: int) -> dict[str, Any]:
    """Return the measures of the set's texts (`sample` of them), of the real rows, and of parts as large as those."""
    ours, theirs = (_sample(side, seed, what) for side, what in ((rows, "set"), (real, "real")))
    theirs = theirs[: len(ours)]
    parts = list(cut_parts(ours, len(theirs)))
    each = [measure_texts(part) for part in parts]
    return {
        **measure_texts(ours),
        "sample": len(ours),
        "real": {**measure_texts(theirs), "sample": len(theirs)},
        "matched": {**{name: fmean(part[name] for part in each) for name in each[0]}, "sample": len(theirs)},
    }


def measure_texts(texts: Sequence[str]) -> dict[str, float]:
    """Return distinct_1, _2, _3 and self_bleu, all in [0, 1], and how many words and different words there are."""
    split = [split_words(text) for text in texts]
    return {
        **{f"distinct_{n}": count_distinct(split, n) for n in ORDERS},
        "self_bleu": measure_self_bleu(texts),
        "words": sum(map(len, split)),
        "vocabulary": len({word for words in split for word in words}),
    }


def count_distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    """Return distinct-n (Li et al. 2016): different n-grams / all n-grams of the texts' words; 0 without any."""
    grams = [tuple(words[start : start + n]) for words in texts for start in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def measure_self_bleu(texts: Sequence[str]) -> float:
    """Return self-BLEU (Zhu et al. 2018) in [0, 1]: mean over texts of BLEU-4 against all the others; 0 for one text.

    Equal to sacrebleu's sentence_score of each text, whose references need a pass over all others each time. Here
    the two largest counts of an n-gram in any text are kept: without a text's own, the larger one of the rest is left.
    """
    if len(texts) < 2:
        return 0.0
    bleu = BLEU(effective_order=True)
    counted = [extract_all_word_ngrams(bleu.tokenizer(text.rstrip()), 1, bleu.max_ngram_order) for text in texts]
    most: Counter[tuple[str, ...]] = Counter()
    second: Counter[tuple[str, ...]] = Counter()
    for grams, _ in counted:
        for gram, count in grams.items():
            if count > most[gram]:
                most[gram], second[gram] = count, most[gram]
            elif count > second[gram]:
                second[gram] = count
    lengths = sorted(length for _, length in counted)
    scores = []
    for grams, length in counted:
        correct, total = [0] * bleu.max_ngram_order, [0] * bleu.max_ngram_order
        for gram, count in grams.items():
            elsewhere = second[gram] if count == most[gram] else most[gram]
            total[len(gram) - 1] += count
            correct[len(gram) - 1] += min(count, elsewhere)
        nearest = find_nearest(lengths, length)
        score = bleu.compute_bleu(correct, total, length, nearest, smooth_method="exp", effective_order=True)
        scores.append(score.score / 100)
    return fmean(scores)


def find_nearest(lengths: Sequence[int], length: int) -> int:
    """Return the length nearest to one of the sorted lengths among the others; the shorter of two that are as near."""
    place = bisect_left(lengths, length)
    others = [*lengths[max(0, place - 1) : place], *lengths[place + 1 : place + 2]]
    return min(others, key=lambda other: (abs(other - length), other))


def measure_vendi(vectors: Tensor) -> float:
    """Return the Vendi score (Friedman and Dieng 2023) of vectors [N,H]: the effective number of different rows.

    exp(-sum_i e_i log e_i), e the eigenvalues of K / N with K the cosine similarities. Between 1 (all alike) and N.
    """
    units = torch.nn.functional.normalize(vectors.double(), dim=1)
    gram = units @ units.T if len(units) <= units.shape[1] else units.T @ units  # the same eigenvalues but zeros
    values = torch.linalg.eigvalsh(gram / len(units)).clamp(min=0)
    return float(torch.exp(-torch.xlogy(values, values).sum()))


def add_vendi(diversity: dict[str, Any], ours: Tensor, theirs: Tensor, *, seed: int) -> None:
    """Put `vendi` of the set's vectors [N,H], of the real rows' [M,H] and of parts as large into the diversity.

    The rows are shuffled first, as they may stand sorted by label.
    """
    ours, theirs = (_shuffle(side, seed, what) for side, what in ((ours, "set"), (theirs, "real")))
    theirs = theirs[: len(ours)]
    diversity["vendi"], diversity["real"]["vendi"] = measure_vendi(ours), measure_vendi(theirs)
    diversity["matched"]["vendi"] = fmean(measure_vendi(part) for part in cut_parts(ours, len(theirs)))


def cut_parts(values: Any, size: int) -> Iterator[Any]:
    """Yield the first PARTS parts of `size` values; what is left over belongs to none."""
    starts = range(0, len(values) + 1, size)
    return islice((values[start:end] for start, end in pairwise(starts)), PARTS)


def _sample(rows: Sequence[Example], seed: int, what: str) -> list[str]:
    """Return at most MOST of the generated texts in random order, as the rows may be sorted by label."""
    drawn = python_rng(seed, f"audit/diversity/{what}").sample(range(len(rows)), min(len(rows), MOST))
    return [generated_text(rows[place]) for place in drawn]


def _shuffle(vectors: Tensor, seed: int, what: str) -> Tensor:
    return vectors[torch.randperm(len(vectors), generator=torch_rng(seed, f"audit/vendi/{what}"))]
