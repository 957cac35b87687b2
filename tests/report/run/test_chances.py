"""What a report says of probabilities: table, reliability diagrams, and risk over coverage."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dawgen.classifier.metrics import measure_chances
from dawgen.errors import DataError
from dawgen.report import render_report
from dawgen.report.run.chances import MOST_CURVES, Answers, draw_reliability, draw_risk, read_answers
from dawgen.report.run.metrics import read_metrics
from dawgen.report.run.tables import list_run_tables
from support.pages import check_self_contained, parse
from support.run_folders import make_run, write

WARM = 2.5


def make_scored(folder: Path, temperature: float | None = WARM) -> Path:
    """A run whose method `dawgen` has scores of 100 test rows, too sure, and zero_shot numbers alone."""
    make_run(folder)
    scores, gold = draw()
    metrics = json.loads((folder / "metrics.json").read_text())
    own = measure_chances(scores, gold, temperature) | {"trainable": 24}
    metrics["methods"]["dawgen"] |= own | ({} if temperature is None else {"tempered": "48 dev rows"})
    metrics["methods"]["zero_shot"] |= measure_chances(scores, gold) | {"trainable": 0}
    write(folder / "metrics.json", json.dumps(metrics))
    for name in ("dawgen", "zero_shot"):
        fields = {"gold": gold, "predicted": scores.argmax(1).tolist(), "scores": scores.tolist()}
        write(folder / "prompts" / name / "predicted.json", json.dumps(fields))
    return folder


def draw(n: int = 100) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(1)
    gold = rng.integers(3, size=n)
    scores = rng.normal(0, 3, (n, 3)) + 3 * np.eye(3)[gold]
    return (scores - np.log(np.exp(scores).sum(1, keepdims=True))).astype(np.float32), gold.tolist()


def test_a_run_with_scores_has_a_table_a_diagram_of_each_trained_method_and_a_curve(tmp_path: Path) -> None:
    page = render_report([make_scored(tmp_path / "run")])
    structure = parse(page)
    assert structure.headings[1:3] == ["Methods", "Probabilities"]
    assert structure.plots == 4 + 2
    assert page.index("<h3>Reliability</h3>") < page.index("<h3>Risk and coverage</h3>")
    check_self_contained(page)


def test_a_run_from_before_there_were_scores_says_nothing_of_probabilities(tmp_path: Path) -> None:
    page = render_report([make_run(tmp_path / "run")])
    assert "Probabilities" not in page and "Reliability" not in page


def test_the_table_has_the_numbers_of_before_and_after(tmp_path: Path) -> None:
    folder = make_scored(tmp_path / "run")
    table = next(table for table in list_run_tables([folder]) if table.key == "probabilities")
    lines = {row[0].text: [cell.text for cell in row] for row in table.rows}
    scores, gold = draw()
    before, after = measure_chances(scores, gold), measure_chances(scores, gold, WARM)
    dawgen = dict(zip(("T", "before", "after"), lines["dawgen"][1:4], strict=True))
    assert dawgen == {"T": "2.50", "before": f"{100 * before['ece']:.1f}", "after": f"{100 * after['ece']:.1f}"}
    assert lines["dawgen"][-1] == "48 dev rows"
    assert lines["dawgen"][5:9] == [f"{one[name]:.3f}" for name in ("brier", "nll") for one in (before, after)]
    assert lines["zero_shot"][1] == "-" and lines["zero_shot"][2] == lines["zero_shot"][3] == dawgen["before"]
    assert "prompt_tuning" not in lines


def test_the_answers_are_those_of_the_metrics(tmp_path: Path) -> None:
    folder = make_scored(tmp_path / "run")
    found = read_answers(folder, read_metrics(folder))
    assert list(found) == ["dawgen"], "methods that train nothing have no diagram"
    own, (scores, gold) = found["dawgen"], draw()
    assert own.temperature == WARM
    assert own.right.tolist() == (scores.argmax(1) == np.array(gold)).tolist()
    assert own.sure(WARM).mean() < own.sure(None).mean()


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": [[0.0, 0.0]] * 100},
        {"gold": [0]},
        {"gold": [3] * 100},
        {"scores": [[float("nan")] * 3] * 100},
        {"scores": "none"},
        {"gold": [], "scores": []},
    ],
    ids=["labels", "rows", "gold", "nan", "kind", "empty"],
)
def test_damaged_scores_are_refused_by_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = make_scored(tmp_path / "run")
    path = folder / "prompts" / "dawgen" / "predicted.json"
    write(path, json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DataError, match=r"dawgen/predicted\.json"):
        render_report([folder])


def test_charts_are_the_same_bytes_again_and_hold_few_rows_one_label_and_many_methods() -> None:
    scores, gold = draw()
    for rows in (1, 3, 100):
        own = {"a": Answers(np.asarray(scores[:rows], dtype=float), np.array(gold[:rows]), WARM)}
        assert draw_reliability(own, "k") == draw_reliability(own, "k")
        assert draw_risk(own, "k") == draw_risk(own, "k")
    sure = Answers(np.tile([0.0, -400.0], (5, 1)), np.zeros(5, dtype=int), 20.0)
    assert "<svg" in draw_reliability({"a": sure}, "k")["a"]
    many = {f"method {number}": sure for number in range(MOST_CURVES + 1)}
    assert len(draw_risk(many, "k")) == 2
