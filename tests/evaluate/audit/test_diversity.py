"""Diversity: each formula by hand or by another library, and comparisons between equal numbers of rows."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from dawgen.evaluate.audit import diversity
from dawgen.evaluate.audit.diversity import (
    add_vendi,
    count_distinct,
    cut_parts,
    describe_diversity,
    find_nearest,
    measure_self_bleu,
    measure_vendi,
)
from dawgen.records import Example
from dawgen.rng import torch_rng
from support.synthetic_sets import make_set

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=7).map(" ".join), min_size=2)


def test_distinct_n_is_the_share_of_different_n_grams() -> None:
    texts = [["a", "b", "a"], ["a", "b"]]
    assert count_distinct(texts, 1) == 2 / 5
    assert count_distinct(texts, 2) == 2 / 3  # a b, b a, a b
    assert count_distinct(texts, 4) == 0.0


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_self_bleu_is_what_sacrebleu_says_of_each_text_against_the_others(texts: list[str]) -> None:
    bleu = BLEU(effective_order=True)
    each = [bleu.sentence_score(text, texts[:row] + texts[row + 1 :]).score / 100 for row, text in enumerate(texts)]
    assert measure_self_bleu(texts) == pytest.approx(sum(each) / len(each), abs=1e-12)


def test_self_bleu_of_one_text_equal_texts_and_texts_that_share_nothing() -> None:
    assert measure_self_bleu(["alone"]) == 0.0
    assert measure_self_bleu(["a cat sleeps in the sun"] * 3) == pytest.approx(1.0)
    assert measure_self_bleu(["a b c d", "e f g h"]) == 0.0


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8), st.data())
def test_the_nearest_length_is_that_of_another_text(lengths: list[int], data: st.DataObject) -> None:
    lengths.sort()
    own = data.draw(st.sampled_from(lengths))
    others = list(lengths)
    others.remove(own)
    assert find_nearest(lengths, own) == min(others, key=lambda other: (abs(other - own), other))


def test_vendi_counts_different_vectors() -> None:
    assert measure_vendi(torch.eye(5)) == pytest.approx(5.0)
    assert measure_vendi(torch.ones(7, 3)) == pytest.approx(1.0)
    assert measure_vendi(torch.eye(3).repeat(4, 1) * 9) == pytest.approx(3.0)  # copies add nothing, nor does length


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 10**6))
def test_vendi_is_the_same_from_either_product(n: int, h: int, seed: int) -> None:
    vectors = torch.randn(n, h, generator=torch_rng(seed, "vendi")).double()
    units = vectors / vectors.norm(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh(units @ units.T / n).clamp(min=1e-300)
    assert measure_vendi(vectors) == pytest.approx(float(torch.exp(-(values * values.log()).sum())), rel=1e-6)
    assert 1 - 1e-9 <= measure_vendi(vectors) <= min(n, h) + 1e-6


def test_parts_are_of_one_size_and_not_too_many() -> None:
    assert list(cut_parts(list(range(7)), 3)) == [[0, 1, 2], [3, 4, 5]]
    assert list(cut_parts([1, 2], 2)) == [[1, 2]]
    assert len(list(cut_parts(list(range(1000)), 2))) == diversity.PARTS


def test_a_set_of_repeated_texts_is_less_varied_than_as_many_real_rows() -> None:
    real = make_set(40)
    rows = [Example(row.text1, "one text for all of them", row.label) for row in make_set(400, seed=1)]
    found = describe_diversity(rows, real, seed=0)
    assert (found["sample"], found["real"]["sample"], found["matched"]["sample"]) == (400, 40, 40)
    assert found["self_bleu"] == pytest.approx(1.0)
    assert found["matched"]["distinct_2"] == pytest.approx(5 / 200 - 0.0)
    assert found["vocabulary"] == 6
    assert found["real"]["distinct_2"] > 0.5
    vectors = torch.randn(40, 8, generator=torch_rng(0, "vendi"))
    add_vendi(found, torch.ones(400, 8), vectors, seed=0)
    assert found["vendi"] == pytest.approx(1.0)
    assert found["matched"]["vendi"] == pytest.approx(1.0)
    assert found["real"]["vendi"] > 3


def test_real_rows_against_themselves_are_as_varied_though_sorted_by_label() -> None:
    rows = make_set(300, labels=("a", "b", "c"))
    halves = [sorted(part, key=lambda row: str(row.label)) for part in (rows[:240], rows[240:])]
    found = describe_diversity(*halves, seed=0)
    assert found["matched"]["self_bleu"] == pytest.approx(found["real"]["self_bleu"], abs=0.05)
    assert found["matched"]["self_bleu"] < found["self_bleu"]  # more rows repeat more
    assert describe_diversity(*halves, seed=0) == found


def test_a_large_set_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "MOST", 50)
    found = describe_diversity(make_set(200), make_set(90, seed=1), seed=0)
    assert (found["sample"], found["real"]["sample"]) == (50, 50)
    assert found["words"] == 50 * 6
