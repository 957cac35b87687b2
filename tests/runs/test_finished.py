"""A finished run as others read it: its parts, what it was made from, and what is said where that has changed."""

import json
import shutil
from pathlib import Path

import pytest

from dawgen.errors import ConfigError, DataError
from dawgen.progress import Reporter
from dawgen.runs.finished import FinishedRun, list_changed
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config
from support.jobs import make_pairs, quick_settings, save_models, write_inputs, write_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with files of its own in the same place."""
    place = tmp_path_factory.mktemp("place")
    given = quick_settings(save_models(place)) | write_inputs(place) | {"methods": ("zero_shot", "dawgen")}
    run_job(resolve_config(arguments=given), place / "run", reporter=Reporter(quiet=True))
    return place / "run"


def test_every_part_of_a_run_is_read(folder: Path) -> None:
    run = FinishedRun.open(folder)
    numbers = run.metrics.methods["dawgen"]
    assert run.config.target.steps == run.recorded["target"]["steps"]
    assert run.config.threads == run.recorded["record"]["threads"]
    inputs = run.inputs()
    assert (len(inputs.train), len(run.read_set(inputs) or ())) == (numbers.n_real, numbers.n_synthetic)
    assert [row["step"] for row in run.steps("dawgen")] == [1, 2, 3, 4, 5, 6]
    truth, predicted = run.read_answers("dawgen")
    assert sum(a == b for a, b in zip(truth, predicted, strict=True)) / len(truth) == numbers.accuracy
    assert (run.bundle("dawgen"), run.bundle("zero_shot")) == (folder / "prompts" / "dawgen", None)
    assert (run.steps("zero_shot"), run.read_answers("lora")) == ([], ([], []))
    assert set(run.hashes) == {Path(name).name for name in run.recorded["record"]["inputs"]}
    assert ("target model", f"{Path(run.config.target.model).name} (a folder)") in run.environment
    assert (run.raw / "manifest.json").is_file()


def test_a_run_is_found_around_its_set_and_its_bundles(folder: Path, tmp_path: Path) -> None:
    for inside in (folder / "synthetic", folder / "prompts" / "dawgen"):
        found = FinishedRun.find(inside)
        assert found is not None and found.folder == folder
    for outside in (folder, folder / "generator", tmp_path / "synthetic"):
        assert FinishedRun.find(outside) is None


def test_a_file_that_has_changed_is_noticed_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    run = FinishedRun.open(folder)
    moved = shutil.copy(run.config.train or "", tmp_path / "moved.jsonl")
    assert run.inputs(run.resolve({"train": str(moved)})).train == run.inputs().train
    other = write_rows(tmp_path / "other.jsonl", make_pairs(60, seed=9))
    config = run.resolve({"train": str(other), "leaks": "drop"})
    with pytest.raises(DataError, match=r"other\.jsonl: expected the file that the run was trained on"):
        run.inputs(config)
    inputs = run.inputs(config, check=False)
    assert len(list_changed(inputs, run.recorded)) == 1
    assert list_changed(inputs, {}) == []  # of a run that recorded none nothing is known


def test_what_is_no_finished_run_is_refused_in_one_way(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a finished run, found no metrics\.json"):
        FinishedRun.open(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"task": "mine", "of_tomorrow": 1}))
    run = FinishedRun.open(tmp_path)
    assert (run.metrics.task, run.metrics.methods, run.environment) == ("mine", {}, [])
    with pytest.raises(DataError, match=r"expected a finished run, found no config\.yaml"):
        _ = run.config
    (tmp_path / "config.yaml").write_text("shots: many")
    with pytest.raises(ConfigError, match="shots"):
        _ = FinishedRun.open(tmp_path).config
