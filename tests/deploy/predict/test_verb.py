"""The verb as a stranger types it."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from dawgen.deploy.predict.parts import find_parts


def test_the_verb_prints_labels_speed_and_json(dawgen: Any, bundle: Path, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    status, printed, err = dawgen("predict", bundle, "--in", source, "--out", out, "--json")
    assert status == 0, err
    lines = printed.splitlines()
    numbers = json.loads(lines[-1])
    assert lines[0].startswith(f"50 rows in {out}, ")
    assert lines[0].endswith(" rows/s")
    assert (numbers["rows"], numbers["workers"], numbers["threads"], numbers["out"]) == (50, 1, 1, str(out))
    assert sum(numbers["labels"].values()) == 50
    names = pyarrow.parquet.read_table(out).schema.names
    assert names == ["id", "text1", "text2", "given_label", "label", "probability"]


def test_columns_of_other_names_and_cut_texts(dawgen: Any, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("premise,hypothesis\na dog,a cat\na dog is " + "running " * 99 + ",a cat\n")
    mapping = '{"text1": "premise", "text2": "hypothesis"}'
    out = tmp_path / "out.csv"
    status, printed, err = dawgen("predict", bundle, "--in", tmp_path / "in.csv", "--out", out, "--columns", mapping)
    assert status == 0, err
    assert printed.startswith("2 rows in ")
    assert "warning: 1 row was too long for the model" in err
    assert out.read_text().splitlines()[0] == "premise,hypothesis,label,probability"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "x.txt"], "--out x.txt: expected a name that ends in .parquet, .jsonl, .csv"),
        (["--engine", "slurm"], "--engine slurm: expected local or ray"),
        (["--engine", "ray", "--threads", "2"], "--threads 2: expected 1"),
        (["--columns", '{"text1": "premise"}'], "in.jsonl:1: expected a column 'premise'"),
        (["--columns", "premise"], "--columns: expected JSON"),
        (["--in", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["--shard-rows", "0"], "--shard-rows"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_mistakes_get_one_message_and_leave_nothing(
    dawgen: Any, bundle: Path, source: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    out = tmp_path / "out.jsonl"
    status, printed, err = dawgen("predict", bundle, "--in", source, "--out", out, *options)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert printed == ""
    assert not out.exists()
    assert not find_parts(out).exists()


def test_a_folder_that_is_no_bundle_is_refused(dawgen: Any, source: Path, tmp_path: Path) -> None:
    status, _, err = dawgen("predict", tmp_path, "--in", source, "--out", tmp_path / "out.csv")
    assert status == 2
    assert "bundle.json" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
