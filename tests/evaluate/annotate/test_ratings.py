"""Answers: nothing lost and nothing twice, whatever is sent again, taken back, cut off or killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.data import read
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.ratings import Answer, Ratings, parse_answer
from dawgen.evaluate.annotate.session import Session, hash_rows, is_session
from dawgen.files import write_jsonl
from support.sessions import make_rows, make_session, make_task

ITEMS = {"i1", "i2", "i3"}
GOOD = {"id": "a", "annotator": "ann", "item": "i1", "ratings": {"fluency": 4}}


def answer(number: str, item: str = "i1", annotator: str = "ann", fluency: int = 4) -> Answer:
    return Answer(number, annotator, item, {"fluency": fluency}, at="2026-01-01T00:00:00+00:00")


def test_an_answer_sent_twice_counts_once(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    assert ratings.append(answer("a")) and not ratings.append(answer("a"))
    assert len(ratings.path.read_text().splitlines()) == 1
    with pytest.raises(DataError, match="another line has the id 'a'"):
        ratings.append(answer("a", fluency=1))


def test_a_later_answer_takes_the_place_of_the_first_and_undo_gives_it_back(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    for number, fluency in (("a", 1), ("b", 2)):
        ratings.append(answer(number, fluency=fluency))
    assert ratings.read()["ann", "i1"].ratings == {"fluency": 2}
    assert ratings.undo("ann", "u") == answer("b", fluency=2)
    assert ratings.read()["ann", "i1"].ratings == {"fluency": 1}


def test_undo_sent_twice_takes_back_one_answer(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    for number, item in (("a", "i1"), ("b", "i2")):
        ratings.append(answer(number, item))
    ratings.append(answer("c", annotator="bob"))
    assert ratings.undo("ann", "u") == ratings.undo("ann", "u") == answer("b", "i2")
    assert set(ratings.read()) == {("ann", "i1"), ("bob", "i1")}
    assert ratings.undo("ann", "v", "c") is None  # bob's
    assert ratings.undo("ann", "v", "a") == answer("a")
    assert ratings.undo("ann", "w") is None
    assert set(Ratings(tmp_path, ITEMS).read()) == {("bob", "i1")}


actions = st.lists(
    st.tuples(
        st.sampled_from(["answer", "undo", "again", "reopen"]), st.sampled_from("ab"), st.sampled_from(sorted(ITEMS))
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(actions=actions)
def test_any_history_reads_as_a_stack_per_annotator_does(actions: list[tuple[str, str, str]]) -> None:
    with TemporaryDirectory() as name:
        ratings, stacks, sent = Ratings(Path(name), ITEMS), dict[str, list[Answer]](), list[tuple[str, Answer]]()
        for number, (action, annotator, item) in enumerate(actions):
            if action == "answer":
                sent.append(("answer", answer(f"n{number}", item, annotator, number % 5 + 1)))
                assert ratings.append(sent[-1][1])
                stacks.setdefault(annotator, []).append(sent[-1][1])
            elif action == "undo":
                expected = stacks[annotator].pop() if stacks.get(annotator) else None
                assert ratings.undo(annotator, f"n{number}") == expected
                if expected:
                    sent.append((f"n{number}", expected))
            elif action == "again" and sent:
                kind, known = sent[-1]
                if kind == "answer":
                    assert not ratings.append(known)
                else:
                    assert ratings.undo(known.annotator, kind) == known
            elif action == "reopen":
                ratings.close()
                ratings = Ratings(Path(name), ITEMS)
        expected = {(a.annotator, a.item): a for stack in stacks.values() for a in stack}
        assert ratings.read() == expected
        ratings.close()
        assert Ratings(Path(name), ITEMS).read() == expected


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 400))
def test_a_file_cut_anywhere_keeps_every_whole_line_and_goes_on(cut: int) -> None:
    with TemporaryDirectory() as name:
        ratings = Ratings(Path(name), ITEMS)
        for number, item in enumerate(sorted(ITEMS)):
            ratings.append(answer(f"é{number}", item))
        ratings.close()
        data = ratings.path.read_bytes()
        cut = min(cut, len(data))
        ratings.path.write_bytes(data[:cut])
        whole = sum(len(line) <= cut - start + 1 for start, line in _place_lines(data))  # its line end may be missing
        again = Ratings(Path(name), ITEMS)
        assert len(again.read()) == whole
        assert again.torn == (cut > sum(len(line) for _, line in _place_lines(data)[:whole]))
        assert again.append(answer("new", "i2", "bob")) and not again.torn
        again.close()
        assert len(Ratings(Path(name), ITEMS).read()) == whole + 1


def _place_lines(data: bytes) -> list[tuple[int, bytes]]:
    lines = data.splitlines(keepends=True)
    return [(sum(map(len, lines[:n])), line) for n, line in enumerate(lines)]


def test_zeros_that_a_power_cut_leaves_are_dropped(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    ratings.append(answer("a"))
    ratings.close()
    with ratings.path.open("ab") as stream:
        stream.write(b"\0" * 100)
    again = Ratings(tmp_path, ITEMS)
    assert again.torn and len(again.read()) == 1
    again.append(answer("b", "i2"))
    assert b"\0" not in again.path.read_bytes()


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom dawgen.evaluate.annotate.ratings import Answer, Ratings\n"
        "ratings = Ratings(Path(sys.argv[1]), {'i1'})\n"
        "for n in range(10**6):\n"
        "    ratings.append(Answer(str(n), 'ann', 'i1', {'fluency': 1}))\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    seen = [int(child.stdout.readline()) for _ in range(20)]
    with pytest.raises(ConfigError, match="in use by process"):
        Ratings(tmp_path, {"i1"}).claim()
    os.kill(child.pid, signal.SIGKILL)
    seen += [int(line) for line in child.stdout if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    ratings = Ratings(tmp_path, {"i1"})
    assert all(ratings.knows(str(number)) for number in seen) and not ratings.knows(str(seen[-1] + 2))
    assert ratings.append(Answer("after", "ann", "i1", {}))


def test_what_another_process_wrote_since_is_kept(tmp_path: Path) -> None:
    early = Ratings(tmp_path, ITEMS)
    late = Ratings(tmp_path, ITEMS)
    late.append(answer("a"))
    late.close()
    early.append(answer("b", "i2"))
    assert set(early.read()) == set(Ratings(tmp_path, ITEMS).read()) == {("ann", "i1"), ("ann", "i2")}


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    work = [
        threading.Thread(
            target=lambda t=t: [ratings.append(answer(f"{t}-{n % 10}", annotator=f"p{t}")) for n in range(20)]
        )
        for t in range(6)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert len(ratings.path.read_text().splitlines()) == 60
    assert len(Ratings(tmp_path, ITEMS).read()) == 6


def test_a_full_disk_keeps_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = Ratings(tmp_path, ITEMS)
    ratings.append(answer("a"))
    before = ratings.path.read_bytes()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[:7]))
        with pytest.raises(DataError, match="cannot be written: no space"):
            ratings.append(answer("b", "i2"))
    assert ratings.path.read_bytes() == before and set(ratings.read()) == {("ann", "i1")}
    assert ratings.append(answer("b", "i2"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{half\n{}", r"ratings.jsonl:1: expected JSON"),
        ('["a"]\n', "jsonl:1: expected an answer or an undo"),
        ('{"id": "u", "annotator": "ann", "undo": "x"}\n', "jsonl:1: expected the undo of an answer that stands"),
        (json.dumps(GOOD | {"item": "other"}) + "\n", "jsonl:1: there is no item 'other'"),
        (2 * (json.dumps(GOOD) + "\n"), "jsonl:2: another line has the id 'a'"),
    ],
)
def test_damaged_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "ratings.jsonl").write_text(line)
    with pytest.raises(DataError, match=message):
        Ratings(tmp_path, ITEMS)


@pytest.mark.parametrize(
    "change",
    [
        {"ratings": {"fluency": 6}},
        {"ratings": {"fluency": True}},
        {"ratings": {"fluency": "4"}},
        {"ratings": {"label": "maybe"}},
        {"ratings": {"beauty": 1}},
        {"ratings": [1]},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": "2"},
        {"annotator": "  "},
        {"annotator": "a" * 65},
        {"annotator": "a\nb\x07"},
        {"item": 3},
        {"id": ""},
        {"id": "\ud800"},
        {"at": 5},
        {"source": "real"},
    ],
    ids=str,
)
def test_wrong_answers_are_refused(change: dict[str, object]) -> None:
    assert parse_answer(GOOD, "here").ratings == {"fluency": 4}
    with pytest.raises(DataError, match="^here: "):
        parse_answer(GOOD | change, "here")


def test_a_session_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    first = make_session(tmp_path / "s")
    first.ratings.append(Answer("a", "ann", first.items[0].id, {"fluency": 2}))
    first.ratings.close()
    files = {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir() if path.is_file()}
    second = make_session(tmp_path / "s")
    assert second.items == first.items and second.ratings.read() == first.ratings.read()
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir() if path.is_file()} == files
    assert is_session(tmp_path / "s") and not is_session(tmp_path)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / ".settings.json.77.tmp").write_text("{")  # of a process that was killed while writing
    make_session(tmp_path / "t")
    assert (tmp_path / "t" / "sample.jsonl").read_bytes() == files["sample.jsonl"]
    with pytest.raises(ConfigError, match="found rows 10 -> 9"):
        make_session(tmp_path / "s", rows=9)
    (tmp_path / "u").mkdir()
    (tmp_path / "u" / "mine.txt").write_text("")
    with pytest.raises(ConfigError, match="expected an empty folder"):
        make_session(tmp_path / "u")


def test_a_changed_sample_is_not_taken_for_the_one_that_was_rated(tmp_path: Path) -> None:
    make_session(tmp_path / "s")
    path = tmp_path / "s" / "sample.jsonl"
    path.write_text(path.read_text().replace("robot", "person", 1))
    with pytest.raises(DataError, match="expected the sample as it was drawn"):
        Session.open(tmp_path / "s")
    path.write_text("{}\n")
    with pytest.raises(DataError, match="found a damaged line"):
        Session.open(tmp_path / "s")
    with pytest.raises(DataError, match="expected a session of `dawgen annotate`"):
        Session.open(tmp_path)
    (tmp_path / "s" / "settings.json").write_text("[]")
    with pytest.raises(DataError, match="expected the settings of a session, found no seed"):
        Session.open(tmp_path / "s")


def test_what_a_session_says_of_its_rows_is_that_of_their_file(tmp_path: Path) -> None:
    rows = make_rows(30, who="robot", seed=10)
    write_jsonl(tmp_path / "set.jsonl", [{"text1": r.text1, "text2": r.text2, "label": r.label} for r in rows])
    session = make_session(tmp_path / "s")
    assert session.settings["sets"]["set0"]["sha256"] == hash_rows(read(tmp_path / "set.jsonl", task=make_task()))
    assert session.pair and session.task == "toy" and session.labels == make_task().labels
