"""The clients of a loaded service: they ask, compare every answer with the known one, hang up at times, and count."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.soak.serve_wire import Line, NoAnswerError, Reply
from benchmarks.soak.serve_world import Known, World, find_difference
from dawgen.rng import python_rng

TOLERANCE = 1e-5  # of a probability
GUEST_SHARE = 0.2  # of the requests go to names that come and go
CUT_BODY = 0.25  # of the requests that are given up end within their body
DEADLINE = 120  # seconds after which an answer counts as missing
KEPT = 10  # faults that are told in words


@dataclass
class Expected:
    """What should stand under each guest's name. turns: grows at the start and at the end of each change."""

    world: World
    digests: dict[str, Known] = field(default_factory=dict)
    now: dict[str, str | None] = field(default_factory=dict)
    turns: Counter[str] = field(default_factory=Counter)

    def look(self, name: str) -> tuple[int, str | None]:
        """Return the name's turn and digest; None where there is no such prompt."""
        return self.turns[name], self.now.get(name)

    async def add(self, line: Line, name: str, known: Known, folder: str) -> Reply:
        """Put a bundle under a guest's name."""
        self.turns[name] += 1
        reply = await line.ask("POST", "/v1/prompts", {"folder": folder, "name": name})
        if reply.status == 201:
            self.now[name] = reply.json()["digest"]
            self.digests[reply.json()["digest"]] = known
        self.turns[name] += 1
        return reply

    async def remove(self, line: Line, name: str) -> Reply:
        """Take a guest's name away."""
        self.turns[name] += 1
        reply = await line.ask("DELETE", f"/v1/prompts/{name}")
        if reply.status == 204:
            self.now[name] = None
        self.turns[name] += 1
        return reply


@dataclass
class Tally:
    """What the clients saw. seconds: of each answered request; faults: the first wrong things, in words."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    answers: int = 0
    aborted: int = 0
    wrong: int = 0
    unanswered: int = 0
    difference: float = 0.0
    faults: list[str] = field(default_factory=list)

    def note(self, fault: str) -> None:
        """Keep one of the first faults."""
        if len(self.faults) < KEPT:
            self.faults.append(fault)


@dataclass(frozen=True)
class Request:
    """One request to classify: the texts' places in the bundle's list say which answers are right."""

    prompt: str
    places: Sequence[int]
    items: Sequence[Any]

    @property
    def value(self) -> dict[str, Any]:
        """What is sent."""
        return {"prompt": self.prompt, "inputs": list(self.items)}


def draw_request(rng: random.Random, world: World, most: int, *, guests: float = GUEST_SHARE) -> Request:
    """Draw a prompt, a guest in the share `guests` of the requests, and 1 to `most` of its texts."""
    guest = rng.random() < guests
    name = rng.choice(sorted(world.guests if guest else world.fixed))
    known = world.guests[name][0] if guest else world.fixed[name]
    places = [rng.randrange(len(known.items)) for _ in range(rng.randint(1, most))]
    return Request(name, places, [known.items[place] for place in places])


@dataclass(frozen=True)
class Load:
    """How hard the service is used. aborts: share of the requests that are given up. most: texts of a request.

    pause: seconds, at most, that a client waits before each request.
    """

    clients: int = 200
    seconds: float = 120
    aborts: float = 0.1
    most: int = 8
    pause: float = 0
    model: str = "mini-t5"
    threads: int = 1
    seed: int = 0


async def be_client(number: int, line: Line, load: Load, *, expected: Expected, tally: Tally, end: float) -> None:
    """Ask one request after another until `end` (time.monotonic), giving up a share of them."""
    rng, times = python_rng(load.seed, "soak client", number), [0.1]
    while time.monotonic() < end:
        await asyncio.sleep(min(rng.uniform(0, load.pause), end - time.monotonic()))
        if time.monotonic() >= end:
            break
        request = draw_request(rng, expected.world, load.most)
        if rng.random() < load.aborts:
            await give_up(rng, line, request, median(times[-9:]))
            tally.aborted += 1
            continue
        before, begin = expected.look(request.prompt), time.monotonic()
        try:
            async with asyncio.timeout(DEADLINE):
                reply = await line.ask("POST", "/v1/classify", request.value)
        except (NoAnswerError, TimeoutError) as error:
            line.cut()
            tally.unanswered += 1
            tally.note(f"{request.prompt}: no answer ({error!r})")
            continue
        tally.statuses[str(reply.status)] += 1
        if reply.status == 200:
            times.append(time.monotonic() - begin)
            tally.seconds.append(times[-1])
        judge(request, reply, before, expected, tally)
        if reply.status in (429, 503):
            wait = float(reply.headers.get("retry-after", 1))
            await asyncio.sleep(max(0.0, min(wait, end - time.monotonic())))
    line.cut()


async def give_up(rng: random.Random, line: Line, request: Request, usual: float) -> None:
    """Send a request, or a part of it, and hang up within the time that an answer usually takes."""
    share = rng.random() if rng.random() < CUT_BODY else 1.0
    try:
        await line.send("POST", "/v1/classify", request.value, share=share)
        await asyncio.sleep(rng.uniform(0, usual))
    except NoAnswerError:
        pass
    line.cut()


def judge(request: Request, reply: Reply, before: tuple[int, str | None], expected: Expected, tally: Tally) -> None:
    """Compare a reply with what it has to be.

    before: `expected.look` before the request. Where nothing has changed under the name since, status and digest are
    known; while it changes, either state is right.
    """
    fault = ""
    if reply.status == 200:
        fault = _compare(request, reply.json(), expected, tally)
        tally.answers += len(request.items)
    elif reply.status not in (404, 429):
        fault = f"status {reply.status}"
    elif reply.status == 429 and "retry-after" not in reply.headers:
        fault = "429 without Retry-After"
    if reply.status in (200, 404) and not fault:
        fault = _compare_state(request.prompt, reply, before, expected)
    if fault:
        tally.wrong += 1
        tally.note(f"{request.prompt}: {fault}")


def _compare(request: Request, found: Mapping[str, Any], expected: Expected, tally: Tally) -> str:
    """Return what is wrong with an answer, "" where nothing is."""
    known = expected.digests.get(found["digest"])
    if known is None or found["prompt"] != request.prompt or len(found["results"]) != len(request.items):
        return "another prompt's or another number of answers"
    if request.prompt in expected.world.fixed and known is not expected.world.fixed[request.prompt]:
        return "the answers of another bundle"
    pairs = zip(found["results"], request.places, strict=True)
    difference = max(find_difference(result, known.answers[place]) for result, place in pairs)
    tally.difference = max(tally.difference, difference if math.isfinite(difference) else 0.0)
    if math.isinf(difference):
        return "other labels, or another text cut"
    return f"a probability differs by {difference:.2g}" if difference > TOLERANCE else ""


def _compare_state(name: str, reply: Reply, before: tuple[int, str | None], expected: Expected) -> str:
    """Return what is wrong with a name that was there or not, while nothing changed under it."""
    if name in expected.world.fixed:
        return "404 for a prompt that is there" if reply.status == 404 else ""
    turn, digest = before
    if turn % 2 or expected.look(name) != before:
        return ""
    if reply.status == 404:
        return "" if digest is None else "404 for a prompt that is there"
    return "" if reply.json()["digest"] == digest else "answered by a bundle that is not there"
