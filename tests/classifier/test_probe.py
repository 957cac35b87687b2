"""Probes: real rows weigh as much as synthetic ones, vectors are the texts' own, and what is cut is counted."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer

from dawgen.classifier.embed import count_cut_texts, embed_examples, embed_pairs
from dawgen.classifier.probe import Probe
from dawgen.errors import DataError
from dawgen.records import Example
from support.targets import LABELS, TARGETS, make_backbone, make_pairs
from support.tiny import Kind


def measure(rows: Sequence[Example]) -> NDArray[np.float64]:
    return np.array([[len(row.text1), len(row.text2 or ""), row.text1.count("a")] for row in rows], dtype=float)


def make_probe() -> Probe:
    return Probe(LABELS, FunctionTransformer(measure))


def test_real_rows_weigh_as_much_as_the_synthetic_ones_together() -> None:
    real, synthetic, test = make_pairs(6, 1), make_pairs(18, 2), make_pairs(30, 3)
    weighted, repeated = make_probe().fit(real, synthetic), make_probe().fit([*real * 3, *synthetic])
    np.testing.assert_allclose(weighted._head.coef_, repeated._head.coef_, rtol=1e-3)
    assert (weighted.predict(test) == repeated.predict(test)).all()
    assert weighted.trainable_ == 3 + 1


def test_a_row_without_one_of_the_labels_is_refused() -> None:
    with pytest.raises(DataError, match="training rows, example 6"):
        make_probe().fit(make_pairs(6, 1), [Example("a", "b", "maybe")])


@pytest.mark.parametrize("kind", TARGETS)
def test_a_pair_is_its_texts_their_distance_and_their_product(kind: Kind) -> None:
    backbone, pairs = make_backbone(kind), make_pairs(5)
    u, v = (
        embed_examples(backbone, [Example(text) for text in texts], "{text1}")
        for texts in ([pair.text1 for pair in pairs], [str(pair.text2) for pair in pairs])
    )
    found = embed_pairs(backbone, pairs)
    torch.testing.assert_close(found, torch.cat([u, v, (u - v).abs(), u * v], 1), rtol=1e-4, atol=1e-5)
    single = [Example(pair.text1) for pair in pairs]
    torch.testing.assert_close(embed_pairs(backbone, single), u, rtol=1e-4, atol=1e-5)


def test_examples_with_a_cut_text_are_counted() -> None:
    backbone, long = make_backbone(), "a dog is sleeping " * 30
    rows = [Example(long, "short"), Example("short", long), Example("short", "short")]
    assert count_cut_texts(backbone, rows, max_tokens=40) == 2
    assert count_cut_texts(backbone, rows[2:], max_tokens=40) == 0
