"""The verbs as a user types them: stages that talk through files, JSON at the end, one clear message for bad input."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
import typer.main
import yaml

from dawgen.cli import app
from support.jobs import make_pairs, quick_settings, save_models, write_inputs, write_rows


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def config(tmp_path: Path, models: dict[str, str]) -> Path:
    path = tmp_path / "quick.yaml"
    path.write_text(yaml.safe_dump(quick_settings(models)))
    return path


def test_the_stages_talk_through_files(
    dawgen: Any, tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    files = write_inputs(tmp_path)
    common = ("--config", config, "--train", files["train"])
    gen, raw, kept, bundle = (tmp_path / name for name in ("gen", "raw", "kept", "bundle"))
    assert dawgen("tune", *common, "--out", gen)[0] == 0
    status, out, _ = dawgen("preview", gen, "--first-texts", files["unlabelled"], "--per-label", 2)
    assert status == 0
    assert out.count("=>") == 6
    status, out, _ = dawgen(
        "generate", gen, "--per-label", 5, "--first-texts", files["unlabelled"], "--out", raw, "--json"
    )
    assert status == 0
    assert json.loads(out.splitlines()[-1])["kept"] == 15
    assert len((raw / "train.jsonl").read_text().splitlines()) == 15
    status, out, _ = dawgen("curate", raw, "--real", files["train"], "--test", files["test"], "--out", kept, "--json")
    numbers = json.loads(out.splitlines()[-1])
    assert status == 0
    # Neither stage takes what was made with other settings for its own.
    status, _, err = dawgen("generate", gen, "--per-label", 5, "--first-texts", files["test"], "--out", raw)
    assert status == 2
    assert "first_texts" in err
    status, _, err = dawgen("tune", *common, "--seed", 5, "--out", gen)
    assert status == 2
    assert "found a tuned generator" in err
    assert "synthetic" in (kept / "README.md").read_text()
    assert numbers["generated"] == 15 == numbers["kept"] + sum(numbers["dropped"].values())
    for made, rows in ((raw, 15), (kept, numbers["kept"])):
        if rows:
            found = datasets.load_dataset(str(made), split="train", cache_dir=str(tmp_path / "cache"))
            assert found.num_rows == rows and set(found.column_names) == {"text1", "text2", "label"}
    # Random models seldom agree with their own labels: the uncurated set trains.
    status, _, err = dawgen("train", *common, "--synthetic", raw, "--method", "dawgen", "--out", bundle)
    assert status == 0, err
    status, out, _ = dawgen("evaluate", bundle, "--test", files["test"], "--json")
    assert status == 0
    assert json.loads(out.splitlines()[-1])["n"] == 24
    for name in ("predicted.jsonl", "predicted.csv"):
        assert dawgen("predict", bundle, "--in", files["test"], "--out", tmp_path / name)[0] == 0
    rows = [json.loads(line) for line in (tmp_path / "predicted.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert list(rows[0]) == ["text1", "text2", "given_label", "label", "probability"]
    assert (tmp_path / "predicted.csv").read_text().splitlines()[0] == "text1,text2,given_label,label,probability"


def test_a_run_prints_its_table_and_ends_with_json(dawgen: Any, tmp_path: Path, config: Path) -> None:
    files = write_inputs(tmp_path)
    options = [text for name, value in files.items() for text in (f"--{name}", value)]
    status, out, _ = dawgen("run", "--config", config, *options, "--out", tmp_path / "run", "--json")
    assert status == 0
    assert "prompt_tuning" in out
    assert "report.html" in out
    metrics = json.loads(out.splitlines()[-1])
    assert set(metrics["methods"]) == {"prompt_tuning", "linear_probe", "dawgen"}
    assert metrics == json.loads((tmp_path / "run" / "metrics.json").read_text())
    status, out, _ = dawgen("report", tmp_path / "run", "--out", tmp_path / "page.html")
    assert status == 0
    assert (tmp_path / "page.html").read_text() == (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("verb", sorted(typer.main.get_command(app).commands))
def test_every_verb_has_help(dawgen: Any, verb: str) -> None:
    status, out, _ = dawgen(verb, "--help")
    assert status == 0
    assert "Usage" in out


def test_no_arguments_is_help(dawgen: Any) -> None:
    status, out, _ = dawgen()
    assert status == 0
    assert "Usage" in out


def test_tasks_and_config_print_what_there_is(dawgen: Any) -> None:
    assert {"sick", "scenes-nli", "mrpc"} <= {line.split()[0] for line in dawgen("tasks")[1].splitlines()}
    status, out, _ = dawgen("config", "show", "--preset", "paper", "--set", "target.lr=0.1")
    shown = yaml.safe_load(out)
    assert status == 0
    assert shown["generator"]["model"] == "Salesforce/ctrl"
    assert shown["target"]["lr"] == 0.1
    assert shown["target"]["prompt_length"] == 100


GOOD = make_pairs(36, seed=1)
BAD: dict[str, tuple[Any, list[str], str]] = {
    "missing file": (None, [], r"train.jsonl: there is no such file"),
    "not json": (b'{"text1": "a", "text2": "b", "label": "x"}\nnot json\n', [], "train.jsonl:2"),
    "missing column": ([{"text1": "a", "text2": "b"}], [], "train.jsonl:1: expected a column 'label'"),
    "unknown label": (GOOD, ["--task", "sick"], "train.jsonl:1: unknown label 'same'"),
    "too few": (GOOD, ["--shots", "13"], "expected 13 different examples"),
    "empty text": ([*GOOD, {"text1": " ", "text2": "b", "label": "same"}], [], "train.jsonl:37"),
    "number": ([*GOOD, {"text1": 7, "text2": "b", "label": "same"}], [], "train.jsonl:37: expected a text"),
    "encoding": (b'{"text1": "caf\xe9", "text2": "b", "label": "x"}\n', [], "train.jsonl:1"),
    "empty file": (b"", [], "train.jsonl"),
    "one label": ([row | {"label": "same"} for row in GOOD], [], "expected two labels or more"),
    "conflict": ([*GOOD, GOOD[0] | {"label": "other"}], [], "expected one label per example"),
    "shots 0": (GOOD, ["--shots", "0"], "shots: the value should be greater than or equal to 1"),
    "per label -3": (GOOD, ["--per-label", "-3"], "per_label: the value should be greater than or equal to 1"),
    "unknown start": (GOOD, ["--set", "target.init=questoin"], "did you mean question?"),
    "question": (GOOD, ["--question", "two\nlines"], "question: expected one line"),
    "unknown task": (GOOD, ["--task", "scenes-nil"], "did you mean scenes-nli?"),
    "unknown key": (GOOD, ["--set", "target.stepz=3"], "did you mean steps?"),
    "unknown section": (GOOD, ["--set", "targt.steps=3"], "did you mean target?"),
    "unknown preset": (GOOD, ["--preset", "tiny"], "--preset tiny"),
    "unknown method": (GOOD, ["--methods", "dawgn"], "methods.0"),
    "no model": (GOOD, ["--set", "target.model=nowhere/at/all"], "nowhere/at/all"),
    "label words": (
        GOOD,
        ["--label-words", '{"same": "日本", "other": "no", "not": "maybe"}'],
        "label word '日本' of 'same'",
    ),
    "label words json": (GOOD, ["--label-words", "same=yes"], "--label-words: expected JSON"),
    "test repeats": (GOOD, ["--test", "TRAIN"], "expected rows that held-out data do not repeat"),
    "nothing": (GOOD, ["--train", ""], "expected --train FILE"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_message_status_2_and_leaves_nothing(
    dawgen: Any, tmp_path: Path, config: Path, case: str
) -> None:
    content, options, message = BAD[case]
    train = tmp_path / "train.jsonl"
    if isinstance(content, bytes):
        train.write_bytes(content)
    elif content is not None:
        write_rows(train, content)
    options = [str(train) if option == "TRAIN" else option for option in options]
    out = tmp_path / "run"
    status, printed, err = dawgen("run", "--config", config, "--train", train, "--out", out, *options)
    assert status == 2, err
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 3
    assert printed == ""
    assert not out.exists()


def test_a_sound_file_beside_the_bad_ones_runs(dawgen: Any, tmp_path: Path, config: Path) -> None:
    train = write_rows(tmp_path / "train.jsonl", GOOD)
    status, _, err = dawgen("run", "--config", config, "--train", train, "--out", tmp_path / "run")
    assert status == 0, err


def test_a_model_that_is_neither_causal_nor_seq2seq_is_refused(
    dawgen: Any, tmp_path: Path, config: Path, models: dict[str, str]
) -> None:
    train = write_rows(tmp_path / "train.jsonl", GOOD)
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "vit"}')
    for setting in (f"target.model={other}", f"generator.model={models['target']}"):
        status, _, err = dawgen(
            "run", "--config", config, "--train", train, "--out", tmp_path / "run", "--set", setting
        )
        assert status == 2
        assert "causal" in err
        assert not (tmp_path / "run").exists()


def test_unknown_option_is_a_usage_error(dawgen: Any) -> None:
    status, _, err = dawgen("run", "--shotz", "3")
    assert status == 2
    assert "--shotz" in err


def test_long_texts_are_cut_and_counted(dawgen: Any, tmp_path: Path, config: Path) -> None:
    rows = [row | {"text1": row["text1"] + " and a man is eating" * (60 if i < 3 else 0)} for i, row in enumerate(GOOD)]
    train = write_rows(tmp_path / "train.jsonl", rows)
    options = ("--set", "shots=12", "--set", "target.max_tokens=60", "--out", tmp_path / "run", "--json")
    status, out, err = dawgen("run", "--config", config, "--train", train, *options)
    assert status == 0, err
    warnings = json.loads(out.splitlines()[-1])["warnings"]
    assert any("3 of 36" in warning and "cut" in warning for warning in warnings)
    assert any("prompt_tuning" in warning and "cut" in warning for warning in warnings)
