"""The rows that may be asked for: none that is known, held out or there twice, and a draw that no order changes."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.pool import NOT_DRAWN, REPEATED, TEST, TRAIN, read_pool
from dawgen.records import Example
from dawgen.tasks import Task
from support.jobs import make_pairs, write_rows

ROWS = [{"text1": row["text1"], "text2": row["text2"]} for row in make_pairs(40, seed=3)]
TASK = Task.from_examples([Example(**row) for row in make_pairs(6, seed=1)], name="scenes")


def read(path: Path, rows: list[dict[str, Any]], **options: Any) -> Any:
    given = {"known": [], "held": [], "most": 100, "seed": 13} | options
    return read_pool(str(write_rows(path / "pool.jsonl", rows)), TASK, **given)


def test_rows_of_training_and_test_and_repetitions_are_left_out_and_counted(tmp_path: Path) -> None:
    again = {"text1": ROWS[5]["text2"].upper() + ".", "text2": ROWS[5]["text1"]}  # in the other order
    pool = read(tmp_path, [*ROWS, again], known=[Example(**ROWS[0])], held=[Example(**ROWS[1]), Example(**ROWS[2])])
    assert pool.left_out == {TRAIN: 1, TEST: 2, REPEATED: 1} and pool.rows == 41
    assert sorted(pool.numbers) == list(range(4, 41))
    assert [Example(**ROWS[number - 1]) for number in pool.numbers] == pool.examples


def test_labels_of_the_pool_are_ignored_also_wrong_ones(tmp_path: Path) -> None:
    pool = read(tmp_path, [row | {"label": "never heard of"} for row in ROWS])
    assert len(pool.examples) == 40 and all(example.label is None for example in pool.examples)


def test_a_draw_of_a_large_pool_depends_on_seed_and_texts_only(tmp_path: Path) -> None:
    drawn = read(tmp_path, ROWS, most=10)
    turned = read(tmp_path, ROWS[::-1] + ROWS[:20], most=10)
    assert drawn.examples == turned.examples and drawn.left_out == {NOT_DRAWN: 30}
    assert turned.left_out == {REPEATED: 20, NOT_DRAWN: 30}
    assert drawn.examples != read(tmp_path, ROWS, most=10, seed=14).examples
    assert drawn.examples == read(tmp_path, ROWS, most=11).examples[:10]


def test_a_pool_without_anything_new_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of 2 2 stand in the training rows"):
        read(tmp_path, ROWS[:2], known=[Example(**row) for row in ROWS])
    with pytest.raises(ConfigError, match="--score 0"):
        read(tmp_path, ROWS, most=0)
