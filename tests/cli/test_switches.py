"""What holds for all verbs: --version, --quiet and --debug."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import dawgen as package
from dawgen.cli import split_switches
from dawgen.errors import ConfigError
from dawgen.progress import Reporter, be_quiet, is_quiet, warn
from support.jobs import quick_settings, save_models, write_inputs


def test_the_version_in_one_line(dawgen: Any) -> None:
    assert dawgen("--version") == (0, f"dawgen {package.__version__}\n", "")


@pytest.mark.parametrize(
    ("given", "switches", "others"),
    [
        ([], [], []),
        (["--quiet", "run", "--json"], ["--quiet"], ["run", "--json"]),
        (["run", "-q", "--debug"], ["-q", "--debug"], ["run"]),
        (["serve", "--", "--quiet"], [], ["serve", "--", "--quiet"]),
        (["run", "--question=--quiet"], [], ["run", "--question=--quiet"]),
    ],
)
def test_switches_stand_before_a_verb_or_behind_it(given: list[str], switches: list[str], others: list[str]) -> None:
    assert split_switches(given) == (switches, others)


@pytest.mark.parametrize("place", ["before", "behind"])
def test_debug_shows_the_traceback(dawgen: Any, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    verb = ["config", "show", "--preset", "none"]
    arguments = ["--debug", *verb] if place == "before" else [*verb, "--debug"]
    monkeypatch.setattr(sys, "argv", ["dawgen", *arguments])
    with pytest.raises(ConfigError):
        package.cli.main()  # type: ignore[attr-defined]


def test_quiet_holds_for_one_call(dawgen: Any) -> None:
    assert dawgen("tasks", "--quiet")[0] == 0
    assert is_quiet()
    assert dawgen("tasks")[0] == 0
    assert not is_quiet()


def test_a_quiet_process_says_nothing_on_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    be_quiet()
    try:
        warn("a warning")
        with Reporter().stage("stage", 1) as advance:
            advance()
        Reporter(quiet=False).say("asked for")
    finally:
        be_quiet(False)
    warn("another")
    assert capsys.readouterr() == ("", "asked for\nanother\n")


def test_a_quiet_run_has_its_result_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "quick.yaml"
    config.write_text(yaml.safe_dump(quick_settings(save_models(tmp_path))))
    files = write_inputs(tmp_path)
    call = [sys.executable, "-m", "dawgen", "run", "--config", config, "--train", files["train"]]
    call += ["--test", files["test"], "--methods", "prompt_tuning", "--out", tmp_path / "run"]
    found = subprocess.run([*map(str, call), "--quiet"], capture_output=True, text=True, check=False, timeout=240)
    assert (found.returncode, found.stderr) == (0, "")
    assert "prompt_tuning" in found.stdout and "report.html" in found.stdout
    again = subprocess.run([*map(str, call)], capture_output=True, text=True, check=False, timeout=240)
    assert again.returncode == 0 and again.stderr  # what quiet leaves out
    wrong = subprocess.run(
        [*map(str, call), "--set", "shots=0", "--quiet"], capture_output=True, text=True, check=False, timeout=240
    )
    assert wrong.returncode == 2 and wrong.stderr.startswith("dawgen: shots: ")
