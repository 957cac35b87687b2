"""Looking again at real small runs on the minis: what the rows and the prompts say today."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dawgen.data import as_row
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.doctor.examine import examine
from dawgen.evaluate.doctor.facts import Share
from dawgen.progress import Reporter
from dawgen.records import Example
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config
from dawgen.scenes import SceneData, draw_data
from support.jobs import write_rows


def save(path: Path, rows: Sequence[Example]) -> str:
    return str(write_rows(path, [dict(as_row(row)) for row in rows]))


def make_run(folder: Path, files: dict[str, str], **settings: Any) -> Path:
    values = {"task": "scenes-nli", "threads": 1, "shots": 8, "target": {"steps": 8, "eval_every": 8}} | settings
    run_job(resolve_config(arguments=values | files), folder, reporter=Reporter(quiet=True))
    return folder


@pytest.fixture(scope="module")
def data() -> SceneData:
    return draw_data("scenes-nli", 5, shots=8, test=30, gold_per_label=20)


@pytest.fixture(scope="module")
def sound(data: SceneData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run on files with a given set of right labels, in the folder `run` beside its files."""
    place = tmp_path_factory.mktemp("sound")
    rows = {"train": data.train, "dev": data.dev, "test": data.test, "synthetic": data.gold}
    files = {role: save(place / f"{role}.jsonl", examples) for role, examples in rows.items()}
    make_run(place / "run", files)
    return place


def test_rows_and_prompts_are_looked_at_again_and_nothing_changes(sound: Path) -> None:
    before = {path: path.read_bytes() for path in sound.rglob("*") if path.is_file()}
    found = examine([sound / "run"])
    assert {path: path.read_bytes() for path in sound.rglob("*") if path.is_file()} == before
    assert examine([sound / "run"]).as_dict() == found.as_dict()
    assert not {finding.name for finding in found.findings} & {"copies", "wrong_labels", "test_leak", "cut_texts"}
    (facts,) = found.runs
    assert facts.notes == ()
    base, own = facts.methods["prompt_tuning"], facts.methods["dawgen"]
    assert (base.fitted, own.fitted) != (None, None)
    assert base.fitted is not None
    assert base.fitted.rows == 24
    assert (base.agrees and base.agrees.rows, own.agrees) == (60, None)
    assert own.cut == Share(0, 54)
    assert len(own.losses) == own.steps == 8
    assert own.conflict is not None
    assert facts.set is not None
    assert (facts.set.fidelity, facts.set.given, facts.set.labels["neutral"]) == (1.0, True, 20)
    assert facts.set.audit["real_rows"] == 48
    assert facts.words == ("yes", "maybe", "no")


def test_a_test_file_that_the_run_has_seen_rows_of(sound: Path, data: SceneData, tmp_path: Path) -> None:
    turned = replace(data.train[0], text1=str(data.train[0].text2), text2=data.train[0].text1)
    leaking = save(tmp_path / "other.jsonl", [*data.test, data.gold[3], turned])
    leaks = [x for x in examine([sound / "run"], moved={"test": leaking}).findings if x.name == "test_leak"]
    assert len(leaks) == 1
    assert leaks[0].evidence.startswith("1 of 24 training rows and 1 of 60 synthetic rows stand in the test rows")


def test_files_that_are_gone_or_changed_are_not_looked_at(sound: Path, data: SceneData, tmp_path: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(sound / "run", place)
    config = (place / "config.yaml").read_text()
    (place / "config.yaml").write_text(config.replace(str(sound), str(tmp_path / "gone")))
    found = examine([place])
    assert "train.jsonl" in next(iter(found.notes))
    assert found.runs[0].methods["dawgen"].fitted is None
    with pytest.raises(DataError, match="none.jsonl"):
        examine([place], moved={"train": str(tmp_path / "none.jsonl")})
    moved = tmp_path / "train.jsonl"
    shutil.copy(sound / "train.jsonl", moved)
    (place / "config.yaml").write_text(config.replace(str(sound / "train.jsonl"), str(tmp_path / "gone.jsonl")))
    assert examine([place], moved={"train": str(moved)}).runs[0].methods["dawgen"].fitted is not None
    save(moved, data.train[3:] + data.gold[:3])
    (place / "config.yaml").write_text(config.replace(str(sound / "train.jsonl"), str(moved)))
    assert any("has changed" in note for note in examine([place]).notes)


def test_a_bundle_of_another_target_is_a_note(sound: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(sound / "run", place)
    bundle = place / "prompts" / "dawgen" / "bundle.json"
    bundle.write_text(json.dumps(json.loads(bundle.read_text()) | {"fingerprint": "0" * 64}))
    found = examine([place])
    assert any(note.startswith("dawgen not looked at again") for note in found.notes)
    assert found.runs[0].methods["prompt_tuning"].fitted is not None


def test_a_set_of_copies_and_texts_that_do_not_fit_are_named(sound: Path, data: SceneData, tmp_path: Path) -> None:
    copied = [replace(row, text2=row.text1) if row.label == "entailment" else row for row in data.gold]
    files = {role: str(sound / f"{role}.jsonl") for role in ("train", "dev", "test")}
    files["synthetic"] = save(tmp_path / "copies.jsonl", copied)
    settings = {"methods": ("synthetic_only",), "target": {"steps": 2, "eval_every": 2, "max_tokens": 14}}
    names = {finding.name for finding in examine([make_run(tmp_path / "run", files, **settings)]).findings}
    assert {"copies", "cut_texts"} <= names


def test_moved_files_of_two_runs_are_refused(sound: Path) -> None:
    with pytest.raises(ConfigError, match="expected one RUN with it, got 2"):
        examine([sound / "run", sound / "run"], moved={"test": "x.jsonl"})
