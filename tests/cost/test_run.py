"""The cost model at its places: the line before a run, the verb, and predictions beside a finished run's times."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from benchmarks.speed.cost_model import judge, list_jobs, measure_job, render
from dawgen.config import RunConfig
from support.jobs import quick_settings, save_models, write_inputs


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_models(tmp_path_factory.mktemp("models"))


DEFAULT = RunConfig().methods
FIGURES = ("--tflops", "0.1", "--bandwidth", "10", "--device", "mine", "--threads", "1")


def test_a_run_says_what_it_will_take_and_is_compared_with_it(
    dawgen: Any, tmp_path: Path, models: dict[str, str]
) -> None:
    config, run = tmp_path / "quick.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(quick_settings(models)))
    options = [text for name, value in write_inputs(tmp_path).items() for text in (f"--{name}", value)]
    status, _, err = dawgen("run", "--config", config, *options, "--out", run)
    assert status == 0, err
    line = next(line for line in err.splitlines() if line.startswith("predicted: "))
    assert "tuning" in line
    assert f"{len(DEFAULT)} methods" in line
    seconds = json.loads((run / "metrics.json").read_text())["seconds"]
    assert set(seconds) == {"tuning dawgen", "writing"}
    status, out, err = dawgen("analyze", "cost", run, *FIGURES, "--json")
    assert status == 0, err
    found = json.loads(out.splitlines()[-1])
    assert [row["group"] for row in found["measured"]] == [
        "tuning dawgen",
        "writing",
        *DEFAULT,
        "in all",
    ]
    assert found["measured"][0]["measured"] == seconds["tuning dawgen"]
    assert 0 < found["kept_share"] < 1
    assert "measured" in out


def test_figures_by_hand_need_no_weights_and_no_data(dawgen: Any, models: dict[str, str]) -> None:
    names = ("--generator", models["generator"], "--target", models["target"])
    small, large = (
        json.loads(dawgen("analyze", "cost", *names, *FIGURES, "--per-label", n, "--json")[1].splitlines()[-1])
        for n in (100, 1000)
    )
    assert not small["calibrated"]
    assert small["machine"]["flops_per_second"] == 1e11
    assert {stage["group"] for stage in small["stages"]} == {"tuning dawgen", "writing", *DEFAULT}
    assert large["seconds"] > small["seconds"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--device", "h100"), "--tflops and --bandwidth"),
        (("--no-calibrate",), "--tflops and --bandwidth"),
        (("--tflops", "1"), "--tflops and --bandwidth"),
        (("nowhere", *FIGURES), "nowhere: expected a finished run"),
        (("--generator", "./no/such/folder", *FIGURES), "./no/such/folder"),
    ],
    ids=str,
)
def test_what_is_missing_is_said(dawgen: Any, options: tuple[str, ...], message: str) -> None:
    status, _, err = dawgen("analyze", "cost", *options)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_the_benchmark_runs_small(tmp_path: Path) -> None:
    config = list_jobs(tmp_path, quick=True)["GPT-2 small and T5-small, random"]
    rows = measure_job(config, tmp_path / "run", budget=0.5)
    assert [row[0] for row in rows][:2] == ["tuning dawgen", "judging dawgen"]
    lines = [judge("job", stage, [(ours, theirs)]) for stage, ours, theirs in rows if theirs]
    assert len(render(lines).splitlines()) == 2 + len(lines)


def test_a_length_that_the_question_gives_is_forecast(dawgen: Any, models: dict[str, str]) -> None:
    options = (
        "--task",
        "scenes-topic",
        "--shots",
        "4",
        "--generator",
        models["generator"],
        "--target",
        models["target"],
    )
    seconds = {}
    for length in ("auto", "16", "4"):
        status, out, err = dawgen(
            "analyze", "cost", *options, "--set", f"target.prompt_length={length}", *FIGURES, "--json"
        )
        assert status == 0, err
        stages = json.loads(out.splitlines()[-1])["stages"]
        seconds[length] = sum(stage["seconds"] for stage in stages if stage["group"] == "prompt_tuning")
    assert seconds["4"] < seconds["auto"] != seconds["16"]  # the tiny tokenizer spells some words letter by letter


def test_a_run_above_the_free_memory_is_refused_before_it_has_a_folder_and_begun_when_told_to(
    dawgen: Any, tmp_path: Path, models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dawgen.runs.forecast.find_free_memory", lambda: 1)
    config, run = tmp_path / "quick.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(quick_settings(models) | {"methods": ["zero_shot"]}))
    options = [text for name, value in write_inputs(tmp_path).items() for text in (f"--{name}", value)]
    status, _, err = dawgen("run", "--config", config, *options, "--out", run)
    assert status == 2
    assert "predicted: " in err and "of memory, which is free" in err and "--set memory=try" in err
    assert not run.exists()
    status, _, err = dawgen("run", "--config", config, *options, "--out", run, "--set", "memory=try")
    assert status == 0, err
    assert "memory" not in yaml.safe_load((run / "config.yaml").read_text())


def test_a_resumed_run_takes_the_threads_that_its_folder_keeps(
    dawgen: Any, tmp_path: Path, models: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config, run, asked = tmp_path / "quick.yaml", tmp_path / "run", list[tuple[int, ...]]()
    config.write_text(yaml.safe_dump(quick_settings(models) | {"methods": ["zero_shot"], "threads": None}))
    options = [text for name, value in write_inputs(tmp_path).items() for text in (f"--{name}", value)]
    chosen = iter((2, 1))

    def announce(*_: Any, threads: tuple[int, ...]) -> SimpleNamespace:
        asked.append(threads)
        return SimpleNamespace(threads=next(chosen) if len(threads) > 1 else None)

    monkeypatch.setattr("dawgen.runs.run.announce_cost", announce)
    monkeypatch.setattr("dawgen.runs.run.count_cpus", lambda: 2)
    before = torch.get_num_threads()
    try:
        for size in (
            0,
            0,
            10**9,
        ):  # two runs of models that are not small: begun, resumed; then a new one of small ones
            monkeypatch.setattr("dawgen.runtime.SMALL", size)
            place = run if size == 0 else tmp_path / "other"
            assert dawgen("run", "--config", config, *options, "--out", place)[0] == 0
            threads = yaml.safe_load((place / "config.yaml").read_text())["record"]["threads"]
            assert threads == torch.get_num_threads() == (2 if size == 0 else 1)
            (place / "manifest.json").unlink()
    finally:
        torch.set_num_threads(before)
    assert asked == [(1, 2), (2,), (1,)]
