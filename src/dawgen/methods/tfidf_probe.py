"""TF-IDF probe: logistic regression on words and pairs of words, without any model.

A pair has TF-IDF of 1-2-grams for each of its texts, and how much the two overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.classifier.probe import Probe
    from dawgen.models.load import Backbone


def fit_tfidf_probe(_: Backbone, given: Given) -> Probe:
    """Fit words and head on the real examples and, where there is a set, on the synthetic ones with as much weight."""
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    from dawgen.classifier.overlap import learn_idf, measure_rows
    from dawgen.classifier.probe import Probe

    features = [_count_words("text1")]
    if given.task.pair:
        idf = learn_idf([*given.real, *(given.synthetic or ())])
        overlap = FunctionTransformer(partial(measure_rows, idf=idf))
        features += [_count_words("text2"), make_pipeline(overlap, StandardScaler())]
    return Probe(given.task.labels, make_union(*features)).fit(given.real, given.synthetic or (), weigh=given.weigh)


def _count_words(field: str) -> Any:
    """Return what turns examples into TF-IDF of the 1-2-grams of one of their texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")  # words of one letter too
    return make_pipeline(FunctionTransformer(partial(_read_texts, field=field)), words)


def _read_texts(rows: Sequence[Example], field: str) -> list[str]:
    return [getattr(row, field) for row in rows]


SPECS = (
    MethodSpec(name="tfidf_probe", fit=fit_tfidf_probe, place=34, family="probes", trains=("head",), asks=False),
    MethodSpec(
        name="tfidf_probe_synthetic",
        fit=fit_tfidf_probe,
        place=114,
        family="probes",
        trains=("head",),
        asks=False,
        schedule="pooled",
        rows="set",
        way="tfidf_probe",
    ),
)
