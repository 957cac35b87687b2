"""kill -9 in the middle of tuning, of generation and of training; the same command again ends in the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dawgen.files import hash_file
from support.jobs import quick_settings, save_models, write_inputs

# Steps are many and cheap, so that there is a middle to be killed in.
LONGER = {"generator": {"steps": 60}, "target": {"steps": 60}, "per_label": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill")
    settings = quick_settings(save_models(folder)) | write_inputs(folder) | {"per_label": LONGER["per_label"]}
    for section in ("generator", "target"):
        settings[section] = settings[section] | LONGER[section]
    settings["generator"]["lr"] = 0.05
    (folder / "run.yaml").write_text(yaml.safe_dump(settings))
    finish(folder, "whole")
    return folder


def command(folder: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "dawgen", "run", "--config", str(folder / "run.yaml"), "--out", str(folder / name)]


def finish(folder: Path, name: str) -> None:
    done = subprocess.run(command(folder, name), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def kill_when(folder: Path, name: str, reached: Callable[[Path], bool]) -> None:
    """Start a run and kill it as soon as `reached`; fails if the run is faster than the look at it."""
    process = subprocess.Popen(command(folder, name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not reached(folder / name):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (folder / name / "manifest.json").exists()


def hashes(run: Path) -> dict[str, str]:
    """Return the hash of every file but those that hold times: metrics, and the page and manifest made of them."""
    timed = {"metrics.json", "report.html", "manifest.json"}
    files = [p for p in run.rglob("*") if p.is_file() and (p.name not in timed or p.parent.name == "raw")]
    return {str(p.relative_to(run)): hash_file(p) for p in files}


def logged(run: Path, stage: str, step: int) -> bool:
    """Whether the log has reached the step of a stage; half a line may stand at its end."""
    path = run / "log.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return any(f'"stage": "{stage}"' in line and f'"step": {step},' in line for line in lines)


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("tuning", lambda run: logged(run, "generator", 40)),
        ("generation", lambda run: (run / "synthetic" / "raw" / "shard-00001.jsonl").exists()),
        ("training", lambda run: logged(run, "target", 40)),
    ],
)
def test_a_killed_run_resumes_to_the_same_bytes(folder: Path, name: str, reached: Callable[[Path], bool]) -> None:
    kill_when(folder, name, reached)
    finish(folder, name)
    assert hashes(folder / name) == hashes(folder / "whole")
    whole, resumed = (json.loads((folder / n / "metrics.json").read_text()) for n in ("whole", name))
    for metrics in (whole, resumed):
        for numbers in metrics["methods"].values():
            del numbers["seconds"]
        del metrics["seconds"]
    assert resumed == whole


def test_environment_does_not_change_the_bytes(folder: Path) -> None:
    done = subprocess.run(
        command(folder, "again"),
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0
    assert hashes(folder / "again") == hashes(folder / "whole")
