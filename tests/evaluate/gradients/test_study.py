"""`dawgen analyze gradients` on tiny runs: files, planted wrong labels, the run's own predictions, clear errors."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.data import as_row
from dawgen.evaluate.gradients.study import FILES, analyze_gradients, round_floats
from dawgen.progress import Reporter
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config
from dawgen.scenes import draw_data
from dawgen.tasks import Task
from support.jobs import quick_settings, save_models, write_inputs, write_rows
from support.pages import check_self_contained, parse
from support.tiny import save_tiny

QUIET = Reporter(quiet=True)
TARGET = {"steps": 8, "batch_size": 6, "eval_every": 4, "prompt_length": 3}
WRONG = 9  # of 45 rows


class Heard(Reporter):
    """Keeps what it is told."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return scenes as files, a set of which nine of 45 rows have got another label, and a tiny random target."""
    folder = tmp_path_factory.mktemp("files")
    data = draw_data("scenes-nli", 5, shots=4, test=24, gold_per_label=15)
    labels, rows = Task.load("scenes-nli").labels, [as_row(row) for row in data.gold]
    for row in rows[::5]:
        row["label"] = labels[(labels.index(str(row["label"])) + 1) % 3]
    parts = {"train": data.train, "dev": data.dev, "test": data.test}
    paths = {name: str(write_rows(folder / f"{name}.jsonl", map(as_row, part))) for name, part in parts.items()}
    paths["synthetic"] = str(write_rows(folder / "set.jsonl", rows))
    return paths | {"model": str(save_tiny("t5", folder / "t5"))}


def make_config(files: dict[str, str], seed: int = 13) -> RunConfig:
    given = {name: files[name] for name in ("train", "dev", "test", "synthetic")}
    values = {"task": "scenes-nli", "methods": ["paired", "dawgen"], "threads": 1, "shots": 4, "seed": seed}
    return resolve_config(arguments=given | values | {"target": {**TARGET, "model": files["model"]}})


@pytest.fixture(scope="module")
def run(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "13"
    run_job(make_config(files), out, reporter=QUIET)
    return out


def read_rows(path: Path, **wanted: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file that have these values."""
    rows = csv.DictReader(path.read_text().splitlines())
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture(scope="module")
def found(run: Path) -> dict[str, Any]:
    return analyze_gradients([run], reporter=QUIET)


def test_the_files_hold_every_step_and_every_example_that_was_drawn(found: dict[str, Any], run: Path) -> None:
    assert sorted(path.name for path in (run / "analysis").glob("[!.]*")) == sorted(FILES)
    assert json.loads((run / "analysis" / "gradients.json").read_bytes()) == found
    steps = read_rows(run / "analysis" / "steps.csv")
    assert [(row["training"], row["step"]) for row in steps][::8] == [("paired", "1"), ("dawgen", "1")]
    assert [row["phase"] for row in steps[:8]] == ["early"] * 3 + ["middle"] * 3 + ["late"] * 2
    assert {row["removed"] for row in steps[:8]} == {"0.0"}
    # What training itself has logged is what the watch saw.
    logged = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    own = [row for row in logged if row.get("method") == "dawgen"]
    for column, name in (("synthetic_batch_cos", "cos"), ("removed", "removed"), ("synthetic_loss", "loss_synthetic")):
        assert [float(row[column]) for row in steps[8:]] == pytest.approx([row[name] for row in own], abs=1e-3)
    assert any(row["removed"] > 0 for row in own)
    assert {row["after_batch_conflict"] for row in steps[8:]} == {"0.0"}
    mine = read_rows(run / "analysis" / "examples.csv", training="paired")
    assert sum(int(row["drawn"]) for row in mine) == 8 * 6
    assert [float(row["cos"]) for row in mine] == sorted(float(row["cos"]) for row in mine)


def test_planted_wrong_labels_are_the_oracles(found: dict[str, Any], run: Path, files: dict[str, str]) -> None:
    examples = read_rows(run / "analysis" / "examples.csv", training="paired")
    rows = [json.loads(line) for line in Path(files["synthetic"]).read_text().splitlines()]
    wrong = {int(row["row"]) for row in examples if row["oracle"] != row["label"]}
    assert wrong == {int(row["row"]) for row in examples if (int(row["row"]) - 1) % 5 == 0}
    assert all(rows[int(row["row"]) - 1]["text2"] == row["text2"] for row in examples)
    assert found["trainings"]["paired"]["examples"]["examples"][0]["mislabelled"] == len(wrong)
    assert len(wrong) == WRONG
    assert all(row["margin"] == "" for row in examples)  # a given set has no shards


def test_the_training_is_the_runs_own(found: dict[str, Any], run: Path) -> None:
    assert found["reproduced"] == {"paired": [True], "dawgen": [True]}
    methods = json.loads((run / "metrics.json").read_bytes())["methods"]
    for name in ("paired", "dawgen"):
        assert found["accuracy"][name] == pytest.approx(methods[name]["accuracy"], abs=1e-5)
        assert found["trainings"][name]["largest_error"] < 1e-3
    assert found["sentences"][0].startswith("Surgery changed accuracy by ")
    assert found["sentences"][0].endswith(("within noise.", "beyond noise."))


def test_the_page_is_whole_and_shows_the_sentences(found: dict[str, Any], run: Path) -> None:
    page = (run / "analysis" / "gradients.html").read_text()
    check_self_contained(page)
    structure = parse(page)
    assert structure.plots == 6
    assert {"Conflict and its controls", "Which examples fight", "Accuracy"} <= set(structure.headings)
    plain = re.sub(r"\s+", " ", page)
    assert all(sentence.replace("'", "&#39;") in plain for sentence in found["sentences"])
    assert "did not come out again" not in page


def test_the_same_run_gives_the_same_bytes(found: dict[str, Any], run: Path, tmp_path: Path) -> None:
    assert analyze_gradients([run], tmp_path, reporter=QUIET) == found
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (run / "analysis" / name).read_bytes()


def test_several_runs_and_a_run_whose_predictions_changed(run: Path, files: dict[str, str], tmp_path: Path) -> None:
    other, out = tmp_path / "21", tmp_path / "out"
    run_job(make_config(files, seed=21), other, reporter=QUIET)
    own = other / "prompts" / "paired" / "predicted.json"
    foreign = json.loads(own.read_bytes())
    own.write_text(json.dumps(foreign | {"predicted": [(label + 1) % 3 for label in foreign["predicted"]]}))
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(re.sub(r"(set\.jsonl: )\w+", r"\1another", config))
    reporter = Heard(quiet=True)
    both = analyze_gradients([run, other], out, reporter=reporter)
    assert [line for line in reporter.lines if "has changed" in line] == [
        f"warning: {files['synthetic']}: expected the file that the run was trained on, found another; it has changed."
    ]
    assert both["seeds"] == [13, 21]
    assert both["intervals"].endswith("over the runs' means")
    assert both["accuracy"]["over_seeds"] is not None
    assert both["reproduced"]["paired"] == [True, False]
    page = (out / "gradients.html").read_text()
    assert "paired, seed 21: the run&#39;s own predictions" in page
    assert str(tmp_path) not in page + (out / "gradients.json").read_text()
    assert {row["seed"] for row in read_rows(out / "examples.csv")} == {"13", "21"}


def test_a_task_without_oracle_or_test_rows_says_so(dawgen: Any, tmp_path: Path) -> None:
    given_files, settings = write_inputs(tmp_path), quick_settings(save_models(tmp_path))
    given = {
        "train": given_files["train"],
        "synthetic": given_files["train"],
        "methods": ["prompt_tuning"],
        "leaks": "drop",
    }
    run_job(resolve_config(arguments=settings | given), tmp_path / "run", reporter=QUIET)
    status, out, err = dawgen("analyze", "gradients", tmp_path / "run", "--json", "--set", "target.granularity=token")
    assert status == 0, err
    lines = out.splitlines()
    numbers = json.loads(lines[-1])
    assert lines[0] == "Whether surgery changed accuracy is unknown: the run has no test rows."
    assert numbers["accuracy"] is None
    assert numbers["surgery"]["granularity"] == "token"
    assert numbers["trainings"]["paired"]["examples"] is None
    assert numbers["second_real"] == "labelled rows beside the few shots"
    page = (tmp_path / "run" / "analysis" / "gradients.html").read_text()
    check_self_contained(page)
    assert "No oracle knows the labels" in page


def test_wrong_input_is_named(dawgen: Any, run: Path, tmp_path: Path) -> None:
    status, _, err = dawgen("analyze", "gradients", tmp_path)
    assert status == 2
    assert "expected a finished run" in err
    status, _, err = dawgen("analyze", "gradients", run, run)
    assert status == 2
    assert "--out FOLDER" in err
    status, _, err = dawgen("analyze", "gradients", run, "--set", "target.surgery=none")
    assert status == 2
    assert "--set target.surgery=project" in err
    status, _, err = dawgen("analyze", "gradients", run, "--set", "target.surgry=none")
    assert status == 2
    assert "surgery" in err
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "config.yaml").write_text((run / "config.yaml").read_text().replace("epsilon: 2.0", "epsilon: 1.0"))
    status, _, err = dawgen("analyze", "gradients", run, other, "--out", tmp_path / "out")
    assert status == 2
    assert "expected the target settings of" in err
    (other / "config.yaml").write_text((run / "config.yaml").read_text().replace("steps: 8", "steps: many"))
    status, _, err = dawgen("analyze", "gradients", other)
    assert status == 2
    assert "target.steps: the value should be a whole number" in err
    bare = tmp_path / "bare"
    shutil.copytree(run, bare)
    (bare / "config.yaml").write_text(re.sub(r"synthetic: .*", "synthetic: null", (run / "config.yaml").read_text()))
    status, _, err = dawgen("analyze", "gradients", bare)
    assert status == 2
    assert "found no synthetic/train.jsonl" in err


def test_floats_are_rounded_for_files() -> None:
    assert round_floats({"a": [1 / 3, (-0.0, 1, True)], "b": None}) == {"a": [0.333333, [0.0, 1, True]], "b": None}
    assert str(round_floats(-0.0)) == "0.0"
