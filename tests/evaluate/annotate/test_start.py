"""A session from files, and the verb: what a stranger types, and what is said of mistakes."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dawgen.data import find_set
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.guide import pick_examples, read_guide
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.start import Begin, guess_name, name_sets, open_session
from dawgen.records import Example
from dawgen.runs.settings import resolve_config
from support.forms import Form, make_session
from support.jobs import make_pairs, write_rows


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return {
        "real": str(write_rows(tmp_path / "real.jsonl", make_pairs(30, seed=1))),
        "set": str(write_rows(tmp_path / "made.jsonl", make_pairs(30, seed=2))),
        "out": str(tmp_path / "session"),
    }


def test_sets_are_named_by_what_says_something(tmp_path: Path) -> None:
    run = tmp_path / "mine"
    for path in (run / "synthetic", tmp_path / "other"):
        path.mkdir(parents=True)
        write_rows(path / "train.jsonl", make_pairs(3, seed=1))
    assert name_sets([str(run), str(tmp_path / "other"), f"x={run / 'synthetic'}"]) == {
        "mine": str(run),
        "other": str(tmp_path / "other"),
        "x": str(run / "synthetic"),
    }
    assert guess_name(run / "synthetic" / "train.jsonl") == guess_name(run / "synthetic") == "mine"
    assert guess_name(Path("sets/fewgen-16-13.jsonl.gz")) == "fewgen-16-13"
    assert find_set(str(run)) == str(run / "synthetic" / "train.jsonl")
    with pytest.raises(ConfigError, match="two sets are called 'mine'"):
        name_sets([str(run), str(run / "synthetic")])
    with pytest.raises(ConfigError, match="nowhere: there is no such file"):
        name_sets(["a=nowhere"])


def test_the_same_arguments_go_on_with_a_session_and_others_do_not(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "guide.txt").write_text("Be kind.\n")
    given: dict[str, Any] = {"real": files["real"], "out": Path(files["out"]), "rows": 4, "controls": 4}
    session = open_session([files["set"]], Begin(**given, guide=tmp_path / "guide.txt"))
    assert read_guide(session.folder)["instructions"] == "Be kind."
    session.ratings.append(Answer("a1", "ann", session.items[0].id, {"fluency": 5}))
    session.ratings.close()
    again = open_session([files["set"]], Begin(**given))
    assert len(again.ratings.read()) == 1 and again.items == session.items
    assert open_session([files["out"]], Begin()).key == session.key
    with pytest.raises(ConfigError, match="rows 4 -> 5"):
        open_session([files["set"]], Begin(**given | {"rows": 5}))
    with pytest.raises(ConfigError, match="--seed: the sample of .* is drawn already"):
        open_session([files["out"]], Begin(seed=14))


def test_the_real_rows_of_a_run_are_those_that_it_was_trained_on(files: dict[str, str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "synthetic").mkdir(parents=True)
    config = resolve_config(arguments={"train": files["real"], "shots": 4, "seed": 5})
    (run / "config.yaml").write_text(json.dumps(config.model_dump(mode="json")))
    write_rows(run / "synthetic" / "train.jsonl", make_pairs(30, seed=2))
    session = open_session([str(run)], Begin(out=Path(files["out"]), rows=3, controls=0))
    assert session.settings["real"]["rows"] == 12  # 3 labels of 4 shots
    assert {item.source for item in session.items} == {"real", "run"}
    with pytest.raises(ConfigError, match="expected --real FILE"):
        open_session([files["set"]], Begin())


def test_examples_of_the_guide_share_no_text_with_the_sample(tmp_path: Path) -> None:
    session = make_session(tmp_path / "session")
    real = [Example(**row) for row in make_pairs(30, seed=1)]
    found = pick_examples(session.items, real, session.labels)
    assert [row.label for row in found] == list(session.labels)
    item = session.items[0]
    assert pick_examples(session.items, [Example(item.text1.upper(), "new", "same")], session.labels) == []
    assert pick_examples([], [Example("a", "b", "same")], ["not", "same"]) == [Example("a", "b", "same")]


def test_a_damaged_guide_is_named(tmp_path: Path) -> None:
    (tmp_path / "guide.json").write_text('{"examples": [1]}')
    with pytest.raises(DataError, match="guide.json: expected instructions and examples"):
        read_guide(tmp_path)


def test_the_form_stops_at_ctrl_c_and_says_what_it_has(tmp_path: Path) -> None:
    form = Form(make_session(tmp_path / "session").folder)
    form.start()
    second = [sys.executable, "-m", "dawgen", "annotate", str(form.folder), "--port", "0"]
    twice = subprocess.run(second, capture_output=True, text=True, check=False, timeout=60)
    assert twice.returncode == 2 and "in use by process" in twice.stderr
    process = form.process
    assert process is not None
    assert form.stop(signal.SIGINT).endswith("answers: none yet\n")
    assert process.returncode == 0


def test_report_export_and_import_from_the_command_line(dawgen: Any, tmp_path: Path) -> None:
    session = make_session(tmp_path / "session")
    table, copy = tmp_path / "rows.csv", make_session(tmp_path / "copy").folder
    session.ratings.append(Answer("a1", "ann", session.items[0].id, {"fluency": 5}))
    session.ratings.close()
    status, out, _ = dawgen("annotate", session.folder, "--export", "csv", "--to", table, "--report", "--json")
    assert status == 0
    numbers = json.loads(out.splitlines()[-1])
    assert numbers["exported"]["rows"] == 10 and numbers["annotators"]["ann"]["rated"] == 1
    status, out, _ = dawgen("annotate", copy, "--import", table, "--json")
    assert (status, json.loads(out.splitlines()[-1])) == (0, {"imported": {"new": 1, "same": 0}})
    status, out, _ = dawgen("annotate", copy, "--export", "label-studio", "--to", tmp_path / "tasks.json", "--answers")
    assert status == 0 and (tmp_path / "tasks.xml").is_file()
    assert sum("annotations" in task for task in json.loads((tmp_path / "tasks.json").read_text())) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--export", "xls", "--to", "x"], "--export xls: there are csv, label-studio"),
        (["--export", "csv"], "expected --export FORMAT and --to FILE together"),
        (["--gains", "x.csv"], "--gains goes with --report"),
        (["--export", "label-studio", "--to", "x", "--sources"], "--sources goes with --export csv"),
        (["--report", "--answers"], "--answers goes with --export label-studio"),
        (["--real", "x.jsonl"], "is drawn already"),
        (["--import", "nowhere.csv"], "nowhere.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_mistakes_are_named(dawgen: Any, tmp_path: Path, arguments: list[str], said: str) -> None:
    folder = make_session(tmp_path / "session").folder
    status, _, err = dawgen("annotate", folder, *arguments)
    assert status == 2 and said in err
