"""SIGTERM to `dawgen serve` under load: is every request answered that had been sent by then?

python -m benchmarks.soak.serve_term --out runs/term --results experiments/results/serve_term.json
python -m experiments.pages.serve_page --into docs/serve.md    # puts the numbers into the chapter

Clients note when the last byte of a request is handed to the system and what came back. What was sent before the signal
must be answered: rightly, or by 503 with Retry-After where the service had not yet read it. What is sent afterwards may
also find the connection refused; half an answer is never right. Every second round is of clients that pause, so that
connections are idle and requests on their way when the signal comes. Exit status 1 where a check fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.soak.serve_clients import TOLERANCE, draw_request
from benchmarks.soak.serve_process import Server, serving
from benchmarks.soak.serve_wire import Line, NoAnswerError, Reply
from benchmarks.soak.serve_world import World, find_difference, make_world
from dawgen.bench.results import name_machine
from dawgen.files import write_json
from dawgen.rng import python_rng

TOKEN = "term-token-of-the-loopback-address"
PAUSES = (0.0, 1.0)  # seconds, at most, between two requests of a client: of the rounds in turn
LATE = 1.0  # seconds for which clients go on asking after the signal


@dataclass(frozen=True)
class Pull:
    """How the service is used when the signal comes.

    seconds: of load before it. most: texts of a request; where clients pause it is one. rounds: how often this is done.
    """

    clients: int = 64
    seconds: float = 5
    most: int = 16
    rounds: int = 6
    model: str = "mini-t5"
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Sent:
    """One request: when its last byte was handed over, and what came of it. at: None where it could not be sent.

    what: "right", "wrong", "refused" (503 with Retry-After), "closed" (no byte of an answer) or "torn" (half of one).
    """

    at: float | None
    done: float
    what: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Pull the plug some times, write the numbers and say what they show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for bundles and logs")
    parser.add_argument("--results", type=Path, help="a JSON file")
    parser.add_argument("--clients", type=int, default=Pull.clients)
    parser.add_argument("--seconds", type=float, default=Pull.seconds, help="of load before the signal")
    parser.add_argument("--most", type=int, default=Pull.most, help="texts of a request, at most")
    parser.add_argument("--rounds", type=int, default=Pull.rounds)
    parser.add_argument("--model", default=Pull.model, help="the base model")
    parser.add_argument("--threads", type=int, default=Pull.threads, help="of the service")
    parser.add_argument("--seed", type=int, default=Pull.seed)
    values = vars(parser.parse_args(arguments))
    out, results = values.pop("out"), values.pop("results")
    found = run_rounds(out, Pull(**values))
    if results is not None:
        write_json(results, found)
    print(json.dumps(found, indent=2))
    if not all(found["checks"].values()):
        raise SystemExit(1)


def run_rounds(out: Path, pull: Pull) -> dict[str, Any]:
    """Return the numbers of every round and what holds in all of them."""
    world = make_world(out, pull.model, seed=pull.seed, guests={})
    rounds = [asyncio.run(_pull_once(out / str(number), world, pull, number)) for number in range(pull.rounds)]
    return {
        "machine": name_machine(),
        "pull": asdict(pull) | {"model": Path(pull.model).name},
        "rounds": rounds,
        "checks": {
            "every request sent before the signal is answered": all(
                one["before"]["right"] + one["before"]["refused"] == sum(one["before"].values()) for one in rounds
            ),
            "where clients do not pause, some had no answer yet when it came": all(
                one["open"] > 0 for one in rounds if not one["pause"]
            ),
            f"every answer is the single one's within {TOLERANCE:g}": all(
                one["before"]["wrong"] + one["after"]["wrong"] == 0 for one in rounds
            ),
            "later ones are answered, refused with 503 or find the door closed": all(
                not one["after"]["torn"] for one in rounds
            ),
            "it ends with status 0": all(one["status"] == 0 for one in rounds),
        },
    }


async def _pull_once(folder: Path, world: World, pull: Pull, number: int) -> dict[str, Any]:
    arguments = [f"{name}={known.folder}" for name, known in world.fixed.items()]
    pause = PAUSES[number % len(PAUSES)]
    async with serving(folder, arguments, token=TOKEN, threads=pull.threads) as server:
        end = time.monotonic() + pull.seconds
        clients = [
            asyncio.create_task(_be_client(server, world, pull, end + LATE, pause, client))
            for client in range(number * pull.clients, (number + 1) * pull.clients)
        ]
        await asyncio.sleep(end - time.monotonic())
        at = time.monotonic()
        status = await server.stop(signal.SIGTERM)
        ended = time.monotonic()
        sent = [one for client in clients for one in await client]
    return {"pause": pause} | count_sent(sent, at) | {"status": status, "seconds_to_end": round(ended - at, 2)}


async def _be_client(server: Server, world: World, pull: Pull, end: float, pause: float, number: int) -> list[Sent]:
    """Ask one request after another until `end` (time.monotonic), waiting up to `pause` seconds before each."""
    rng, line, sent = python_rng(pull.seed, "term client", number), Line(server.port, TOKEN), []
    while time.monotonic() < end:
        await asyncio.sleep(rng.uniform(0, pause))
        at = None
        request = draw_request(rng, world, 1 if pause else pull.most, guests=0)
        try:
            await line.send("POST", "/v1/classify", request.value)
            at = time.monotonic()
            reply = await line.read()
            what = judge_reply(reply, world, request.prompt, request.places)
        except NoAnswerError as error:
            what = "torn" if error.began else "closed"
        sent.append(Sent(at, time.monotonic(), what))
        if what in ("closed", "refused"):
            await asyncio.sleep(0.05)
    line.cut()
    return sent


def judge_reply(reply: Reply, world: World, prompt: str, places: Sequence[int]) -> str:
    """Return "right", "wrong" or "refused"."""
    if reply.status == 503 and "retry-after" in reply.headers:
        return "refused"
    if reply.status != 200:
        return "wrong"
    results, answers = reply.json()["results"], world.fixed[prompt].answers
    pairs = zip(results, places, strict=False)
    near = all(find_difference(result, answers[place]) <= TOLERANCE for result, place in pairs)
    return "right" if near and len(results) == len(places) else "wrong"


def count_sent(sent: Sequence[Sent], at: float) -> dict[str, Any]:
    """Return how many requests ended in which way, by whether they were sent before the signal at time `at`.

    open: sent before it, and not answered then.
    """
    before = [one for one in sent if one.at is not None and one.at < at]
    after = [one for one in sent if one.at is None or one.at >= at]
    kinds = ("right", "wrong", "refused", "closed", "torn")
    counts = {
        name: {kind: Counter(one.what for one in part)[kind] for kind in kinds}
        for name, part in (("before", before), ("after", after))
    }
    waiting = [one for one in before if one.done >= at]
    return counts | {"open": len(waiting), "open_answered": sum(one.what == "right" for one in waiting)}


if __name__ == "__main__":
    main()
