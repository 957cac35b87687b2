"""A finished run is reused only as it was written, whatever its files are called now."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.errors import BundleError, ConfigError, DataError
from dawgen.progress import Reporter
from dawgen.runs import methods
from dawgen.runs.run import run_job
from support.jobs import quick_settings, save_models, write_inputs

DONE = ("synthetic/train.jsonl", "prompts/dawgen/bundle.json", "prompts/dawgen/prompt.safetensors", "log.jsonl")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("job")
    return quick_settings(save_models(folder)) | write_inputs(folder) | {"methods": ("prompt_tuning", "dawgen")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    run(settings, out)
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def run(config: dict[str, Any], out: Path, **options: Any) -> dict[str, Any]:
    return run_job(RunConfig.model_validate(config), out, reporter=Reporter(quiet=True), **options)


def test_a_report_that_is_gone_is_made_again_to_the_same_bytes(settings: dict[str, Any], out: Path) -> None:
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    run(settings, out)
    assert (out / "report.html").read_bytes() == page


@pytest.mark.parametrize("name", DONE)
@pytest.mark.parametrize("damage", ["cut", "gone", "longer"])
def test_damaged_results_are_named(settings: dict[str, Any], out: Path, name: str, damage: str) -> None:
    data = (out / name).read_bytes()
    if damage == "gone":
        (out / name).unlink()
    else:
        (out / name).write_bytes(data[:-9] if damage == "cut" else data + b"\n")
    with pytest.raises(DataError, match=rf"{name} \({'missing' if damage == 'gone' else 'changed'}\)"):
        run(settings, out)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("manifest.json", b"{"),
        ("manifest.json", b"[]"),
        ("manifest.json", b"{}"),
        ("config.yaml", b"a: [1"),
        ("config.yaml", b"\xff\xfe\x00"),
        ("config.yaml", b"shots: 4\n"),
    ],
)
def test_a_damaged_file_of_the_folder_is_named(settings: dict[str, Any], out: Path, name: str, data: bytes) -> None:
    (out / name).write_bytes(data)
    with pytest.raises((DataError, ConfigError), match=name):
        run(settings, out)


@pytest.mark.parametrize("name", ["prompt.safetensors", "bundle.json", "predicted.json", "metrics.json"])
def test_a_run_that_goes_on_names_the_damaged_file_of_a_finished_method(
    settings: dict[str, Any], out: Path, name: str
) -> None:
    (out / "manifest.json").unlink()
    path = out / "prompts" / "prompt_tuning" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises((DataError, BundleError), match="Delete"):
        run(settings, out)


def test_a_run_goes_on_under_another_spelling_of_its_paths(
    settings: dict[str, Any], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(settings["train"]).parent
    monkeypatch.chdir(folder.parent)
    spelled = dict(settings)
    for name in ("train", "test", "unlabelled"):
        spelled[name] = os.path.join(folder.name, Path(settings[name]).name)
    for role in ("target", "generator"):
        model = os.path.join(".", os.path.relpath(settings[role]["model"]))
        spelled[role] = settings[role] | {"model": model}
    assert run(spelled, out) == json.loads((out / "metrics.json").read_text())


def test_a_moved_file_is_the_same_and_a_changed_one_is_not(settings: dict[str, Any], out: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(Path(settings["test"]).read_bytes())
    run(settings | {"test": str(moved)}, out)
    moved.write_bytes(moved.read_bytes().replace(b"park", b"barn"))
    with pytest.raises(ConfigError, match="found changes"):
        run(settings | {"test": str(moved)}, out)


def test_fresh_leaves_what_the_run_did_not_write(settings: dict[str, Any], out: Path) -> None:
    for name in ("notes.txt", "synthetic/mine.jsonl"):
        (out / name).write_text("mine")
    run(settings | {"per_label": 5, "methods": ("zero_shot",)}, out, fresh=True)
    assert {(out / name).read_text() for name in ("notes.txt", "synthetic/mine.jsonl")} == {"mine"}
    assert not (out / "synthetic" / "train.jsonl").exists()


def test_a_set_of_the_run_cannot_be_its_input(settings: dict[str, Any], out: Path) -> None:
    given = settings | {"synthetic": str(out / "synthetic" / "train.jsonl")}
    before = (out / "synthetic" / "train.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="would replace an input"):
        run(given, out, fresh=True)
    assert (out / "synthetic" / "train.jsonl").read_bytes() == before


def test_what_was_trained_stays_when_measuring_fails(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no memory for the test rows")

    monkeypatch.setattr(methods, "_measure", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        run(settings | {"methods": ("prompt_tuning",)}, tmp_path / "run")
    assert (tmp_path / "run" / "prompts" / "prompt_tuning" / "bundle.json").is_file()
