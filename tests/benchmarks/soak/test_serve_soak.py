"""The soak: its judge finds every kind of wrong answer, and a short one on a tiny model holds all checks."""

import asyncio
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.serve_clients import Expected, Request, Tally, draw_request, judge
from benchmarks.soak.serve_soak import Load, check, describe_memory, describe_service, run_soak
from benchmarks.soak.serve_term import Sent, count_sent, judge_reply
from benchmarks.soak.serve_wire import Line, NoAnswerError, Reply
from benchmarks.soak.serve_world import Answer, Known, World, draw_texts, find_difference
from support.tiny import save_tiny

GOOD = Answer({"yes": 0.75, "no": 0.25}, cut=False)
OTHER = Answer({"yes": 0.4, "no": 0.6}, cut=False)


def make_known(name: str, *answers: Answer) -> Known:
    return Known(Path(name), [f"text {number}" for number in range(len(answers))], answers)


def make_expected() -> Expected:
    fixed = {"stays": make_known("stays", GOOD, OTHER)}
    guests = {"guest": [make_known("one", GOOD, OTHER), make_known("two", OTHER, GOOD)]}
    expected = Expected(World(fixed, guests))
    expected.digests = {"s": fixed["stays"], "1": guests["guest"][0], "2": guests["guest"][1]}
    expected.now = {"guest": None}
    return expected


def make_result(answer: Answer, **changes: Any) -> dict[str, Any]:
    found = dict(answer.probabilities)
    return {"label": max(found, key=found.__getitem__), "probabilities": found, "cut": answer.cut} | changes


def make_reply(prompt: str, digest: str, *answers: Answer, status: int = 200) -> Reply:
    body = {"prompt": prompt, "digest": digest, "results": [make_result(answer) for answer in answers]}
    return Reply(status, {}, json.dumps(body).encode())


def judge_one(reply: Reply, *, prompt: str = "stays", places: tuple[int, ...] = (0,), now: str | None = None) -> Tally:
    expected, tally = make_expected(), Tally()
    expected.now["guest"] = now
    judge(Request(prompt, places, ["text"] * len(places)), reply, expected.look(prompt), expected, tally)
    return tally


def test_a_difference_is_found_and_other_answers_are_infinitely_far() -> None:
    assert find_difference(make_result(GOOD), GOOD) == 0
    near = make_result(GOOD, probabilities={"yes": 0.7501, "no": 0.2499})
    assert find_difference(near, GOOD) == pytest.approx(1e-4)
    for wrong in (
        make_result(GOOD, probabilities={"yes": 1.0}),
        make_result(GOOD, cut=True),
        make_result(GOOD, label="no"),
        make_result(GOOD, probabilities={"yes": math.nan, "no": 0.25}),
    ):
        assert find_difference(wrong, GOOD) == math.inf


def test_right_answers_pass() -> None:
    assert judge_one(make_reply("stays", "s", GOOD, OTHER), places=(0, 1)).wrong == 0
    assert judge_one(make_reply("guest", "2", OTHER), prompt="guest", now="2").wrong == 0
    assert judge_one(Reply(404, {}, b"{}"), prompt="guest").wrong == 0
    assert judge_one(Reply(429, {"retry-after": "1"}, b"{}")).wrong == 0


@pytest.mark.parametrize(
    ("prompt", "reply", "now"),
    [
        ("stays", make_reply("stays", "s", OTHER), None),  # of another text
        ("stays", make_reply("stays", "s", GOOD, GOOD), None),  # more answers than texts
        ("stays", make_reply("stays", "1", GOOD), None),  # of another bundle
        ("stays", make_reply("guest", "s", GOOD), None),  # under another name
        ("stays", make_reply("stays", "?", GOOD), None),  # of no known bundle
        ("stays", Reply(404, {}, b"{}"), None),  # it was there all the time
        ("stays", Reply(500, {}, b"{}"), None),
        ("stays", Reply(429, {}, b"{}"), None),  # without Retry-After
        ("guest", make_reply("guest", "1", GOOD), None),  # after it was removed
        ("guest", make_reply("guest", "1", GOOD), "2"),  # of the bundle that was there before
        ("guest", Reply(404, {}, b"{}"), "1"),
    ],
)
def test_every_kind_of_wrong_answer_is_found(prompt: str, reply: Reply, now: str | None) -> None:
    tally = judge_one(reply, prompt=prompt, now=now)
    assert tally.wrong == 1
    assert tally.faults[0].startswith(prompt)


def test_while_a_name_changes_either_state_is_right() -> None:
    expected, tally = make_expected(), Tally()
    before = expected.look("guest")
    expected.turns["guest"] += 2
    expected.now["guest"] = "1"
    for reply in (make_reply("guest", "1", GOOD), Reply(404, {}, b"{}")):
        judge(Request("guest", (0,), ["text"]), reply, before, expected, tally)
    assert tally.wrong == 0


def test_requests_are_of_all_prompts_and_sizes() -> None:
    rng, world = random.Random(0), make_expected().world
    drawn = [draw_request(rng, world, 3) for _ in range(300)]
    assert {len(request.places) for request in drawn} == {1, 2, 3}
    assert 30 < Counter(request.prompt for request in drawn)["guest"] < 100
    assert {request.prompt for request in (draw_request(rng, world, 3, guests=0) for _ in range(50))} == {"stays"}


def test_texts_are_of_many_lengths_and_the_last_is_too_long() -> None:
    rows = draw_texts(True, 0)
    lengths = [len(row.text1.split()) for row in rows]
    assert lengths[-1] > 256 > 80 > max(lengths[:-1])
    assert len(set(lengths[:-1])) > 10
    assert draw_texts(False, 0)[0].text2 is None


def test_memory_is_told_by_quarters() -> None:
    told = describe_memory([9.0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
    assert told == {"first": 9, "first_quarter": 1, "second_quarter": 2, "third_quarter": 3, "last_quarter": 4}


def make_found(**changes: Any) -> dict[str, Any]:
    return {
        "wrong": 0,
        "answers": 5,
        "unanswered": 0,
        "changes": {"added": 1, "refused": []},
        "memory": {"third_quarter": 100, "last_quarter": 101},
        "files": {"before": 9, "after": 9},
        "service": {"queue_rows": 0, "prompts": 1},
    } | changes


def test_every_check_can_fail() -> None:
    world = make_expected().world
    assert all(check(make_found(), world, [], 0, 5).values())
    for found, secrets, status in (
        (make_found(wrong=1), [], 0),
        (make_found(unanswered=1), [], 0),
        (make_found(changes={"added": 1, "refused": ["422"]}), [], 0),
        (make_found(memory={"third_quarter": 100, "last_quarter": 101.5}), [], 0),
        (make_found(files={"before": 9, "after": 10}), [], 0),
        (make_found(service={"queue_rows": 1, "prompts": 1}), [], 0),
        (make_found(), ["a text"], 0),
        (make_found(), [], 1),
    ):
        assert list(check(found, world, secrets, status, 5).values()).count(False) == 1


def test_requests_are_counted_before_and_after_the_signal() -> None:
    sent = [
        Sent(1.0, 2.0, "right"),
        Sent(4.0, 6.0, "right"),
        Sent(4.5, 5.5, "closed"),
        Sent(5.5, 5.6, "refused"),
        Sent(None, 7.0, "closed"),
    ]
    counted = count_sent(sent, 5.0)
    assert counted["before"] == {"right": 2, "wrong": 0, "refused": 0, "closed": 1, "torn": 0}
    assert counted["after"] == {"right": 0, "wrong": 0, "refused": 1, "closed": 1, "torn": 0}
    assert (counted["open"], counted["open_answered"]) == (2, 1)


def test_replies_under_a_signal_are_judged() -> None:
    world = make_expected().world
    assert judge_reply(make_reply("stays", "s", GOOD, OTHER), world, "stays", (0, 1)) == "right"
    assert judge_reply(make_reply("stays", "s", GOOD), world, "stays", (0, 1)) == "wrong"
    assert judge_reply(make_reply("stays", "s", OTHER), world, "stays", (0,)) == "wrong"
    assert judge_reply(Reply(503, {"retry-after": "1"}, b""), world, "stays", (0,)) == "refused"
    assert judge_reply(Reply(503, {}, b""), world, "stays", (0,)) == "wrong"


def test_a_line_tells_no_answer_from_half_of_one() -> None:
    async def ask(said: bytes) -> Reply:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            line = Line(server.sockets[0].getsockname()[1])
            try:
                return await line.ask("GET", "/")
            finally:
                line.cut()

    whole = asyncio.run(ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b: c\r\n\r\nhi"))
    assert (whole.status, whole.headers["x-a"], whole.body) == (200, "b: c", b"hi")
    for said, began in ((b"", False), (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", True), (b"HTTP/1.1", True)):
        with pytest.raises(NoAnswerError) as ended:
            asyncio.run(ask(said))
        assert ended.value.began == began


def test_numbers_of_a_batch_are_means() -> None:
    names = ("queue_rows", "prompts", "prompt_bytes", "cancelled_total")
    metrics = {f"dawgen_{name}": 1.0 for name in names} | {"dawgen_batch_rows_count": 4.0}
    metrics |= {f"dawgen_batch_{name}_sum": 6.0 for name in ("rows", "prompts", "padding_share")}
    told = describe_service(metrics)
    assert (told["batches"], told["batch_rows"], told["cancelled_total"]) == (4, 1.5, 1)


def test_a_short_soak_holds_all_checks(tmp_path: Path) -> None:
    model = save_tiny("t5", tmp_path / "t5")
    # A queue for hardly more than one request of each client: some are refused, and told when to come again.
    found = run_soak(tmp_path, Load(clients=20, seconds=5, most=4, model=str(model)), ["--queue", "24"])
    memory = next(name for name in found["checks"] if name.startswith("memory"))
    # Five seconds are warm-up: what memory does then says nothing.
    assert [name for name, holds in found["checks"].items() if not holds and name != memory] == [], found["faults"]
    assert found["answers"] > 100
    assert found["statuses"]["429"] > 0
    assert found["aborted"] > 5
    assert found["service"]["cancelled_total"] > 0
    assert found["changes"]["added"] >= 2
    assert found["service"]["batch_prompts"] > 1.5  # rows of different prompts share batches
