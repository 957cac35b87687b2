"""Probabilities of all labels, and a word for what is unsure: with the bundle's temperature, in every kind of file."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.predict.job import How, label_file
from dawgen.deploy.predict.what import What, name_chance
from dawgen.errors import ConfigError, DataError
from dawgen.progress import Reporter
from dawgen.tasks.task import GeneratorPrompts
from support.bundles import save_sound
from support.shards import Killed, stop_after
from support.targets import make_task
from support.tiny import save_tiny

SMALL, QUIET, ALL = How(shard_rows=16, workers=1), Reporter(quiet=True), What(every=True)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a temperature."""
    from dawgen.models.load import load_target

    folder = tmp_path_factory.mktemp("warm")
    return save_sound(folder / "bundle", load_target(str(save_tiny("t5", folder / "t5"))), temperature=0.4)


def label(bundle: Path, source: Path, out: Path, what: What = ALL, how: How = SMALL) -> dict[str, Any]:
    return label_file(bundle, str(source), out, what=what, how=how, reporter=QUIET)


def read_json(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_label_has_the_probability_of_the_classifier(warm: Path, source: Path, rows: Any, tmp_path: Path) -> None:
    label(warm, source, tmp_path / "out.jsonl")
    classifier, found = PromptClassifier.load(warm), read_json(tmp_path / "out.jsonl")
    assert classifier.temperature_ == 0.4
    expected = classifier.predict_proba([(row["text1"], row["text2"]) for row in rows])
    for place, name in enumerate(classifier.classes_.tolist()):
        assert [row[f"p({name})"] for row in found] == pytest.approx(expected[:, place].tolist(), abs=2e-6)
    assert [row["probability"] for row in found] == [row[f"p({row['label']})"] for row in found]
    assert list(found[0])[-4:] == ["label", "probability", *(f"p({name})" for name in classifier.task_.labels)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_other_kinds_of_files_hold_the_same_numbers(warm: Path, source: Path, tmp_path: Path, ending: str) -> None:
    for kind in ("jsonl", ending):
        label(warm, source, tmp_path / f"out.{kind}")
    wanted, out = read_json(tmp_path / "out.jsonl"), tmp_path / f"out.{ending}"
    if ending == "parquet":
        assert pyarrow.parquet.read_table(out).to_pylist() == wanted
    else:
        with out.open(newline="") as stream:
            found = list(csv.DictReader(stream))
        assert [{name: str(value) for name, value in row.items()} for row in wanted] == found


def test_rows_below_get_the_word_and_keep_their_probability(warm: Path, source: Path, tmp_path: Path) -> None:
    label(warm, source, tmp_path / "plain.jsonl", What())
    plain = read_json(tmp_path / "plain.jsonl")
    below = float(np.median([row["probability"] for row in plain]))
    numbers = label(warm, source, tmp_path / "out.jsonl", What(below=below, instead="unsure"))
    found = read_json(tmp_path / "out.jsonl")
    for before, after in zip(plain, found, strict=True):
        assert after["probability"] == before["probability"]
        assert after["label"] == (before["label"] if before["probability"] >= below else "unsure")
    unsure = sum(row["label"] == "unsure" for row in found)
    assert 0 < unsure < 50 and numbers["abstained"] == unsure
    assert sum(numbers["labels"].values()) + unsure == 50


def test_a_stopped_job_goes_on_to_the_same_bytes_and_takes_another_threshold(
    warm: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(warm, source, tmp_path / "whole.csv", What(True, 0.6, "?"))
    out = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            label(warm, source, out, What(True, 0.9, "?"))
    assert label(warm, source, out, What(True, 0.6, "?"))["reused_shards"] == 2
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_shards_without_all_probabilities_are_not_taken_for_such(
    warm: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            label(warm, source, out, What())
    with pytest.raises(ConfigError, match="all"):
        label(warm, source, out)


def test_two_processes_write_what_one_does(warm: Path, source: Path, tmp_path: Path) -> None:
    for count in (1, 2):
        label(warm, source, tmp_path / f"{count}.csv", What(True, 0.6, "unsure"), How(shard_rows=8, workers=count))
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_a_column_with_such_a_name_is_given(warm: Path, rows: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row | {"p(same)": 7}) + "\n" for row in rows))
    label(warm, source, tmp_path / "out.jsonl")
    [first, *_] = read_json(tmp_path / "out.jsonl")
    assert first["given_p(same)"] == 7 and 0 <= first["p(same)"] <= 1
    label(warm, source, tmp_path / "plain.jsonl", What())
    assert read_json(tmp_path / "plain.jsonl")[0]["p(same)"] == 7  # nothing is added under this name
    source.write_text("".join(json.dumps(row | {"p(same)": 7, "given_p(same)": 8}) + "\n" for row in rows))
    with pytest.raises(DataError, match="other than both"):
        label(warm, source, tmp_path / "again.jsonl")


def test_labels_of_any_characters_and_many_of_them(tmp_path: Path) -> None:
    from dawgen.models.load import load_target

    odd = ['a, "b"', "c/d; e", "ü {x}", "given_label"]
    labels = [*odd, *(f"topic {number}" for number in range(73))]
    words = ("red", "blue", "green", "old", "young", "tall", "small", "big", "happy", "sad")
    given = {name: f"{words[place % 10]} {words[place // 10]}" for place, name in enumerate(labels)}
    prompts = GeneratorPrompts(prompts=dict.fromkeys(labels, "text"))
    whole = {"labels": tuple(labels), "label_words": given, "generator": prompts}
    task = make_task(**whole, template="{text1} {mask}", pair=False)
    backbone = load_target(str(save_tiny("t5", tmp_path / "t5")))
    bundle = save_sound(tmp_path / "bundle", backbone, task, temperature=2.0)
    (tmp_path / "in.csv").write_text("text\na dog\na cat is sleeping\n")
    label(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    assert list(found[0]) == ["text", "label", "probability", *map(name_chance, labels)]
    for row in found:
        assert sum(float(row[name_chance(name)]) for name in labels) == pytest.approx(1, abs=1e-4)
        assert float(row["probability"]) == max(float(row[name_chance(name)]) for name in labels)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (What(below=0.7), "--below and --else together"),
        (What(instead="unsure"), "--below and --else together"),
        (What(below=0.0, instead="unsure"), "--below 0: expected a probability above 0"),
        (What(below=1.2, instead="unsure"), "--below 1.2: expected a probability above 0"),
        (What(below=float("nan"), instead="unsure"), "--below nan: expected"),
        (What(below=0.7, instead=" "), "--else ' ': expected a word that can be seen"),
        (What(below=0.7, instead="same"), "--else same: expected a word that is no label"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_labelled(
    warm: Path, source: Path, tmp_path: Path, what: What, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        label(warm, source, tmp_path / "out.csv", what)
    assert list(tmp_path.iterdir()) == [source]


def test_the_verb_says_how_many_are_unsure(dawgen: Any, warm: Path, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    options = ["--all", "--below", 0.999, "--else", "unsure", "--json"]
    status, printed, err = dawgen("predict", warm, "--in", source, "--out", out, *options)
    assert status == 0, err
    numbers = json.loads(printed.splitlines()[-1])
    share = numbers["abstained"] / 50
    assert f"{numbers['abstained']:>12}  unsure (below 0.999): {share:.1%} of the rows" in printed.splitlines()
    assert out.read_text().splitlines()[0].endswith(",label,probability,p(same),p(different)")
    assert dawgen("predict", warm, "--in", source, "--out", out, "--below", 0.5)[0] == 2
