"""What stands in a run's or a grid's own files."""

import json
import math
from pathlib import Path

import pytest

from dawgen.data import ShardStore
from dawgen.errors import DataError
from dawgen.evaluate.doctor.grid import read_grid_facts
from dawgen.evaluate.doctor.read import measure_posterior, read_facts
from dawgen.records import Candidate, Example
from dawgen.runs.finished import FinishedRun
from support.grid_folders import make_grid
from support.run_folders import make_run, write


def test_a_run_folder_is_read(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", seed=21)
    answers = {"gold": [0, 1, 2, 2], "predicted": [0, 1, 2, 0]}
    write(folder / "prompts" / "dawgen" / "predicted.json", json.dumps(answers))
    facts = read_facts(FinishedRun.open(folder))
    assert (facts.task, facts.seed, facts.shots, facts.target) == ("scenes-nli", 21, 16, "mini-t5")
    own, base = facts.methods["dawgen"], facts.methods["prompt_tuning"]
    assert own.confusion == ((1, 0, 0), (0, 1, 0), (1, 0, 1))
    assert own.correct == "1110"
    assert base.confusion == ((20, 10, 3), (5, 25, 3), (2, 6, 26))  # from metrics.json, where no answers are kept
    assert (own.surgery, base.surgery, base.conflict) == ("project", "none", None)
    assert own.conflict == pytest.approx(sum(math.sin(step) < 0 for step in range(60)) / 60)
    assert len(own.losses) == 60
    assert facts.set is not None
    assert (facts.set.kind, facts.set.fidelity, facts.set.raw_fidelity, facts.set.rows) == ("dawgen", 0.8, 0.61, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"gold": [0, 1], "predicted": [0]}', "of one length"),
        ('{"gold": [0, 1], "predicted": [0, 3]}', "below 3, found 3"),
        ("{", "expected a JSON object"),
    ],
)
def test_damaged_answers_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = make_run(tmp_path / "a")
    write(folder / "prompts" / "dawgen" / "predicted.json", text)
    with pytest.raises(DataError, match=message):
        read_facts(FinishedRun.open(folder))


def test_probes_are_not_examined_as_prompts(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["methods"]["linear_probe"] = metrics["methods"]["prompt_tuning"]
    write(folder / "metrics.json", json.dumps(metrics))
    assert "linear_probe" not in read_facts(FinishedRun.open(folder)).methods


def test_a_method_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    metrics = json.loads((folder / "metrics.json").read_text())
    write(folder / "metrics.json", json.dumps(metrics | {"methods": {"magic": {}}}))
    with pytest.raises(DataError, match="magic"):
        read_facts(FinishedRun.open(folder))


def test_the_posterior_is_that_of_the_candidates_own_labels(tmp_path: Path) -> None:
    assert measure_posterior(tmp_path / "none", ("a", "b")) is None
    store = ShardStore(tmp_path / "raw", {})
    row = Example("x", "y", "b")
    store.write(0, [Candidate(row, logp=(-9.0, -9.0)), Candidate(row, logp=(-800.0, -900.0)), Candidate(row)])
    assert measure_posterior(tmp_path / "raw", ("a", "b")) == pytest.approx((0.5 + 0.0) / 2)


def test_a_grid_is_read_as_runs_and_sets(tmp_path: Path) -> None:
    arms = [("prompt_tuning", "real", ""), ("dawgen", "paired", "project")]
    runs = read_grid_facts(make_grid(tmp_path / "grid", tasks=["sick"], targets=["mini-t5"], arms=arms, sizes=False))
    first = runs[0]
    assert (first.task, first.target) == ("sick", "mini-t5")
    names = {name.split(" ")[0] for name in first.methods}
    assert names == {"prompt_tuning", "dawgen"}
    own = next(method for name, method in first.methods.items() if name.startswith("dawgen"))
    assert own.synthetic
    assert own.surgery == "project"
    assert any(facts.set is not None for facts in runs)
