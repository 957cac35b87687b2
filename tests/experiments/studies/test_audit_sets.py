"""The audit of published sets and ours: the tables of the docs, and the experiment on tiny files."""

import json
from pathlib import Path

import pytest

from dawgen.scenes import draw_data
from experiments.pages.audit_tables import group_sets, make_tables
from experiments.pages.blocks import fill_blocks
from experiments.studies import audit_sets, judges
from support.jobs import write_rows
from support.tiny import save_tiny

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results"


def test_the_page_shows_the_results() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert fill_blocks(page, make_tables(RESULTS)) == page


def test_all_ten_published_sets_are_there_with_ours_and_real_rows() -> None:
    rows = audit_sets.read_csv(RESULTS / "audit.csv")
    assert tuple(rows[0]) == audit_sets.COLUMNS
    found = {(row["task"], row["source"], int(row["seed"])) for row in rows}
    assert len(found) == len(rows)
    for task in audit_sets.TASKS:
        assert {(task, "published", 13), (task, "published", 21), (task, "real", 13)} <= found
        assert {(task, method, seed) for method in audit_sets.METHODS for seed in (13, 21, 42)} <= found
    assert sum(len(group) for group in group_sets(rows)) == len(rows)


def test_fewgens_copies_are_flagged_and_real_rows_are_not_told_apart() -> None:
    rows = audit_sets.read_csv(RESULTS / "audit.csv")
    for row in rows:
        if row["source"] == "published" and row["task"] in ("mrpc", "qqp"):
            assert 0.3 < float(row["copies"]) < 0.38
            assert "repeat text1 word for word" in row["warnings"]
            assert float(row["rule_accuracy"]) > 0.9
        if row["source"] == "real":
            assert float(row["mmd_p"]) > 0.05
            assert "copies" not in row["warnings"]


def test_the_experiment_audits_what_is_missing(tmp_path: Path) -> None:
    data = draw_data("scenes-paraphrase", 1, shots=6, test=20, gold_per_label=30, first_texts=1)
    names = {"equivalent": "equivalent", "not_equivalent": "not_equivalent"}
    files = {"train": data.gold, "validation": data.test, "fewgen-16-13": data.train}
    (tmp_path / "mrpc").mkdir()
    for name, part in files.items():
        rows = [{"text1": row.text1, "text2": row.text2, "label": names[str(row.label)]} for row in part]
        write_rows(tmp_path / "mrpc" / f"{name}.jsonl", rows)
    grid = tmp_path / "grid"
    ours = {"task": "mrpc", "method": "dawgen", "shots": 16, "seed": 21, "key": "abc"}
    (grid / "sets" / "abc").mkdir(parents=True)
    (tmp_path / "mrpc" / "fewgen-16-13.jsonl").rename(tmp_path / "set.jsonl")
    (grid / "sets" / "abc" / "train.jsonl").write_bytes((tmp_path / "set.jsonl").read_bytes())
    others = [
        ours | {"shots": 8, "key": "x"},
        ours | {"method": "plain", "key": "x"},
        ours | {"task": "qqp", "key": "x"},
    ]
    (grid / "results.json").write_text(json.dumps({"sets": [ours, *others]}))
    _compress(tmp_path / "mrpc")
    command = ["--data", str(tmp_path), "--grid", str(grid), "--tasks", "mrpc", "--out", str(tmp_path / "audit.csv")]
    command += ["--target", str(save_tiny("t5", tmp_path / "t5"))]
    audit_sets.main(command)
    first = (tmp_path / "audit.csv").read_text()
    rows = audit_sets.read_csv(tmp_path / "audit.csv")
    assert [(row["source"], row["rows"]) for row in rows] == [("real", "12"), ("dawgen", "12")]
    assert {row["judge_rows"] for row in rows} == {"48"}  # 60 but for the yardstick's 12
    audit_sets.main(command)
    assert (tmp_path / "audit.csv").read_text() == first


def test_the_yardstick_shares_no_row_with_the_others() -> None:
    data = draw_data("scenes-paraphrase", 1, shots=1, test=1, gold_per_label=30, first_texts=1)
    some, others = audit_sets.split_real(data.gold)
    assert (len(some), len(others)) == (12, 48)
    assert {*some, *others} == set(data.gold)


def test_judges_are_compared_and_held_against_the_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = draw_data("scenes-paraphrase", 1, shots=20, test=40, gold_per_label=60, first_texts=1)
    for name, part in {"train": data.gold, "validation": data.test}.items():
        (tmp_path / "mrpc").mkdir(exist_ok=True)
        write_rows(tmp_path / "mrpc" / f"{name}.jsonl", [_as_fields(row) for row in part])
    _compress(tmp_path / "mrpc")
    monkeypatch.setattr(judges, "STEPS", (2,))
    judges.main(["--data", str(tmp_path), "--tasks", "mrpc", "--out", str(tmp_path)])
    found = {row["judge"]: float(row["accuracy"]) for row in judges.read_rows(tmp_path / "judges.csv")}
    assert found["always one label"] == 0.5
    assert found["word overlap and words (the judge)"] > 0.6
    assert "target tuned whole, 2 steps" in found
    grid = tmp_path / "grid"
    (grid / "sets" / "abc").mkdir(parents=True)
    write_rows(grid / "sets" / "abc" / "train.jsonl", [_as_fields(row) for row in data.train])
    one = {"task": "scenes-paraphrase", "method": "dawgen", "shots": 16, "seed": 1, "key": "abc"}
    (grid / "results.json").write_text(json.dumps({"sets": [one, one | {"task": "mrpc"}]}))
    monkeypatch.setattr(judges, "PER_LABEL", (50,))
    judges.main(["--grid", str(grid), "--out", str(tmp_path)])
    (row,) = judges.read_rows(tmp_path / "judge_check.csv")
    assert (row["oracle"], row["readable"]) == ("1.0000", "1.0000")
    assert float(row["corrected_low"]) <= float(row["agreement"]) <= float(row["corrected_high"])


def _as_fields(row: object) -> dict[str, str]:
    return {name: getattr(row, name) for name in ("text1", "text2", "label")}


def _compress(folder: Path) -> None:
    import gzip

    for path in folder.glob("*.jsonl"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
