"""The study of rates: what is trained, what the tables say, and that the page shows the committed results."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dawgen.files import read_json
from dawgen.tasks import Task
from experiments.pages.blocks import fill_blocks
from experiments.pages.rows import read_rows
from experiments.studies import rates
from experiments.studies.rate_models import FAMILIES, make_random
from experiments.studies.rate_states import measure_spread, render_generators
from experiments.studies.rates import SCALES, SETTINGS, TARGETS, Row, format_rows, make_blocks

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results"
ROW = Row("mini-t5", 1.0, 1.45, "scenes-paraphrase", 1, "rate 0.2", 0.5, 0.25, 0.75, 1.9)


@pytest.mark.parametrize("family", FAMILIES)
def test_random_models_of_all_scales_have_the_same_weights_beside_their_embeddings(family: str) -> None:
    small, large = (make_random(family, scale) for scale in (0.1, 10))
    assert large.unit == pytest.approx(100 * small.unit, rel=1e-4)
    scaled = small.model.get_input_embeddings().weight
    others = dict(large.model.named_parameters())
    differ = [name for name, one in small.model.named_parameters() if not torch.equal(one, others[name])]
    assert [name for name, one in small.model.named_parameters() if one is scaled] == differ


def test_a_study_trains_what_is_missing_and_reads_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--targets", "--families", "gpt2", "--seeds", "1", "--steps", "3", "--tuning", "1"]
    rates.main(["--out", str(tmp_path / "out"), "--results", str(tmp_path), *few])
    first = capsys.readouterr().out
    rows = read_rows(tmp_path / "rates.csv", Row)
    assert len(rows) == len(SCALES) * len(SETTINGS) and {row.model for row in rows} == {"gpt2"}
    assert [row.unit for row in rows[:: len(SETTINGS)]] == pytest.approx([0.01, 0.1, 1.0], rel=0.02)
    rates.main(["--out", str(tmp_path / "out"), "--results", str(tmp_path), *few])
    again = capsys.readouterr().out
    assert "Row(" in first and "Row(" not in again  # nothing is trained twice
    rates.main(["--results", str(tmp_path)])
    assert capsys.readouterr().out == again


def test_tables_average_over_tasks_and_seeds_and_set_scales_beside_each_other(tmp_path: Path) -> None:
    rows = [replace(ROW, setting=name, seed=seed, accuracy=(7 + seed) / 10) for name in _names() for seed in (1, 2)]
    rows += [replace(ROW, model="opt", scale=scale, setting=name, loss=scale) for name in _names() for scale in SCALES]
    (tmp_path / "rows.csv").write_text(format_rows(rows))
    assert read_rows(tmp_path / "rows.csv", Row) == rows
    blocks = make_blocks(rows)
    assert "| mini-t5 | 1.45 | 1 x 2 | 85.0 (0.25) |" in blocks["rates"] and "opt" not in blocks["rates"]
    assert "| opt | 0.10 / 1.00 / 10.00 |" in blocks["rates-random"]


def test_the_spread_of_states_behind_a_norm_does_not_follow_the_embeddings() -> None:
    one, other = (measure_spread(make_random("llama", scale), Task.load("scenes-paraphrase")) for scale in (1, 10))
    assert other["inputs"] == pytest.approx(10 * one["inputs"], rel=1e-4)
    assert other["keys"] == pytest.approx(one["keys"], rel=0.3)


def test_the_page_shows_the_committed_results() -> None:
    page, rows = (ROOT / "docs" / "rates.md").read_text(), read_rows(RESULTS / "rates.csv", Row)
    found = read_json(RESULTS / "rates_generator.json")
    assert {row.model for row in rows} == {*TARGETS, *FAMILIES, "SmolLM2-135M"}
    assert fill_blocks(page, make_blocks(rows) | render_generators(found["states"], found["tuned"])) == page


def _names() -> list[str]:
    return [f"{name} {value:g}" for setting in SETTINGS for name, value in setting.items()]
