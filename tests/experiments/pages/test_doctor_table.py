"""The planted faults of the doctor's table, and the table that the docs show."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dawgen.errors import DataError
from dawgen.evaluate.doctor.diagnose import NAMES
from dawgen.scenes import draw_data, label_pair
from experiments.pages.blocks import fill_blocks
from experiments.pages.doctor_table import FRESH, SEEDS, Row, format_csv, make_rows, make_tables, read_rows
from experiments.studies.doctor_faults import (
    FAULTS,
    LABELS,
    copy_some,
    exchange_labels,
    keep_negated,
    shuffle_labels,
    take_material,
    turn_labels,
)

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results" / "doctor.csv"
ROWS = draw_data("scenes-nli", 3, shots=40, test=0).train


def test_every_signature_is_planted_and_named_and_nothing_is_in_sound_runs() -> None:
    rows = read_rows(RESULTS)
    planted = {row.planted: row for row in rows if row.planted}
    assert [fault.name for fault in FAULTS] == list(planted)
    assert set(planted) == set(NAMES)
    assert {row.named for row in planted.values()} == {"yes"}
    assert [row.what for fault, row in zip(FAULTS, planted.values(), strict=True) if row.what != fault.what] == []
    sound = [row for row in rows if row.kind == "sound"]
    assert [row.what for row in sound] == [*(f"seed {seed}" for seed in SEEDS), "all 5 together"]
    assert {row.others for row in sound} == {""}
    assert [row.what for row in rows if row.kind == "fresh"] == [f"{task}, seed {seed}" for task, seed in FRESH]


def test_the_page_shows_the_results() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    assert fill_blocks(page, make_tables(read_rows(RESULTS))) == page


def test_faults_change_what_they_say() -> None:
    assert {row.label for row in copy_some(ROWS) if row.text1 == row.text2} == {"entailment"}
    shuffled = shuffle_labels(ROWS, "here")
    assert Counter(row.label for row in shuffled) == Counter(row.label for row in ROWS)
    assert sum(a.label == b.label for a, b in zip(shuffled, ROWS, strict=True)) < 70
    assert all(a.label != b.label for a, b in zip(turn_labels(ROWS), ROWS, strict=True))
    assert {row.label for row in exchange_labels(ROWS) if label_pair("scenes-nli", row) == "neutral"} == {"neutral"}
    negated = keep_negated(ROWS)
    assert len(set(Counter(row.label for row in negated).values())) == 1
    assert all(label_pair("scenes-nli", row) == row.label for row in negated)
    assert {row.label for row in negated if "not" in str(row.text2).split()} == {"contradiction"}


def test_files_of_every_fault_have_all_labels() -> None:
    material = replace(take_material(ROWS), synthetic=ROWS)
    for fault in FAULTS:
        for role, rows in fault.files(material).items():
            assert {row.label for row in rows} == set(LABELS), (fault.name, role)


def test_a_small_run_is_made_planted_and_examined(tmp_path: Path) -> None:
    small = {
        "per_label": 8,
        "generator": {"steps": 8},
        "decode": {"shard_texts": 16},
        "target": {"steps": 4, "eval_every": 4},
    }
    copies = next(fault for fault in FAULTS if fault.name == "copies")
    rows = make_rows(tmp_path, [copies], (13,), (), **small)
    assert [(row.planted, row.named) for row in rows] == [("copies", "yes"), ("", ""), ("", "")]
    assert "of the rows of 'entailment' repeat text1" in rows[0].evidence
    file = tmp_path / "table.csv"
    file.write_text(format_csv(rows))
    assert read_rows(file) == rows
    tables = make_tables(rows)
    assert tables["planted"].title.startswith("1 of 1 planted faults named")


def test_what_was_missed_or_false_is_counted(tmp_path: Path) -> None:
    rows = [
        Row("planted", "copies", "how", "no", "", "artefact overfit"),
        Row("sound", "", "seed 13", "", "", "overfit"),
    ]
    tables = make_tables(rows)
    assert tables["planted"].title == "0 of 1 planted faults named; 2 other names in their runs"
    assert tables["sound"].title == "0 of 1 without any name"
    with pytest.raises(DataError, match="give --out"):
        read_rows(tmp_path / "none.csv")
