"""What came of labelling: majorities, a training file that a run takes, and the verb from end to end."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import read
from dawgen.errors import ConfigError
from dawgen.evaluate.annotate.exports import export_csv, export_label_studio
from dawgen.evaluate.annotate.imports import import_answers
from dawgen.evaluate.annotate.labels import agree, describe_labels, show_labels, write_training
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.session import Session
from dawgen.evaluate.annotate.uncertain import Ask, open_labels, read_training
from dawgen.records import Example
from support.forms import make_session
from support.fuzz import draw
from support.jobs import make_pairs, write_rows


@pytest.fixture
def session(ask: Ask) -> Session:
    """Six rows: agreed, agreed by two of three, a tie, none of these, one answer, no answer."""
    session, _ = open_labels(ask)
    votes = [["same", "same"], ["not", "not", "same"], ["same", "other"], [None, None], ["other"], []]
    for place, (item, labels) in enumerate(zip(session.items, votes, strict=True)):
        for who, label in enumerate(labels):
            rated = {} if label is None else {"label": label}
            session.ratings.append(Answer(f"{place}-{who}", f"person {who}", item.id, rated))
    session.ratings.close()
    return session


@draw(50)
@given(st.lists(st.sampled_from(["a", "b", None]), max_size=7), st.booleans())
def test_a_label_is_agreed_where_more_than_half_of_the_answers_name_it(votes: list[Any], unanimous: bool) -> None:
    label = agree(Counter(votes), unanimous=unanimous)
    if label is not None:
        assert 2 * votes.count(label) > len(votes) and (not unanimous or set(votes) == {label})
    elif not unanimous:
        assert all(2 * votes.count(name) <= len(votes) for name in ("a", "b"))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
def test_the_file_holds_the_training_rows_and_what_was_agreed(session: Session, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"more.{ending}"
    numbers = write_training(session, path)
    agreed = {0: "same", 1: "not", 4: "other"}
    added = [Example(session.items[at].text1, session.items[at].text2, label) for at, label in agreed.items()]
    assert read(path) == [*read_training(session), *added]
    assert numbers["added"] == 3 and numbers["rows"] == 12 + 3
    assert numbers["left_out"] == {"none of these": 1, "without agreement": 1, "without an answer": 1}
    assert write_training(session, path, unanimous=True)["added"] == 2  # its own file is written again


def test_a_file_of_the_users_is_not_replaced(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text1,text2,label\n")
    with pytest.raises(ConfigError, match=r"mine\.csv: expected no file here"):
        write_training(session, path)
    assert path.read_text() == "text1,text2,label\n"
    with pytest.raises(ConfigError, match=r"ends in \.jsonl, \.csv, \.tsv"):
        write_training(session, tmp_path / "mine.parquet")
    with pytest.raises(ConfigError, match="begun with --uncertain"):
        write_training(make_session(tmp_path / "ratings"), tmp_path / "x.csv")


def test_the_files_own_names_of_columns_and_labels_are_kept(ask: Ask, tmp_path: Path) -> None:
    numbers = {"same": "0", "other": "1", "not": "2"}

    def rename(row: dict[str, str]) -> dict[str, str]:
        return {"premise": row["text1"], "hypothesis": row["text2"], "gold": numbers[row["label"]]}

    columns = {
        "text1": "premise",
        "text2": "hypothesis",
        "label": "gold",
        "labels": {number: label for label, number in numbers.items()},
        "delimiter": "semicolon",
        "encoding": "cp1252",
    }
    train = write_rows(tmp_path / "own.jsonl", map(rename, make_pairs(12, seed=1)))
    pool = write_rows(tmp_path / "own_pool.jsonl", map(rename, make_pairs(40, seed=2)))
    session, _ = open_labels(replace(ask, train=str(train), pool=str(pool), columns=columns, out=tmp_path / "own"))
    session.ratings.append(Answer("a1", "ann", session.items[0].id, {"label": "other"}))
    write_training(session, tmp_path / "own.csv")
    assert (tmp_path / "own.csv").read_text().splitlines()[0] == "premise;hypothesis;gold"
    rows = read(tmp_path / "own.csv", columns=columns)
    assert rows == [*read(train, columns=columns), Example(session.items[0].text1, session.items[0].text2, "other")]


def test_the_report_counts_answers_and_where_the_prompt_was_right(session: Session) -> None:
    numbers = describe_labels(session)
    assert numbers["annotators"]["person 0"] == {"labelled": 4, "cannot_say": 1, "of": 6}
    assert numbers["labels"] == {"same": 1, "other": 1, "not": 1} and 0 <= numbers["prompt_right"] <= 3
    assert -1 <= numbers["alpha"] <= 1 and "3 of 6 rows have a label" in show_labels(numbers)


def test_answers_come_back_from_a_table_and_from_label_studio(session: Session, tmp_path: Path) -> None:
    export_csv(session, tmp_path / "rows.csv")
    config = export_label_studio(session, tmp_path / "tasks.json", answers=True)
    assert "shown_label" not in (tmp_path / "rows.csv").read_text() and "similar" not in config.read_text()
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    whole = [{"annotations": []} | task for task in tasks]  # as Label Studio exports a row that nobody labelled
    (tmp_path / "tasks.json").write_text(json.dumps(whole))
    kept = session.ratings.read()
    session.ratings.close()
    for name in ("rows.csv", "tasks.json"):
        (session.folder / "ratings.jsonl").unlink()
        again = Session.open(session.folder)
        assert import_answers(again, tmp_path / name).new == len(kept) == 10
        found = again.ratings.read()
        assert {key: answer.ratings for key, answer in found.items()} == {k: a.ratings for k, a in kept.items()}
        again.ratings.close()


def test_the_verb_asks_exports_and_writes_what_a_run_can_train_on(ask: Ask, tmp_path: Path, dawgen: Any) -> None:
    out, more = tmp_path / "form", tmp_path / "more.csv"
    begin = ["annotate", "--uncertain", ask.pool, "--prompt", ask.prompt, "--train", ask.train, "--out", out]
    code, said, _ = dawgen(*begin, "--rows", 4, "--export", "csv", "--to", tmp_path / "rows.csv")
    assert code == 0 and "60 rows" in said
    filled = [line.split(",") for line in (tmp_path / "rows.csv").read_text().splitlines()]
    at = filled[0].index("label")
    for number, cells in enumerate(filled[1:]):
        cells[1], cells[at] = "ann", ("same", "not", "other", "same")[number]
    (tmp_path / "rows.csv").write_text("".join(",".join(cells) + "\n" for cells in filled))
    code, said, _ = dawgen("annotate", out, "--import", tmp_path / "rows.csv", "--training", more, "--json")
    assert code == 0 and json.loads(said.splitlines()[-1])["added"] == 4
    assert f"--train {more} --shots 6 --imbalance keep" in said
    code, said, _ = dawgen("annotate", out, "--report")
    assert code == 0 and "4 of 4 rows have a label" in said


def test_options_that_do_not_go_together_are_refused(ask: Ask, tmp_path: Path, dawgen: Any) -> None:
    base = ["annotate", "--uncertain", ask.pool, "--prompt", ask.prompt, "--train", ask.train]
    for arguments, message in (
        (base[:3], "expected --prompt BUNDLE"),
        (base[:5], "expected --train FILE"),
        ([*base, "--real", ask.train], "--real belongs to a session of ratings"),
        (["annotate", "x.jsonl", "--prompt", ask.prompt], "--prompt goes with --uncertain"),
        (["annotate"], "expected a synthetic set, a session, or --uncertain"),
        (["annotate", "x.jsonl", "--unanimous"], "--unanimous goes with --training"),
    ):
        code, _, said = dawgen(*arguments)
        assert code == 2 and message in said, said
