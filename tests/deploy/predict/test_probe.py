"""A probe labels files as a prompt does: in shards, stopped and resumed, from a run's folder; other verbs refuse it."""

import json
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import TargetConfig
from dawgen.deploy.predict.job import How, label_file
from dawgen.deploy.predict.what import What
from dawgen.errors import BundleError
from dawgen.methods.interface import Given
from dawgen.methods.kept.probe import keep_probe
from dawgen.methods.table import METHODS
from dawgen.models.load import load_target
from dawgen.progress import Reporter
from dawgen.prompt.bundle.files import PROBE
from support.shards import Killed, stop_after
from support.targets import make_pairs, make_task
from support.tiny import save_tiny

SMALL, QUIET = How(shard_rows=16, workers=1), Reporter(quiet=True)
NAMES = ("linear_probe", "tfidf_probe")


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Folders of kept probes, and what was fitted, by method."""
    folder = tmp_path_factory.mktemp("probes")
    name = str(save_tiny("t5", folder / "t5"))
    target, found = load_target(name), {}
    for method in NAMES:
        given = Given(task=make_task(), real=make_pairs(12, 1), target=TargetConfig(model=name, max_tokens=40))
        probe: Any = METHODS[method].fit(target, given)
        keep_probe(folder / method, METHODS[method], target, given, probe)
        found[method] = (folder / method, probe)
    return found


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_rows_get_the_probes_answers_in_order(name: str, probes: Any, source: Path, rows: Any, tmp_path: Path) -> None:
    bundle, probe = probes[name]
    out = tmp_path / "out.jsonl"
    numbers = label_file(bundle, str(source), out, what=What(every=True), how=SMALL, reporter=QUIET)
    wanted = probe.predict([(row["text1"], row["text2"]) for row in rows])
    found = read(out)
    assert [row["label"] for row in found] == wanted.tolist()
    assert all(row["probability"] == max(row["p(same)"], row["p(different)"]) for row in found)
    assert (numbers["rows"], numbers["shards"], numbers["labelled_rows"]) == (50, 4, 50)


def test_a_stopped_job_goes_on_to_the_same_bytes(
    probes: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = probes["tfidf_probe"][0]
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    label_file(bundle, str(source), whole, how=SMALL, reporter=QUIET)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            label_file(bundle, str(source), out, how=SMALL, reporter=QUIET)
    assert label_file(bundle, str(source), out, how=SMALL, reporter=QUIET)["reused_shards"] == 2
    assert out.read_bytes() == whole.read_bytes()


def test_processes_label_as_one_does(probes: Any, source: Path, tmp_path: Path) -> None:
    bundle = probes["linear_probe"][0]
    for count in (1, 2):
        how = How(shard_rows=16, workers=count)
        label_file(bundle, str(source), tmp_path / f"{count}.jsonl", how=how, reporter=QUIET)
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()


def test_the_verb_takes_it_and_names_a_damaged_one(dawgen: Any, probes: Any, source: Path, tmp_path: Path) -> None:
    bundle = probes["tfidf_probe"][0]
    status, printed, err = dawgen("predict", bundle, "--in", source, "--out", tmp_path / "out.csv")
    assert status == 0, err
    assert "50 rows" in printed
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / PROBE).write_text((bundle / PROBE).read_text()[:-40])
    status, _, err = dawgen("predict", damaged, "--in", source, "--out", tmp_path / "other.csv")
    assert (status, "Traceback" in err) == (2, False)
    assert f"{damaged / PROBE}: expected JSON, the file is damaged" in err


@pytest.mark.parametrize("words", [("serve", "BUNDLE", "--port", "0"), ("export", "BUNDLE", "--out", "OUT")])
def test_other_verbs_say_who_takes_it(words: tuple[str, ...], dawgen: Any, probes: Any, tmp_path: Path) -> None:
    names = {"BUNDLE": probes["tfidf_probe"][0], "OUT": tmp_path / "out"}
    status, _, err = dawgen(*(names.get(word, word) for word in words))
    assert status == 2
    assert "a probe, which only" in err and "dawgen predict" in err


def test_python_says_so_too(probes: Any) -> None:
    from dawgen import PromptClassifier

    with pytest.raises(BundleError, match="only dawgen predict takes"):
        PromptClassifier.load(probes["tfidf_probe"][0])
