"""What a job reads before it trains: hub tasks, first texts that held-out rows contain, overlap of files."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.columns import Columns
from dawgen.config import RunConfig
from dawgen.data import Row
from dawgen.errors import ConfigError
from dawgen.records import Example
from dawgen.runs import inputs as module
from dawgen.runs.inputs import load_inputs
from dawgen.runs.settings import note_settings, resolve_config
from support.jobs import make_pairs, write_inputs, write_rows


def load(**values: Any) -> module.Inputs:
    return load_inputs(RunConfig.model_validate({"shots": 4, **values}))


def test_a_hub_task_is_measured_on_its_validation_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def read_rows(source: str, *, split: str, **_: Any) -> list[Row]:
        asked.append((source, split))
        labels = ("entailment", "neutral", "contradiction")
        rows = [Example(f"{split} text {i}", f"hypothesis {i}", labels[i % 3]) for i in range(30)]
        return [Row(row, f"{split}:{i}") for i, row in enumerate(rows)]

    monkeypatch.setattr(module, "read_rows", read_rows)
    found = load(task="snli")
    assert asked == [("stanfordnlp/snli", "train"), ("stanfordnlp/snli", "validation")]
    assert found.test is not None
    assert len(found.test) == 30
    assert all(row.text1.startswith("train") for row in found.train)


def test_first_texts_that_test_rows_contain_are_left_out(tmp_path: Path) -> None:
    files = write_inputs(tmp_path)
    held = make_pairs(60, seed=1)[36]["text1"]
    texts = write_rows(tmp_path / "texts.jsonl", [{"text": "two dogs run"}, {"text": held.upper() + "!"}])
    found = load(**files | {"unlabelled": str(texts)})
    assert found.first_texts == ["two dogs run"]
    assert any("1 unlabelled texts" in note for note in found.notes)


def test_a_given_question_takes_the_place_of_the_tasks_and_is_what_prompts_start_from() -> None:
    config = resolve_config(arguments={"task": "scenes-nli", "question": "Does it follow?", "shots": 4})
    assert load_inputs(config).task.ask() == "Does it follow?"
    assert config.target.init == "question"
    kept = resolve_config(arguments={"question": "Does it follow?", "target": {"init": "random"}})
    assert kept.target.init == "random"


def test_a_causal_target_with_the_defaults_of_encoder_decoders_is_told_of_its_own() -> None:
    causal = resolve_config(arguments={"target": {"model": "some/model"}}).target
    assert "--preset smollm2 --set target.model=some/model" in str(note_settings(causal, "causal"))
    assert note_settings(causal, "seq2seq") is None
    assert note_settings(resolve_config(preset="smollm2").target, "causal") is None


def test_plain_texts_serve_single_texts_too(tmp_path: Path) -> None:
    rows = [{"text": f"text {i} of {label}", "label": label} for i in range(12) for label in ("one", "two")]
    texts = write_rows(tmp_path / "texts.jsonl", [{"text": "two dogs run"}, {"text": "three dogs run"}])
    found = load(train=str(write_rows(tmp_path / "train.jsonl", rows)), unlabelled=str(texts))
    assert found.unlabelled == ["two dogs run", "three dogs run"]
    assert found.first_texts is None


def test_scenes_draw_plain_texts_for_methods_that_read_them_and_the_same_first_texts() -> None:
    without, with_ppt = (load(task="scenes-nli", per_label=5, methods=(method,)) for method in ("dawgen", "ppt"))
    assert with_ppt.first_texts == without.first_texts
    assert len(with_ppt.unlabelled or []) == module.UNLABELLED


def test_shared_sentences_are_a_warning_with_their_share(tmp_path: Path) -> None:
    files = write_inputs(tmp_path)
    test = [row | {"text2": row["text2"] + " today"} for row in make_pairs(36, seed=1)[:12]]
    rows = test + [{"text1": f"a new text {i}", "text2": "nothing", "label": "not"} for i in range(12)]
    found = load(train=files["train"], test=str(write_rows(tmp_path / "test.jsonl", rows)))
    assert "50% of the test rows share a text with the training file" in found.warnings


def test_leaks_are_dropped_from_training_when_asked(tmp_path: Path) -> None:
    rows = make_pairs(36, seed=1)
    train = write_rows(tmp_path / "train.jsonl", rows)
    turned = [{"text1": row["text2"], "text2": row["text1"], "label": row["label"]} for row in rows[:3]]
    test = write_rows(tmp_path / "test.jsonl", turned)
    found = load(train=str(train), test=str(test), leaks="drop")
    assert "3 training rows that repeat test pairs were left out" in found.notes
    assert len([*found.train, *(found.dev or []), *found.gold]) == 33


def test_scenes_draw_their_own_data_and_refuse_half_of_it(tmp_path: Path) -> None:
    found = load(task="scenes-question", per_label=5)
    assert len(found.test or []) == 600
    assert len(found.first_texts or []) == 20
    with pytest.raises(ConfigError, match="--test without --train"):
        load(task="scenes-question", test=str(tmp_path / "test.csv"))


def test_a_task_with_rows_of_its_own_is_measured_on_all_but_the_shots() -> None:
    found = load(task="tickets", shots=16)
    assert (len(found.train), len(found.test or []), found.dev, found.gold) == (64, 176, None, [])
    assert not {row.text1 for row in found.train} & {row.text1 for row in found.test or []}
    assert list(found.hashes) == ["tickets.csv"]
    assert any("no dev set" in note for note in found.notes)
    with pytest.raises(ConfigError, match="--test without --train"):
        load(task="tickets", test="mine.csv")


def test_a_task_is_called_as_asked_else_as_its_file_which_is_said_where_that_says_nothing(tmp_path: Path) -> None:
    rows = "".join(f"row {number} of x,x\nrow {number} of y,y\n" for number in range(3))
    for name in ("train.csv", "tickets-of-may.csv"):
        (tmp_path / name).write_text("text,label\n" + rows)
    found = load_inputs(RunConfig(train=str(tmp_path / "train.csv"), shots=1))
    assert found.task.name == "train" and any("--name says what it is" in note for note in found.notes)
    found = load_inputs(RunConfig(train=str(tmp_path / "tickets-of-may.csv"), shots=1))
    assert found.task.name == "tickets-of-may" and not any("--name" in note for note in found.notes)
    found = load_inputs(RunConfig(train=str(tmp_path / "train.csv"), shots=1, name="tickets"))
    assert found.task.name == "tickets" and not any("--name" in note for note in found.notes)
    with pytest.raises(ConfigError, match="name: expected --train too"):
        load_inputs(RunConfig(task="scenes-nli", name="other"))
    assert "name" not in RunConfig().model_dump() and RunConfig(name="a").model_dump()["name"] == "a"


def test_how_files_are_read_is_said_with_what_was_left_out(tmp_path: Path) -> None:
    rows = "".join(f"row {number} of x;x\nrow {number} of Y;Y\nother {number} of y;y\n" for number in range(3))
    (tmp_path / "train.csv").write_text(f"text;label;\n{rows};;\n")
    (tmp_path / "test.csv").write_bytes("text,label\nnew,x\nnewer,Y\n".encode("utf-16"))
    config = RunConfig(train=str(tmp_path / "train.csv"), test=str(tmp_path / "test.csv"), shots=1)
    found = load_inputs(config.model_copy(update={"columns": Columns(labels={"y": "Y"})}))
    said = " ".join(found.notes)
    assert "semicolon between cells" in said and "1 empty row" in said and "UTF-16" in said
    assert found.task.labels == ("Y", "x") and not found.warnings
    found = load_inputs(config)
    assert found.task.labels == ("Y", "x", "y") and "labels that look like one: 'Y' (3 rows), 'y'" in found.warnings[0]


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("columns.text1=1", {"text1": "1"}),
        ("columns.text1=no", {"text1": "no"}),
        ("columns.text1=null", {"text1": "null"}),
        ("columns.label=2024-01-01", {"label": "2024-01-01"}),
        ('columns.text1="a: b"', {"text1": "a: b"}),
        ("columns.text1=a # b", {"text1": "a # b"}),
        ("columns={text1: no, label: 1}", {"text1": "no", "label": "1"}),
        ("columns.delimiter=;", {"delimiter": ";"}),
        ("columns.delimiter=|", {"delimiter": "|"}),
        ("columns.delimiter=tab", {"delimiter": "\t"}),
        ("columns.labels.1.0=yes", {"labels": {"1.0": "yes"}}),
        ('columns.labels={"-1": null, Food: food}', {"labels": {"-1": None, "Food": "food"}}),
    ],
)
def test_names_of_columns_and_labels_are_words_whatever_yaml_makes_of_them(assignment: str, expected: object) -> None:
    assert resolve_config(assignments=[assignment]).columns.model_dump() == expected


def test_a_file_says_how_a_word_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("columns: {text1: no}\n")
    with pytest.raises(ConfigError, match=r'columns\.text1: expected a word in quotes, such as "no"'):
        resolve_config(file=tmp_path / "job.yaml")
    (tmp_path / "job.yaml").write_text('columns: {text1: "no", label: 3}\n')
    assert resolve_config(file=tmp_path / "job.yaml").columns.model_dump() == {"text1": "no", "label": "3"}
