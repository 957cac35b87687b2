"""`dawgen draw` and `dawgen audit` as a user types them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dawgen.data import read
from dawgen.evaluate.audit import job as audit
from dawgen.scenes import label_pair
from dawgen.tasks import Task
from support.jobs import make_pairs, save_models, write_inputs, write_rows

KEYS = {"rows", "labels", "real_rows", "embedding", "copy_share", "copy_share_by_label", "duplicates"}
KEYS |= {"label_correctness", "mmd", "energy", "c2st", "mauve", "diversity", "artefacts", "leaks", "warnings"}


def test_drawn_files_are_what_a_run_draws_and_can_be_read_back(dawgen: Any, tmp_path: Path) -> None:
    status, out, _ = dawgen(
        "draw", "scenes-nli", "--out", tmp_path, "--shots", 3, "--test", 9, "--gold", 2, "--texts", 5
    )
    assert status == 0
    assert f"{tmp_path}/train.jsonl  9 rows" in out
    rows = {name: read(str(tmp_path / f"{name}.jsonl"), task=Task.load("scenes-nli")) for name in ("train", "gold")}
    assert len(rows["gold"]) == 6
    assert all(label_pair("scenes-nli", row) == row.label for part in rows.values() for row in part)
    assert len((tmp_path / "texts.jsonl").read_text().splitlines()) == 5
    status, _, err = dawgen("draw", "scenes-nli", "--out", tmp_path)
    assert status == 2
    assert "train.jsonl" in err


def test_other_tasks_have_nothing_to_draw(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("draw", "scenes-nlj", "--out", tmp_path / "data")
    assert status == 2
    assert "scenes-nli" in err
    assert not (tmp_path / "data").exists()
    assert dawgen("draw", "scenes-topic", "--out", tmp_path / "data", "--test", 0)[0] == 0
    assert {path.name for path in (tmp_path / "data").glob("[!.]*")} == {"train.jsonl", "dev.jsonl"}


def test_an_audit_counts_labels_and_measures_distances_twice_alike(dawgen: Any, tmp_path: Path) -> None:
    dawgen("draw", "scenes-nli", "--out", tmp_path, "--shots", 8, "--test", 0)
    wrong = [json.loads(line) for line in (tmp_path / "dev.jsonl").read_text().splitlines()]
    wrong[0]["label"] = "contradiction"  # was entailment
    wrong[1]["text2"] = "colourless green ideas"
    source = write_rows(tmp_path / "set.jsonl", wrong)
    command = ("audit", source, "--real", tmp_path / "train.jsonl", "--task", "scenes-nli", "--threads", 1, "--json")
    status, out, _ = dawgen(*command)
    assert status == 0
    assert "labels right     91.7 % by the oracle; 4.2 % cannot be read" in out
    numbers = json.loads(out.splitlines()[-1])
    assert numbers["labels"] == {"entailment": 7, "neutral": 8, "contradiction": 9}
    correct = numbers["label_correctness"]
    assert (correct["value"], correct["ungrammatical"], correct["source"]) == (22 / 24, 1 / 24, "oracle")
    assert set(numbers) >= KEYS
    for name in ("mmd", "energy"):
        assert set(numbers[name]) == {"value", "error", "chance", "p"}
        assert 0 < numbers[name]["p"] <= 1
    assert dawgen(*command)[1] == out


def test_a_task_without_an_oracle_and_a_large_set(dawgen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, target = write_inputs(tmp_path), save_models(tmp_path)["target"]
    monkeypatch.setattr(audit, "MOST", 10)
    embedded: list[int] = []
    embed = audit.embed_examples

    def count(backbone: Any, examples: Any, *arguments: Any, **options: Any) -> Any:
        embedded.append(len(examples))
        return embed(backbone, examples, *arguments, **options)

    monkeypatch.setattr(audit, "embed_examples", count)
    command = ("audit", files["test"], "--real", files["train"], "--set", f"target.model={target}", "--json")
    status, out, err = dawgen(*command)
    assert status == 0, err
    assert embedded == [10, 10]
    numbers = json.loads(out.splitlines()[-1])
    assert numbers["rows"] == 24
    assert numbers["label_correctness"]["source"] == "judge"
    assert numbers["label_correctness"]["judge"]["trained_on"] == 36
    assert "judge            " in out
    assert "right on" in out


def test_planted_faults_are_named_in_plain_words(dawgen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    files, target = write_inputs(tmp_path), save_models(tmp_path)["target"]
    held = [json.loads(line) for line in Path(files["test"]).read_text().splitlines()]
    pairs = make_pairs(90, seed=2)
    copies = [row | {"text2": row["text1"]} if row["label"] == "same" else row for row in pairs]
    rows = [*copies, *copies[:9], held[0], {**held[1], "label": "other"}]
    (tmp_path / "set").mkdir()
    write_rows(tmp_path / "set" / "train.jsonl", rows)
    tested = {(row["text1"], row["text2"]) for row in held}
    leaks = sum((row["text1"], row["text2"]) in tested for row in rows)
    command = ("audit", tmp_path / "set", "--real", files["train"], "--test", files["test"])
    status, out, err = dawgen(*command, "--set", f"target.model={target}", "--threads", 1)
    assert status == 0, err
    assert "rows             101 (not " in out
    assert "copies: 9" in out and "rows of 'same' repeat text1 word for word, of the real ones 0.0 %" in out
    assert "duplicates: 9 rows (8.9 %) repeat an earlier row or nearly do" in out
    assert f"leak: {leaks} rows repeat {leaks} of the 24 test rows" in out and leaks >= 2
    assert max(map(len, out.splitlines())) <= 400


def test_wrong_input_is_named_and_nothing_is_measured(dawgen: Any, tmp_path: Path) -> None:
    files = write_inputs(tmp_path)
    wrong = write_rows(tmp_path / "set.jsonl", [*make_pairs(3, seed=2), {"text1": "a", "text2": "b", "label": "maybe"}])
    status, out, err = dawgen("audit", wrong, "--real", files["train"])
    assert (status, out) == (2, "")
    assert "set.jsonl:4: unknown label 'maybe'" in err
    status, _, err = dawgen("audit", tmp_path / "sett.jsonl", "--real", files["train"])
    assert status == 2
    assert "did you mean set.jsonl" in err
    status, _, err = dawgen("audit", files["train"], "--real", files["train"], "--test", tmp_path / "tst.jsonl")
    assert status == 2
    assert "test.jsonl" in err
    assert dawgen("audit", files["train"])[0] == 2
