"""What a prompt's cell shows: curves, and the rows that it takes of a set and of the test set."""

from pathlib import Path

from dawgen.bench.prompts import draw_curves, load_cell, take_rows
from dawgen.config import RunConfig
from dawgen.records import Example
from support.jobs import write_inputs


def test_curves_are_means_over_at_most_15_windows() -> None:
    steps = [{"step": n + 1, "loss_real": float(n), "loss_synthetic": None, "conflict": n % 2 == 0} for n in range(30)]
    curves = draw_curves(steps)
    assert curves["step"] == list(range(2, 31, 2))
    assert curves["loss_real"] == [2 * n + 0.5 for n in range(15)]
    assert curves["conflict"] == [0.5] * 15
    assert set(curves) == {"step", "loss_real", "conflict"}
    assert draw_curves([]) == {}


def test_a_window_without_a_field_has_none() -> None:
    curves = draw_curves([{"step": 1, "loss_real": 1.0}, {"step": 2, "loss_synthetic": 2.0}])
    assert curves == {"step": [1, 2], "loss_real": [1.0, None], "loss_synthetic": [None, 2.0]}


def test_the_first_rows_of_each_label_are_taken_in_order() -> None:
    rows = [Example(text, None, text[0]) for text in ("a1", "b1", "a2", "a3", "b2", "b3")]
    assert [row.text1 for row in take_rows(rows, 2)] == ["a1", "b1", "a2", "b2"]
    assert take_rows(rows, None) is rows


def test_test_rows_are_drawn_alike_for_every_seed(tmp_path: Path) -> None:
    files = write_inputs(tmp_path)
    one, other, whole = (
        load_cell(RunConfig(seed=seed, shots=4, train=files["train"], test=files["test"]), rows).test
        for seed, rows in ((1, 7), (2, 7), (1, None))
    )
    assert one is not None
    assert whole is not None
    assert one == other
    assert len(one) == 7
    assert set(one) < set(whole)
    assert len(whole) == len(Path(files["test"]).read_text().splitlines())
