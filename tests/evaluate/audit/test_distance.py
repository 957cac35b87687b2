"""Distances of samples and sets: the formulas by hand, and what must and must not be significant."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.embed import average_tokens, embed_examples
from dawgen.errors import DataError
from dawgen.evaluate.audit.distance import (
    apply_rbf,
    contrast,
    draw_splits,
    find_median,
    jackknife,
    measure_energy,
    measure_mmd,
    measure_pairs,
)
from dawgen.models.load import load_target
from dawgen.records import Example
from dawgen.rng import python_rng, torch_rng
from dawgen.scenes import draw_examples
from dawgen.tasks import Task
from support.targets import TARGETS, make_backbone, make_pairs, make_task

MEASURES = (measure_mmd, measure_energy)


def draw(rows: int, seed: int, shift: float = 0.0, width: int = 3) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch_rng(seed, "test vectors")) + shift


def compare_by_hand(similarity: torch.Tensor, n: int) -> float:
    """The formula with loops."""
    rows = len(similarity)
    x, y = range(n), range(n, rows)
    within = [
        sum(float(similarity[i, j]) for i in part for j in part if i != j) / (len(part) * (len(part) - 1))
        for part in (x, y)
    ]
    return sum(within) - 2 * sum(float(similarity[i, j]) for i in x for j in y) / (len(x) * len(y))


@pytest.mark.parametrize("measure", MEASURES)
def test_the_value_is_that_of_the_formula(measure: object) -> None:
    x, y = draw(5, 0), draw(7, 1, shift=1.0)
    pooled = torch.cat([x, y]).double()
    distances = torch.tensor([[float((a - b).norm()) for b in pooled] for a in pooled], dtype=torch.float64)
    if measure is measure_mmd:
        width = sorted(float(distances[i, j]) for i in range(12) for j in range(i))[(66 - 1) // 2]
        expected = compare_by_hand(torch.exp(-(distances**2) / (2 * width**2)), 5)
    else:
        expected = compare_by_hand(-distances, 5)
    assert measure(x, y, generator=torch_rng(0, "p")).value == pytest.approx(expected, abs=1e-9)  # type: ignore[operator]


def test_a_split_is_of_the_asked_size_and_every_split_is_as_likely() -> None:
    splits = draw_splits(6, 2, 30_000, torch_rng(0, "splits"))
    assert set(splits.sum(1).tolist()) == {2.0}
    pairs = torch.stack([splits[:, i] * splits[:, j] for i in range(6) for j in range(i)]).mean(1)
    assert torch.allclose(pairs, torch.full((15,), 1 / 15, dtype=torch.float64), atol=0.01)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 8), st.integers(3, 8), st.integers(0, 10**6))
def test_the_jackknife_is_the_spread_of_leaving_one_out(n: int, m: int, seed: int) -> None:
    vectors = torch.cat([draw(n, seed), draw(m, seed + 1, shift=0.5)])
    similarity = apply_rbf(measure_pairs(vectors), 1.0)
    variance = 0.0
    for part in (range(n), range(n, n + m)):
        without = []
        for row in part:
            kept = [i for i in range(n + m) if i != row]
            without.append(compare_by_hand(similarity[kept][:, kept], n - (row < n)))
        mean = sum(without) / len(without)
        variance += (len(without) - 1) / len(without) * sum((d - mean) ** 2 for d in without)
    assert jackknife(similarity, n) == pytest.approx(variance**0.5, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 10), st.integers(3, 10), st.integers(0, 10**6), st.floats(0.1, 20))
def test_a_distance_does_not_depend_on_order_direction_or_place(n: int, m: int, seed: int, scale: float) -> None:
    x, y = draw(n, seed).double(), draw(m, seed + 1, shift=1.0).double()
    turn = torch.linalg.qr(draw(3, seed + 2).double()).Q
    for measure in MEASURES:

        def value(a: torch.Tensor, b: torch.Tensor, measure=measure) -> float:  # type: ignore[no-untyped-def]
            return measure(a, b, generator=torch_rng(0, "p"), permutations=9).value  # type: ignore[no-any-return]

        base = value(x, y)
        assert value(y, x) == pytest.approx(base, abs=1e-9)
        assert value(x.flip(0), y.roll(1, 0)) == pytest.approx(base, abs=1e-9)
        assert value(x @ turn + 5, y @ turn + 5) == pytest.approx(base, abs=1e-7)
        # the kernel's width grows with the vectors; the energy distance is a length
        assert value(x * scale, y * scale) == pytest.approx(
            base * (scale if measure is measure_energy else 1), rel=1e-6
        )


@pytest.mark.parametrize("measure", MEASURES)
def test_p_values_are_uniform_where_there_is_no_difference_and_small_where_there_is(measure: object) -> None:
    same = [
        measure(draw(12, 2 * s), draw(20, 2 * s + 1), generator=torch_rng(s, "p"), permutations=99)  # type: ignore[operator]
        for s in range(200)
    ]
    assert sum(d.p <= 0.1 for d in same) / 200 == pytest.approx(0.1, abs=0.06)
    assert sum(d.p <= 0.5 for d in same) / 200 == pytest.approx(0.5, abs=0.11)
    # unbiased: the mean over draws is 0 within three standard errors of it
    values = torch.tensor([d.value for d in same])
    assert abs(values.mean()) < 3 * values.std() / 200**0.5
    far = measure(draw(12, 0), draw(20, 1, shift=2.0), generator=torch_rng(0, "p"))  # type: ignore[operator]
    assert far.p == 0.001  # 999 splits, none as far
    assert far.value > far.chance > 0


@pytest.mark.parametrize("measure", MEASURES)
def test_the_error_is_about_the_spread_over_draws(measure: object) -> None:
    drawn = [
        measure(draw(25, 2 * s), draw(25, 2 * s + 1, shift=1.5), generator=torch_rng(s, "p"), permutations=1)  # type: ignore[operator]
        for s in range(100)
    ]
    spread = float(torch.tensor([d.value for d in drawn]).std())
    assert sum(d.error for d in drawn) / 100 == pytest.approx(spread, rel=0.35)


def test_equal_rows_and_too_few_rows() -> None:
    same = torch.ones(4, 2)
    assert find_median(measure_pairs(same)) == 1.0
    for measure in MEASURES:
        distance = measure(same, same, generator=torch_rng(0, "p"), permutations=19)
        assert (distance.value, distance.error, distance.p) == (0.0, 0.0, 1.0)
        with pytest.raises(DataError, match="3 rows or more.*got 2 and 4"):
            measure(same[:2], same, generator=torch_rng(0, "p"))


def test_rows_are_not_compared_with_themselves() -> None:
    similarity = torch.rand(6, 6, generator=torch_rng(0, "k")).double()
    similarity = similarity + similarity.T
    split = torch.tensor([[1.0, 1, 1, 0, 0, 0]]).double()
    other = similarity + torch.diag(torch.full((6,), 100.0)).double()
    assert torch.equal(contrast(similarity, split), contrast(other, split))


@pytest.mark.parametrize("kind", TARGETS)
def test_a_vector_depends_on_its_own_text_alone(kind: str) -> None:
    backbone, pairs, template = make_backbone(kind), make_pairs(12), make_task().template  # type: ignore[arg-type]
    together = embed_examples(backbone, pairs, template)
    assert together.shape == (12, 32)
    assert together.dtype == torch.float32
    for row in (0, 5):
        alone = embed_examples(backbone, [pairs[row]], template)
        assert torch.allclose(alone[0], together[row], atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_the_mean_leaves_padding_out() -> None:
    states = torch.tensor([[[1.0, 3.0], [3.0, 5.0], [99.0, 99.0]]])
    assert average_tokens(states, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 4.0]]


@pytest.fixture(scope="module")
def vectors() -> dict[str, torch.Tensor]:
    """Scenes pairs as mini-t5 sees them: two halves of real ones, and the second half with its words shuffled."""
    backbone, task = load_target("mini-t5"), Task.load("scenes-nli")
    real = draw_examples("scenes-nli", 40, python_rng(0, "test"), set())
    rng = python_rng(0, "shuffle")
    halves = {"first": real[:60], "second": real[60:], "shuffled": [shuffle_words(row, rng) for row in real[60:]]}
    return {name: embed_examples(backbone, rows, task.template) for name, rows in halves.items()}


def shuffle_words(example: Example, rng: random.Random) -> Example:
    words = [text.split() for text in (example.text1, str(example.text2))]
    for part in words:
        rng.shuffle(part)
    return replace(example, text1=" ".join(words[0]), text2=" ".join(words[1]))


@pytest.mark.parametrize("measure", MEASURES)
def test_real_against_real_is_not_significant_and_shuffled_words_are(
    measure: object, vectors: dict[str, torch.Tensor]
) -> None:
    real = measure(vectors["first"], vectors["second"], generator=torch_rng(0, "p"))  # type: ignore[operator]
    assert real.p > 0.05
    assert real.value < real.chance
    shuffled = measure(vectors["first"], vectors["shuffled"], generator=torch_rng(0, "p"))  # type: ignore[operator]
    assert shuffled.p <= 0.005
    assert shuffled.value > 3 * shuffled.error
