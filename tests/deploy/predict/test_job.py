"""A labelled file: the classifier's own answers, in order, whatever the shards, the worker and the stops between."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.deploy.predict import job, parts, shard
from dawgen.deploy.predict.job import How, label_file
from dawgen.deploy.predict.parts import find_parts, hold_parts
from dawgen.errors import BundleError, ConfigError, DataError, DawgenError
from dawgen.progress import Reporter
from support.shards import Killed, stop_after

SMALL = How(shard_rows=16, workers=1)
QUIET = Reporter(quiet=True)


def label(bundle: Path, source: Path, out: Path, how: How = SMALL, **options: Any) -> dict[str, Any]:
    return label_file(bundle, str(source), out, how=how, reporter=QUIET, **options)


@pytest.fixture
def whole(bundle: Path, source: Path, tmp_path: Path) -> bytes:
    label(bundle, source, tmp_path / "whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


def test_rows_get_the_classifiers_answers_in_order(bundle: Path, source: Path, tmp_path: Path, rows: Any) -> None:
    numbers = label(bundle, source, tmp_path / "out.jsonl")
    classifier = PromptClassifier.load(bundle)
    expected = classifier.predict_proba([(row["text1"], row["text2"]) for row in rows])
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in found] == list(range(50))
    assert [row["label"] for row in found] == [classifier.classes_[one.argmax()] for one in expected]
    assert [row["probability"] for row in found] == pytest.approx(expected.max(1).tolist(), abs=2e-6)
    assert len({row["probability"] for row in found}) > 10
    assert numbers["labels"] == {name: sum(row["label"] == name for row in found) for name in classifier.task_.labels}
    assert (numbers["rows"], numbers["shards"], numbers["reused_shards"], numbers["cut"]) == (50, 4, 0, 0)
    assert not find_parts(tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_stopped_job_goes_on_to_the_same_bytes(
    bundle: Path, source: Path, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, done)
        with pytest.raises(Killed):
            label(bundle, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    stop_after(monkeypatch, 4 - done)  # no shard is made again
    numbers = label(bundle, source, tmp_path / "out.jsonl")
    assert numbers["reused_shards"] == done
    assert numbers["labelled_rows"] == 50 - 16 * done
    assert (tmp_path / "out.jsonl").read_bytes() == whole


def test_a_job_stopped_between_shards_and_output_labels_nothing_again(
    bundle: Path, source: Path, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(path: Path, *_: Any) -> None:
        path.write_text("half")
        os.link(path, path.with_name(".whole.1.tmp"))  # what a kill would leave
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(job, "write_output", write_half)
        with pytest.raises(Killed):
            label(bundle, source, tmp_path / "out.jsonl")
    stop_after(monkeypatch, 0)
    assert label(bundle, source, tmp_path / "out.jsonl")["reused_shards"] == 4
    assert (tmp_path / "out.jsonl").read_bytes() == whole
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.jsonl"]


@pytest.mark.parametrize("damage", [b"", b'{"labels": [0]}', b'{"labels": 3, "probabilities": 4, "cut": 0}', b"[]"])
def test_a_damaged_shard_is_made_again(
    bundle: Path, source: Path, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            label(bundle, source, tmp_path / "out.jsonl")
    (find_parts(tmp_path / "out.jsonl") / "shards" / "000001.json").write_bytes(damage)
    assert label(bundle, source, tmp_path / "out.jsonl")["reused_shards"] == 1
    assert (tmp_path / "out.jsonl").read_bytes() == whole


def test_shards_of_other_settings_are_refused(
    bundle: Path, source: Path, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            label(bundle, source, out)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(source.read_text().splitlines(keepends=True)[::-1]))
    other = tmp_path / "bundle"
    shutil.copytree(bundle, other)
    classifier = PromptClassifier.load(other)
    classifier.prompt_ = classifier.prompt_ + 1
    classifier.save(other)
    with pytest.raises(ConfigError, match=r"out.jsonl.parts: .* changes: texts .* -> "):
        label(bundle, turned, out)
    with pytest.raises(ConfigError, match="changes: bundle "):
        label(other, source, out)
    with pytest.raises(ConfigError, match="changes: shard_rows 16 -> 17"):
        label(bundle, source, out, replace(SMALL, shard_rows=17))
    with pytest.raises(ConfigError, match="changes: threads 1 -> 2"):
        label(bundle, source, out, replace(SMALL, threads=2))
    with monkeypatch.context() as patch:
        patch.setattr(parts, "version", lambda name: "0")
        with pytest.raises(ConfigError, match=r"changes: versions.tokenizers .* -> 0"):
            label(bundle, source, out)
    assert label(bundle, source, out, replace(SMALL, fresh=True))["reused_shards"] == 0
    assert out.read_bytes() == whole


def test_wrong_rows_are_named_before_anything_is_labelled(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 0)
    with source.open("a") as stream:
        stream.write('{"id": 50, "text1": "a dog", "text2": ""}\n')
    with pytest.raises(DataError, match=r"in.jsonl:51: expected a text in column 'text2'"):
        label(bundle, source, tmp_path / "out.jsonl")
    source.write_text('{"text1": "a", "text2": "b", "label": "x", "given_label": "y"}\n')
    with pytest.raises(DataError, match="both 'label' and 'given_label'"):
        label(bundle, source, tmp_path / "out.jsonl")
    source.write_text('{"text1": "a", "text2": "b", "v": 1}\n{"text1": "a", "text2": "c", "v": "y"}\n')
    with pytest.raises(DataError, match="column 'v' for Parquet"):
        label(bundle, source, tmp_path / "out.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_a_file_that_changes_meanwhile_gives_no_output(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shard.Shard.run

    def touch(self: shard.Shard, store: Any) -> dict[str, Any]:
        os.utime(source, ns=(1, 1))
        return run(self, store)

    monkeypatch.setattr(shard.Shard, "run", touch)
    with pytest.raises(DataError, match="changed while it was labelled"):
        label(bundle, source, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_label_that_came_with_the_rows_changes_nothing(
    bundle: Path, source: Path, tmp_path: Path, whole: bytes
) -> None:
    """Not even one of the task's own labels, or one that is no text."""
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    found = []
    for value in ("same", 7, None):
        source.write_text("".join(json.dumps(row | {"label": value}) + "\n" for row in rows))
        label(bundle, source, tmp_path / "out.jsonl")
        found.append([json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()])
        assert [row.pop("given_label") for row in found[-1]] == [value] * 50
    expected = [json.loads(line) for line in whole.splitlines()]
    assert [row.pop("given_label") for row in expected] == ["old"] * 50
    assert found == [expected] * 3


def test_texts_that_are_cut_are_counted(bundle: Path, source: Path, tmp_path: Path) -> None:
    lines = source.read_text().splitlines()
    for number in (3, 20, 49):
        lines[number] = json.dumps({"text1": "a dog is " + "running " * 99, "text2": "x"})
    source.write_text("\n".join(lines))
    assert label(bundle, source, tmp_path / "out.jsonl")["cut"] == 3


def test_a_model_that_gives_no_number_fails_with_the_row(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Scorer.score

    def spoil(*arguments: Any, **options: Any) -> torch.Tensor:
        scores = score(*arguments, **options)
        scores[2] = torch.nan
        return scores

    monkeypatch.setattr(Scorer, "score", spoil)
    with pytest.raises(DawgenError, match=r"shard 000000: .* got NaN for 'a ") as caught:
        label(bundle, source, tmp_path / "out.jsonl")
    assert caught.value.exit_status == 1


def test_two_processes_do_not_write_the_same_output(bundle: Path, source: Path, tmp_path: Path) -> None:
    with hold_parts(tmp_path / "out.jsonl"), pytest.raises(ConfigError, match="in use by process"):
        label(bundle, source, tmp_path / "out.jsonl")
    label(bundle, source, tmp_path / "out.jsonl")


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_other_files_is_left_alone(bundle: Path, source: Path, tmp_path: Path, fresh: bool) -> None:
    folder = find_parts(tmp_path / "out.jsonl")
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="found other files"):
        label(bundle, source, tmp_path / "out.jsonl", replace(SMALL, fresh=fresh))
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_bundle_that_changes_meanwhile_is_refused(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 1)
    with pytest.raises(Killed):
        label(bundle, source, tmp_path / "out.jsonl")
    shard.load_once.cache_clear()
    with pytest.raises(BundleError, match="digest"):
        shard.load_once(shard.Worker(bundle, "0" * 64, "cpu", 1))


def test_how_far_it_is_is_said_now_and_then(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job, "EVERY", 0.0)
    label_file(bundle, str(source), tmp_path / "out.jsonl", how=SMALL, reporter=Reporter())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines[:3]] == ["16 of 50 rows", "32 of 50 rows", "48 of 50 rows"]
    assert all(line.endswith(" min to go") for line in lines[:3])


def test_kill_9_half_way_and_the_same_command_again(bundle: Path, tmp_path: Path, rows: Any) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.csv"
    source.write_text("".join(json.dumps(row | {"id": n}) + "\n" for n in range(40) for row in rows))
    command = [sys.executable, "-m", "dawgen", "predict", str(bundle), "--in", str(source), "--out", str(out)]
    process = subprocess.Popen([*command, "--shard-rows", "16", "--workers", "1"], stderr=subprocess.DEVNULL)
    shards = find_parts(out) / "shards"
    try:
        while len(list(shards.glob("0*.json"))) < 3:
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    reused = label(bundle, source, out)["reused_shards"]
    assert 3 <= reused < 125
    label(bundle, source, tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["in.jsonl", "out.csv", "whole.csv"]
