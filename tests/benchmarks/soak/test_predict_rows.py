"""The committed numbers about a million rows are on the page, and the file that is measured is what it says."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from benchmarks.soak import predict_rows
from experiments.pages.blocks import fill_blocks

ROOT = Path(predict_rows.__file__).parents[2]
FOUND = {
    "seed": 13,
    "machine": "a machine",
    "train": {},
    "files": [
        {"rows": 1, "peak_mib": 500, "seconds": 0.1, "rows_per_second": 9.4, "input_mib": 0.0, "sha256": "a"},
        {
            "rows": 1_000_000,
            "peak_mib": 600,
            "seconds": 900.2,
            "rows_per_second": 1111.1,
            "input_mib": 8.1,
            "sha256": "b",
        },
    ],
    "again": {"rows": 10_000, "shards": 10, "kills": [2, 4, 6], "same": {"Ray": True, "killed 3 times": False}},
}


def test_blocks_say_what_was_found() -> None:
    blocks = predict_rows.make_blocks(FOUND)
    page = fill_blocks("".join(f"<!-- {key} -->\n<!-- /{key} -->\n" for key in blocks), blocks)
    assert "| 1,000,000 | 8.1 | 600 | 1,111 | 900 |" in page
    assert "Ray: the same bytes, killed 3 times: OTHER bytes (kills with 2, 4, 6 shards done)" in page


def test_the_page_holds_the_committed_numbers() -> None:
    page = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads((ROOT / "experiments" / "results" / "predict_rows.json").read_text())
    assert fill_blocks(page, predict_rows.make_blocks(found)) == page
    assert all(found["again"]["same"].values())


def test_a_measured_file_is_one_row_group_with_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_rows, "TEXTS_PER_LABEL", 20)
    predict_rows.write_rows(tmp_path / "x.parquet", 5000)
    file = pyarrow.parquet.ParquetFile(tmp_path / "x.parquet")
    assert file.metadata.num_row_groups == 1
    rows = file.read().to_pylist()
    assert [row["id"] for row in rows] == list(range(5000))
    assert 90 < len({row["text1"] for row in rows}) <= 100
    predict_rows.write_rows(tmp_path / "y.parquet", 5000)
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()
