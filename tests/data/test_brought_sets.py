"""Sets as distilabel and DataDesigner write them, read with their own columns.

tests/fixtures/sets: distilabel.parquet and distiset/ were written by distilabel 1.5.3 (`to_parquet` of a Distiset's
split, `save_to_disk`); datadesigner/ is of our own writing, in the layout of NeMo Data Designer's artifacts.
"""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dawgen.cli import app
from dawgen.data import read
from dawgen.errors import DataError
from dawgen.runs.inputs import load_inputs
from dawgen.runs.settings import resolve_config

SETS = Path(__file__).parent.parent / "fixtures" / "sets"
FORMATS = {
    "distilabel.parquet": {"text1": "generation", "label": "label"},
    "distiset/default": {"text1": "generation", "label": "label"},
    "datadesigner/parquet-files": {"text1": "message", "label": "topic"},
}
ROWS = [
    ("My statement shows a fee", "billing"),
    ("The app is slow", "bug"),
    ("Bill me later", "billing"),
    ("It hangs", "bug"),
]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    file = tmp_path / "train.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("body", "label"), *ROWS])
    return file


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_eight_rows(name: str) -> None:
    rows = read(SETS / name, columns=FORMATS[name])
    assert {row.label for row in rows} == {"billing", "bug"} and len(rows) == 8
    assert sorted(row.text1 for row in rows) == sorted(
        row.text1 for row in read(SETS / "distilabel.parquet", columns=FORMATS["distilabel.parquet"])
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_takes_a_set_whose_columns_are_others_than_the_training_files(name: str, train: Path) -> None:
    own = [f"synthetic_columns.{column}={value}" for column, value in FORMATS[name].items()]
    arguments = {"train": str(train), "synthetic": str(SETS / name), "shots": 2}
    inputs = load_inputs(resolve_config(arguments=arguments, assignments=["columns.text1=body", *own]))
    assert inputs.synthetic is not None and len(inputs.synthetic) == 8


@pytest.mark.parametrize("name", FORMATS)
def test_curate_writes_such_a_set_in_dawgens_own_columns(name: str, train: Path, tmp_path: Path) -> None:
    own = [f"synthetic_columns.{column}={value}" for column, value in FORMATS[name].items()]
    words = [word for one in ("columns.text1=body", *own) for word in ("--set", one)]
    out = tmp_path / "set"
    result = CliRunner().invoke(app, ["curate", str(SETS / name), "--real", str(train), "--out", str(out), *words])
    assert result.exit_code == 0, result.output
    assert len(read(out / "train.jsonl")) == 8


def test_a_set_with_other_columns_that_nobody_names_is_refused_with_those_it_has(train: Path) -> None:
    arguments = {"train": str(train), "synthetic": str(SETS / "distilabel.parquet"), "shots": 2}
    with pytest.raises(DataError, match="generation"):
        load_inputs(resolve_config(arguments=arguments, assignments=["columns.text1=body"]))
