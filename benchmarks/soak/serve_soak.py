"""Many clients on one `dawgen serve`, some hang up, and prompts come and go: is every answer right, does it leak?

python -m benchmarks.soak.serve_soak --out runs/soak --results experiments/results/serve_soak.json
python -m experiments.pages.serve_page --into docs/serve.md    # puts the numbers into the chapter

Each client asks again as soon as it has its answer, over the loopback address, so that the service is never idle: what
a request takes is mostly its waiting for the others. A second, calm part has clients that pause, so that half as many
requests come as the service could answer. Clients and service share the machine. Exit status 1 where a check fails.
Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.soak.serve_clients import TOLERANCE, Expected, Load, Tally, be_client
from benchmarks.soak.serve_process import Server, serving
from benchmarks.soak.serve_wire import Line
from benchmarks.soak.serve_world import World, make_world
from dawgen.bench.results import name_machine
from dawgen.files import write_json

TOKEN = "soak-token-of-the-loopback-address"
CHANGE = 0.5  # seconds between two changes of the guests
GROWTH = 0.01  # of the resident size, at most, from the third to the last quarter of the time
SETTLE = 20  # seconds in which the service must have come to rest afterwards


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the soak, write its numbers and say what they show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for bundles and logs")
    parser.add_argument("--results", type=Path, help="a JSON file")
    parser.add_argument("--calm", type=float, default=60, help="seconds of the calm part; 0 leaves it out")
    parser.add_argument("--clients", type=int, default=Load.clients)
    parser.add_argument("--seconds", type=float, default=Load.seconds)
    parser.add_argument("--aborts", type=float, default=Load.aborts, help="share of requests that are given up")
    parser.add_argument("--most", type=int, default=Load.most, help="texts of a request, at most")
    parser.add_argument("--model", default=Load.model, help="the base model")
    parser.add_argument("--threads", type=int, default=Load.threads, help="of the service")
    parser.add_argument("--seed", type=int, default=Load.seed)
    parser.add_argument("--serve", action="append", default=[], help="one more argument of dawgen serve: --serve=--X")
    values = vars(parser.parse_args(arguments))
    out, results, more, calm = (values.pop(name) for name in ("out", "results", "serve", "calm"))
    found = run_soak(out, Load(**values), more, calm=calm)
    if results is not None:
        write_json(results, found)
    print(json.dumps(found, indent=2))
    if not all(found["checks"].values()):
        raise SystemExit(1)


def run_soak(out: Path, load: Load, more: Sequence[str] = (), *, calm: float = 0) -> dict[str, Any]:
    """Return the soak's numbers, with those of a calm part of so many seconds. more: arguments of dawgen serve."""
    world = make_world(out, load.model, seed=load.seed)
    found = asyncio.run(_soak(out, world, load, more))
    if calm:
        reached = sum(found["statuses"].values()) + found["aborted"]
        # Clients that pause for twice as long, on average, as the service needs to serve them all.
        slow = replace(load, seconds=calm, pause=round(4 * load.clients * found["seconds"] / reached, 1))
        found["calm"] = asyncio.run(_soak(out, world, slow, more))
        found["checks"] = {name: holds and found["calm"]["checks"][name] for name, holds in found["checks"].items()}
    return found


async def _soak(out: Path, world: World, load: Load, more: Sequence[str]) -> dict[str, Any]:
    bundles = [f"{name}={known.folder}" for name, known in world.fixed.items()]
    arguments = [*bundles, "--bundles", str(out / "guests"), *more]
    async with serving(out, arguments, token=TOKEN, threads=load.threads) as server:
        line, expected, tally = Line(server.port, TOKEN), Expected(world), Tally()
        await _greet(line, expected)
        files = {"before": await _rest(server)}
        begin = time.monotonic()
        end = begin + load.seconds
        lines = [Line(server.port, TOKEN) for _ in range(load.clients)]
        clients = [
            be_client(number, one, load, expected=expected, tally=tally, end=end) for number, one in enumerate(lines)
        ]
        changes, memory, *_ = await asyncio.gather(
            _change_guests(line, expected, end), _sample(server, end, load.seconds / 100), *clients
        )
        seconds = time.monotonic() - begin
        for name in world.guests:
            if expected.now[name] is not None:
                await expected.remove(line, name)
        line.cut()
        files["after"] = await _rest(server)
        metrics = await server.read_metrics()
        status = await server.stop()
    found = _summarise(load, tally, seconds) | {"changes": changes, "memory": describe_memory(memory), "files": files}
    found["service"] = describe_service(metrics)
    return found | {"checks": check(found, world, _read_secrets(server, world), status, sum(tally.statuses.values()))}


async def _greet(line: Line, expected: Expected) -> None:
    """Learn the digest of every bundle, and leave the guests away."""
    for one in (await line.ask("GET", "/v1/prompts")).json()["prompts"]:
        expected.digests[one["digest"]] = expected.world.fixed[one["name"]]
    for name, bundles in expected.world.guests.items():
        for known in bundles:
            await expected.add(line, name, known, known.folder.name)
            await expected.remove(line, name)
    line.cut()


async def _change_guests(line: Line, expected: Expected, end: float) -> dict[str, Any]:
    """Add and remove the guests' bundles in turn until the end; return how often, and what was refused."""
    counts, seconds, refused = {"added": 0, "removed": 0}, list[float](), list[str]()
    bundles = {name: itertools.cycle(known) for name, known in expected.world.guests.items()}
    for name in itertools.cycle(expected.world.guests):
        if time.monotonic() >= end:
            return counts | {"refused": refused, "seconds_to_add": round(median(seconds), 3) if seconds else None}
        begin = time.monotonic()
        if expected.now[name] is None:
            known = next(bundles[name])
            reply, kind = await expected.add(line, name, known, known.folder.name), "added"
            seconds.append(time.monotonic() - begin)
        else:
            reply, kind = await expected.remove(line, name), "removed"
        if reply.status in (201, 204):
            counts[kind] += 1
        else:
            refused.append(f"{name}: {reply.status} {reply.body[:200]!r}")
        await asyncio.sleep(CHANGE)
    raise AssertionError("there are guests")


async def _sample(server: Server, end: float, pause: float) -> list[float]:
    """Return the resident size in MiB, every `pause` seconds until the end."""
    found = []
    while time.monotonic() < end:
        found.append(server.read_memory())
        await asyncio.sleep(pause)
    return found


async def _rest(server: Server) -> int:
    """Wait until the queue is empty and no connection is left; return the number of open files."""
    until, last = time.monotonic() + SETTLE, -1
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        waiting, now = (await server.read_metrics())["dawgen_queue_rows"], server.count_files()
        if waiting == 0 and now == last:
            break
        last = now
    return server.count_files()


def describe_service(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return what the service counted itself; the numbers of a batch are means."""
    counts = {name: metrics[f"dawgen_{name}"] for name in ("queue_rows", "prompts", "prompt_bytes", "cancelled_total")}
    batches = metrics["dawgen_batch_rows_count"]
    means = {
        name: metrics[f"dawgen_batch_{name}_sum"] / max(batches, 1) for name in ("rows", "prompts", "padding_share")
    }
    return counts | {"batches": batches} | {f"batch_{name}": round(value, 3) for name, value in means.items()}


def describe_memory(samples: Sequence[float]) -> dict[str, float]:
    """Return the resident size in MiB: the first, and the medians of the quarters."""
    quarters = [float(median(part)) for part in np.array_split(np.array(samples), 4)]
    names = ("first_quarter", "second_quarter", "third_quarter", "last_quarter")
    return {"first": round(samples[0], 1)} | {
        name: round(value, 1) for name, value in zip(names, quarters, strict=True)
    }


def _summarise(load: Load, tally: Tally, seconds: float) -> dict[str, Any]:
    """Return what the clients saw."""
    times = np.array(tally.seconds or [float("nan")]) * 1000
    return {
        "machine": name_machine(),
        "load": asdict(load) | {"model": Path(load.model).name},
        "seconds": round(seconds, 1),
        "statuses": dict(sorted(tally.statuses.items())),
        "aborted": tally.aborted,
        "unanswered": tally.unanswered,
        "answers": tally.answers,
        "wrong": tally.wrong,
        "largest_difference": float(f"{tally.difference:.2g}"),
        "faults": tally.faults,
        "requests_per_second": round(len(tally.seconds) / seconds, 1),
        "rows_per_second": round(tally.answers / seconds, 1),
        "milliseconds": {name: round(float(np.percentile(times, level)), 1) for name, level in LEVELS.items()},
    }


LEVELS = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def _read_secrets(server: Server, world: World) -> list[str]:
    """Return which texts of users, or the token, stand in what the service wrote."""
    said = server.out.read_text(errors="replace") + server.err.read_text(errors="replace")
    return [text for text in (TOKEN, *world.texts) if text in said]


def check(found: dict[str, Any], world: World, secrets: Sequence[str], status: int, replies: int) -> dict[str, bool]:
    """Return what must hold, by name, and whether it does."""
    memory, service = found["memory"], found["service"]
    return {
        f"every answer is the single one's within {TOLERANCE:g}": found["wrong"] == 0 < found["answers"],
        "every request that was not given up has a reply": found["unanswered"] == 0 < replies,
        "every change of the prompts was made": not found["changes"]["refused"] and found["changes"]["added"] > 0,
        f"memory grows by at most {GROWTH:.0%} from the third to the last quarter": (
            memory["last_quarter"] <= memory["third_quarter"] * (1 + GROWTH)
        ),
        "no file or socket stays open": found["files"]["after"] <= found["files"]["before"],
        "the queue is empty and the prompts are those of the start": (
            service["queue_rows"] == 0 and service["prompts"] == len(world.fixed)
        ),
        "no text and no token in what the service wrote": not secrets,
        "it ends with status 0": status == 0,
    }


if __name__ == "__main__":
    main()
