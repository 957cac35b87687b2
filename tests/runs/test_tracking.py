"""Trackers: what they are told, that they change no byte of a run, and what happens where one is missing or fails."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.errors import ConfigError
from dawgen.progress import Reporter
from dawgen.runs import tracking
from dawgen.runs.folder import StepLog
from dawgen.runs.run import run_job
from dawgen.runs.tracking import Tracking, check_trackers, flatten_numbers, track_run
from support.jobs import quick_settings, save_models, write_inputs

ROWS = (
    {"stage": "generator", "kind": "dawgen", "step": 5, "loss": 2.0, "disc_loss": None},
    {"stage": "generate", "shard": 0, "kept": {"yes!": 3, "no": 4}},
    {"stage": "target", "method": "dawgen", "step": 1, "cos": 0.25},
    {"stage": "target", "method": "dawgen", "step": 2, "cos": 0.75},
)
FINAL = {"task": "nli", "methods": {"dawgen": {"accuracy": 0.625, "confusion": [[1]]}}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunConfig, Path, Path]:
    """The same job without a tracker and with TensorBoard."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    folder = tmp_path_factory.mktemp("runs")
    settings = quick_settings(save_models(folder)) | write_inputs(folder) | {"methods": ("prompt_tuning", "dawgen")}
    config = RunConfig.model_validate(settings | {"tracking": ["tensorboard"]})
    run_job(config.model_copy(update={"tracking": ()}), folder / "plain", reporter=Reporter(quiet=True))
    run_job(config, folder / "tracked", reporter=Reporter(quiet=True))
    return config, folder / "plain", folder / "tracked"


def read_events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_holds_the_rows_of_the_log_and_the_final_numbers(runs: tuple[RunConfig, Path, Path]) -> None:
    _, _, out = runs
    events = read_events(out / "tracking" / "tensorboard")
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    wanted = [(row["step"], row["cos"]) for row in log if row.get("method") == "dawgen"]
    found = [(event.step, event.value) for event in events.Scalars("target/dawgen/cos")]
    assert [step for step, _ in found] == [step for step, _ in wanted] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in found] == pytest.approx([value for _, value in wanted])
    assert len(events.Scalars("generator/dawgen/loss")) == 12
    metrics = json.loads((out / "metrics.json").read_text())
    final = events.Scalars("final/methods/dawgen/accuracy")[-1].value
    assert final == pytest.approx(metrics["methods"]["dawgen"]["accuracy"])
    assert list((out / "tracking").rglob("hparams.yml"))


def test_a_tracker_changes_no_byte_of_the_run(runs: tuple[RunConfig, Path, Path]) -> None:
    _, plain, tracked = runs
    outputs = [json.loads((out / "manifest.json").read_text())["outputs"] for out in (plain, tracked)]
    assert set(outputs[0]) == set(outputs[1])
    timed = ("metrics.json", "report.html", "README.md", "bundle.json")
    same = [name for name in outputs[0] if not name.endswith(timed)]
    assert {"config.yaml", "log.jsonl", "synthetic/train.jsonl", "prompts/dawgen/prompt.safetensors"} <= set(same)
    assert [outputs[0][name] for name in same] == [outputs[1][name] for name in same]


def test_trackers_do_not_decide_whether_a_run_may_go_on(runs: tuple[RunConfig, Path, Path]) -> None:
    config, plain, tracked = runs
    before = (plain / "metrics.json").read_text()
    assert run_job(config, plain, reporter=Reporter(quiet=True)) == json.loads(before)
    untracked = config.model_copy(update={"tracking": ()})
    run_job(untracked, tracked, reporter=Reporter(quiet=True))
    with pytest.raises(ConfigError, match="seed"):
        run_job(config.model_copy(update={"seed": 14}), plain, reporter=Reporter(quiet=True))


def test_a_fresh_run_clears_what_trackers_wrote(runs: tuple[RunConfig, Path, Path], tmp_path: Path) -> None:
    config, _, tracked = runs
    out = shutil.copytree(tracked, tmp_path / "run")
    run_job(config.model_copy(update={"tracking": ()}), out, fresh=True, reporter=Reporter(quiet=True))
    assert (out / "manifest.json").is_file()
    assert not (out / "tracking").exists()


def test_the_mean_interference_of_a_paired_method_is_among_its_numbers(runs: tuple[RunConfig, Path, Path]) -> None:
    _, out, _ = runs
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    methods = json.loads((out / "metrics.json").read_text())["methods"]
    for name in ("cos", "conflict", "removed"):
        values = [row[name] for row in log if row.get("method") == "dawgen"]
        assert methods["dawgen"]["interference"][name] == pytest.approx(sum(values) / 6)
    assert "interference" not in methods["prompt_tuning"]


def test_a_missing_package_is_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None if name == "wandb" else object())
    with pytest.raises(ConfigError, match="--track wandb: expected the package wandb.*pip install wandb"):
        run_job(RunConfig(task="scenes-nli", tracking=("wandb",)), tmp_path / "run", reporter=Reporter(quiet=True))
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="packages accelerate and mlflow, .*pip install accelerate mlflow"):
        check_trackers(["mlflow"])


def test_an_unknown_tracker_is_refused(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("run", "--task", "scenes-nli", "--track", "paper", "--out", tmp_path / "run")
    assert status == 2
    assert "tensorboard" in err


def test_a_tracker_that_does_not_start_stops_the_job(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "tensorboard").write_text("in the way")
    with pytest.raises(ConfigError, match="--track tensorboard: it did not start"):
        Tracking(["tensorboard"], tmp_path, {})


def test_a_tracker_that_fails_later_costs_itself_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []

    class Failing:
        def log(self, values: dict[str, float], step: int) -> None:
            seen.append(step)
            print("noise")
            if step == 1:
                raise OSError("the server is gone\nfor good")

    monkeypatch.setattr(tracking, "_start", lambda name, out, settings: Failing())
    with track_run(["tensorboard"], tmp_path, {}) as watched:
        log = StepLog(tmp_path / "log.jsonl", watched.write)
        for step in range(4):
            log.write({"stage": "target", "step": step, "loss_real": 1.0})
    assert seen == [0, 1]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
    out, err = capsys.readouterr()
    assert out == ""  # stdout is for the result
    assert "tensorboard failed and is left out (the server is gone)" in err


def test_trackers_are_closed_when_the_job_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    class Watching:
        def finish(self) -> None:
            ended.append(True)

    monkeypatch.setattr(tracking, "_start", lambda name, out, settings: Watching())
    with pytest.raises(KeyError), track_run(["tensorboard"], tmp_path, {}):
        raise KeyError("job")
    assert ended == [True]


def test_numbers_keep_their_path_and_texts_stay_behind() -> None:
    values = {"a": {"b c": 1, "d!": 2.5, "e": "text", "f": None}, "g": [1, 2]}
    assert flatten_numbers(values, "top") == {"top/a/b c": 1, "top/a/d_": 2.5}


@pytest.fixture
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tell a real tracker what a run would, everything kept within the test's folder."""
    for name, value in {
        "HOME": str(tmp_path),
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "TRACKIO_DIR": str(tmp_path / "trackio"),
        "MLFLOW_TRACKING_URI": f"file:{tmp_path}/mlflow",
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def tell(name: Any) -> Path:
        pytest.importorskip(name, reason=f"{name} is not installed")
        out = tmp_path / "some-run"
        with track_run([name], out, {"seed": 13, "methods": ["dawgen"], "target": {"lr": 0.3, "x": None}}) as watched:
            for row in ROWS:
                watched.write(row)
            watched.finish(FINAL)
        return out

    return tell


def test_wandb_keeps_every_stage_though_steps_begin_again(track: Any, capsys: pytest.CaptureFixture[str]) -> None:
    out = track("wandb")
    (file,) = (out / "tracking").rglob("run-*.wandb")
    content = file.read_bytes()
    for name in (b"generator/dawgen/loss", b"target/dawgen/cos", b"final/methods/dawgen/accuracy"):
        assert name in content
    assert "monotonically" not in capsys.readouterr().err


def test_mlflow_holds_the_curves_under_the_name_of_the_run(track: Any) -> None:
    track("mlflow")
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("dawgen")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "some-run"
    assert run.info.status == "FINISHED"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "target/dawgen/cos")] == [
        (1, 0.25),
        (2, 0.75),
    ]
    assert run.data.metrics["final/methods/dawgen/accuracy"] == 0.625
    assert run.data.metrics["generate/kept/yes_"] == 3
    assert run.data.params["target.lr"] == "0.3"


def test_trackio_holds_the_curves_under_the_name_of_the_run(track: Any, tmp_path: Path) -> None:
    track("trackio")
    with closing(sqlite3.connect(tmp_path / "trackio" / "dawgen.db")) as database:
        rows = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
    found = [(name, step, json.loads(text)) for name, step, text in rows]
    cosines = [
        (name, step, values["target/dawgen/cos"]) for name, step, values in found if "target/dawgen/cos" in values
    ]
    assert cosines == [("some-run", 1, 0.25), ("some-run", 2, 0.75)]
    assert any(values.get("final/methods/dawgen/accuracy") == 0.625 for _, _, values in found)
