"""Scores do not depend on how rows and labels are cut into passes, and no pass exceeds its budget."""

import numpy as np
import pytest

from dawgen.generator import score
from dawgen.generator.codec import TokenRow
from dawgen.generator.score import SCORE_ROWS, cut_passes, score_rows
from support.generators import PAIR_ROWS, tuned


@pytest.mark.parametrize("budget", [1, 60, 150, 400])
def test_scores_do_not_depend_on_the_size_of_a_pass(monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    generator = tuned()
    rows = [generator._encode(example, i % 3)[0] for i, example in enumerate(PAIR_ROWS)]
    whole = score_rows(generator.prefix_, rows, generator.prefix_.held)
    monkeypatch.setattr(score, "PASS_TOKENS", {"cpu": budget})
    assert np.allclose(score_rows(generator.prefix_, rows, generator.prefix_.held), whole, rtol=1e-5)


@pytest.mark.parametrize("labels", [1, 3, 150, 1000])
def test_no_pass_exceeds_the_budget_and_every_row_meets_every_label(labels: int) -> None:
    lengths = sorted([5 + i % 60 for i in range(200)])
    met = np.zeros((len(lengths), labels), dtype=int)
    for rows, columns in cut_passes(lengths, labels, 40, "cpu"):
        met[rows, columns] += 1
        count = rows.stop - rows.start
        assert count <= SCORE_ROWS
        assert count * (columns.stop - columns.start) * (40 + lengths[rows.stop - 1]) <= score.PASS_TOKENS["cpu"]
    assert (met == 1).all()


def test_a_row_is_scored_under_its_own_label_and_those_it_is_held_against() -> None:
    generator = tuned()
    rows = [TokenRow(2, *_split(generator._encode(PAIR_ROWS[0], 2)[0]))]
    every = generator.log_likelihood(PAIR_ROWS[:1])[0]
    found = score_rows(generator.prefix_, rows, generator.prefix_.held[:, :2])
    assert found[0].tolist() == pytest.approx([every[2], every[0]], rel=1e-5)


def _split(row: TokenRow) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return row.context, row.target
