"""The report: known answers give known scores, agreement, caught controls and correlation with gains."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dawgen.data import as_row
from dawgen.errors import DataError
from dawgen.evaluate.annotate.gains import correlate_gains, read_gains
from dawgen.evaluate.annotate.questions import Value
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.report import describe_session, format_session
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.scores import score_sources
from dawgen.evaluate.annotate.session import Session
from dawgen.files import write_jsonl
from support.grid_folders import make_row, write_results
from support.sessions import judge_well, make_rows, make_session, nod, rate


def dislike_set0(item: Item) -> dict[str, Value]:
    """Rate well, but find every second row of set0 mislabelled and all of it less fluent."""
    answer = dict(judge_well(item))
    if item.source == "set0":
        answer |= {"fluency": 2, "label": "no" if item.row % 2 else "yes"}
    return answer


def test_scores_are_those_that_were_given(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", dislike_set0)
    rate(session, "bob", judge_well)
    numbers = describe_session(tmp_path / "s")
    fluency = numbers["scores"]["fluency"]
    assert list(fluency) == [
        "real",
        "set0",
        "set1",
        *(f"control/{f}" for f in ("copy", "mismatch", "shuffled", "wrong_label")),
    ]
    assert fluency["set0"]["mean"] == 3.5 and fluency["set0"]["by_annotator"] == {"ann": 2.0, "bob": 5.0}
    assert fluency["set0"]["gap"]["value"] == -1.5 and fluency["set0"]["gap"]["high"] < 0
    assert fluency["real"]["mean"] == fluency["set1"]["mean"] == 5 and fluency["real"]["gap"] is None
    assert fluency["control/shuffled"]["mean"] == 1
    wrong = np.mean([item.row % 2 for item in session.items if item.source == "set0"])
    label = numbers["scores"]["label"]["set0"]
    assert label["mean"] == pytest.approx(1 - wrong / 2) and label["low"] < label["mean"] < label["high"]
    assert (label["items"], label["ratings"], label["unsure"]) == (10, 20, 0)
    assert numbers["items"] == {
        "real": 10,
        "set0": 10,
        "set1": 10,
        **{f"control/{f}": 2 for f in ("copy", "mismatch", "shuffled", "wrong_label")},
    }


def test_all_alike_is_not_taken_for_certain(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", judge_well)
    score = describe_session(tmp_path / "s")["scores"]
    assert score["fluency"]["real"]["high"] == 5 and 3 < score["fluency"]["real"]["low"] < 4.5  # Wilson: 10 of 10
    assert score["label"]["real"]["low"] == pytest.approx(0.722, abs=0.001)
    assert score["label"]["set1"]["gap"]["low"] < -0.2 < 0.2 < score["label"]["set1"]["gap"]["high"]


def test_intervals_of_scores_cover_the_mean_of_all_rows() -> None:
    """Rows of which all together have a mean of 3.4 by construction, as two annotators rate them alike."""
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(150):
        items = [Item(str(n), "a", None, "x", None, "real", None, n) for n in range(40)]
        truth = rng.choice(5, size=40, p=[0.1, 0.15, 0.2, 0.35, 0.2]) + 1
        answers = {
            (who, str(n)): Answer("", who, str(n), {"fluency": int(truth[n])})
            for who in ("ann", "bob")
            for n in range(40)
        }
        score = score_sources(items, answers, trial)["fluency"]["real"]
        covered += score["low"] <= 3.4 <= score["high"]
    assert 133 <= covered <= 150


def test_who_misses_the_controls_is_named(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", judge_well)
    rate(session, "bob", nod)
    numbers = describe_session(tmp_path / "s")
    ann, bob = numbers["annotators"]["ann"], numbers["annotators"]["bob"]
    assert (ann["caught"], ann["controls_rated"], ann["attentive"]) == (8, 8, True)
    assert (bob["caught"], bob["controls_rated"], bob["attentive"]) == (0, 8, False)
    assert ann["controls"]["copy"] == {"caught": 2, "of": 2} and ann["seconds"] == 2
    assert [text for text in numbers["warnings"] if "caught" in text] == [
        "bob caught only 0 of 8 control rows: look at these answers before you rely on them."
    ]
    assert "bob caught only 0 of 8" in format_session(numbers)


def test_few_controls_judge_nobody(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s", controls=3)
    rate(session, "bob", nod)
    numbers = describe_session(tmp_path / "s")
    assert numbers["annotators"]["bob"]["attentive"] is None
    assert numbers["warnings"] == ["One annotator only: nothing says how far another would agree."]


def test_agreement_is_full_of_the_same_and_none_of_the_unlike(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")

    def vary(item: Item) -> dict[str, Value]:
        return {"fluency": item.row % 5 + 1, "label": ("yes", "no", "unsure")[item.row % 3], "relevance": 3}

    def differ(item: Item) -> dict[str, Value]:
        return {"fluency": 5 - item.row % 5, "label": ("no", "unsure", "yes")[item.row % 3], "relevance": 3}

    rate(session, "ann", vary)
    rate(session, "bob", vary)
    agreement = describe_session(tmp_path / "s")["agreement"]
    assert agreement["fluency"]["alpha"] == agreement["label"]["alpha"] == 1
    assert agreement["fluency"]["items"] == 30  # without the controls
    assert agreement["fluency"]["pairs"] == [
        {"annotators": ["ann", "bob"], "items": 30, "kappa": 1, "weights": "quadratic", "same": 1}
    ]
    assert agreement["label"]["pairs"][0]["weights"] is None
    assert agreement["relevance"]["alpha"] is None and agreement["relevance"]["pairs"][0]["kappa"] is None
    assert agreement["novelty"]["items"] == 0 and agreement["novelty"]["pairs"][0]["same"] is None
    rate(session, "cyd", differ)
    three = describe_session(tmp_path / "s")["agreement"]
    assert len(three["fluency"]["pairs"]) == 3
    assert three["fluency"]["pairs"][1]["kappa"] < -0.9 and three["label"]["pairs"][1]["same"] == 0
    assert three["label"]["low"] <= three["label"]["alpha"] <= three["label"]["high"] < 0.6


def test_rows_that_only_one_has_rated_do_not_count_for_agreement(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", judge_well)
    rows = [item for item in session.list_items("bob") if item.fault is None]
    for number, item in enumerate(rows[:7]):
        session.ratings.append(Answer(f"b{number}", "bob", item.id, {} if number == 0 else {"fluency": 4}))
    numbers = describe_session(tmp_path / "s")
    assert numbers["agreement"]["fluency"]["items"] == numbers["agreement"]["fluency"]["pairs"][0]["items"] == 6
    assert (numbers["annotators"]["bob"]["rated"], numbers["annotators"]["bob"]["skipped"]) == (6, 1)
    assert "bob has rated 7 of 38 rows." in numbers["warnings"]


def test_the_report_is_json_the_same_twice_and_plain_text(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    assert format_session(describe_session(tmp_path / "s")) == "Nobody has rated a row yet.\n"
    rate(session, "ann", dislike_set0)
    rate(session, "bob", judge_well)
    numbers = describe_session(tmp_path / "s")
    assert json.dumps(numbers, allow_nan=False) == json.dumps(describe_session(tmp_path / "s"), allow_nan=False)
    text = format_session(numbers)
    assert "set0                 10    5.00" in text and "3.50 [" in text
    assert "8 of 8" in text and "Agreement" in text and max(map(len, text.splitlines())) <= 120
    assert "Note" not in text
    one = make_session(tmp_path / "one")
    rate(one, "ann", judge_well)
    assert "Agreement" not in format_session(describe_session(tmp_path / "one"))


def make_rated(folder: Path, sets: int) -> Session:
    """Return a session in which set k has fluency 5 in k of 5 rows, and 1 in the others."""
    session = make_session(folder, sets=sets, rows=10)
    counts: dict[str, int] = {}

    def habit(item: Item) -> dict[str, Value]:
        counts[item.source] = counts.get(item.source, -1) + 1
        good = not item.source.startswith("set") or counts[item.source] % 5 < int(item.source[3:])
        return {"fluency": 5 if good else 1, "label": "yes"}

    rate(session, "ann", habit)
    return session


def test_ratings_go_with_gains_where_they_do(tmp_path: Path) -> None:
    make_rated(tmp_path / "s", 5)
    (tmp_path / "gains.csv").write_text(
        "set,gain\n" + "".join(f"set{k},{0.02 * k + (k == 2) * 0.005}\n" for k in range(5))
    )
    found = describe_session(tmp_path / "s", tmp_path / "gains.csv")
    fluency = found["correlation"]["questions"]["fluency"]
    assert fluency["pearson"]["value"] > 0.98 and fluency["pearson"]["n"] == 5 and fluency["pearson"]["low"] > 0.6
    assert fluency["spearman"]["value"] == pytest.approx(1) and fluency["spearman"]["low"] < 0.5
    assert found["correlation"]["questions"]["label"] == {"pearson": None, "spearman": None}
    assert "Mean rating and gain over 5 sets" in format_session(found)


def test_three_sets_are_too_few(tmp_path: Path) -> None:
    make_rated(tmp_path / "s", 3)
    (tmp_path / "gains.csv").write_text("set,gain\nset0,0.1\nset1,0.2\nset2,0.3\n")
    found = describe_session(tmp_path / "s", tmp_path / "gains.csv")
    assert found["correlation"]["questions"] == {} and "too few sets: 3" in format_session(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set,gain\nset9,1\n", "csv:2: there is no set 'set9' in this session"),
        ("set,gain\nset0,much\n", "csv:2: expected a number in column 'gain', found 'much'"),
        ("set,gain\nset0,inf\n", "csv:2: expected a number in column 'gain'"),
        ("name,gain\nset0,1\n", "csv:2: expected a column 'set'"),
        ("set,gain\nset0,1\nset0,2\n", "csv:3: expected set 'set0' once"),
    ],
)
def test_mistakes_in_gains_are_named(tmp_path: Path, text: str, message: str) -> None:
    session = make_session(tmp_path / "s")
    (tmp_path / "gains.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_gains(tmp_path / "gains.csv", session.settings["sets"])


def make_grid(folder: Path) -> None:
    """Write a grid with the sets of `make_session`, called by other names, and arms that not all sets have."""
    rows = []
    for seed, (key, accuracy, schedules) in enumerate([("a", 0.7, ("paired", "pooled")), ("b", 0.6, ("paired",))]):
        examples = make_rows(30, who="robot", seed=10 + seed)
        write_jsonl(folder / "sets" / key / "train.jsonl", [dict(as_row(row)) for row in examples])
        rows.append(make_row("toy", "mini-t5", "prompt_tuning", "real", "", 16, 16, seed) | {"accuracy": 0.5})
        for schedule in schedules:
            row = make_row("toy", "mini-t5", "dawgen", schedule, "", 16, 16, seed)
            rows.append(row | {"accuracy": accuracy if schedule == "paired" else 0.99, "set": f"sets/{key}"})
    write_results(folder, {"name": "g", "baseline": "prompt_tuning", "environment": {}, "labels": {}, "rows": rows})


def test_a_grid_tells_the_gains_of_its_sets_by_their_rows(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    make_grid(tmp_path / "grid")
    gains = read_gains(tmp_path / "grid", session.settings["sets"])
    assert gains == {"set0": pytest.approx(0.2), "set1": pytest.approx(0.1)}  # by the arm that both have
    shutil.rmtree(tmp_path / "grid" / "sets" / "b")
    assert read_gains(tmp_path / "grid", session.settings["sets"])["set0"] == pytest.approx((0.2 + 0.49) / 2)
    shutil.rmtree(tmp_path / "grid" / "sets")
    with pytest.raises(DataError, match="none of the session's sets is in this grid"):
        read_gains(tmp_path / "grid", session.settings["sets"])


def test_sets_without_a_rating_are_left_out_of_the_correlation() -> None:
    gains = {name: number for number, name in enumerate("abcde")}
    means = {"fluency": {name: float(number**2) for number, name in enumerate("abcd")}, "novelty": {"a": 1.0}}
    found = correlate_gains(means, gains)["questions"]
    assert found["fluency"]["spearman"]["n"] == 4 and found["novelty"]["spearman"] is None
