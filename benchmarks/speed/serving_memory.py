"""Memory of a service that holds more and more prompts, in a process of its own.

python -m benchmarks.speed.serving_memory t5 flan-small 20 1 8 32 128

prints, in one line of JSON, for each number of prompts the bytes of what they hold and the resident size of the process
after they have all answered.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any, cast

import torch

from benchmarks.speed.growth import read_rss
from benchmarks.speed.harness import run_apart
from benchmarks.speed.serving_traffic import ask_batcher, draw_loaded, draw_traffic
from benchmarks.speed.targets import Family, Size, make_target, ship
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt

COUNTS = (1, 1000)
REQUESTS = 32  # of a round
WARM = 2  # rounds before the first number, after which the process has what every batch needs


def measure_apart(family: Family, size: Size, length: int, counts: Sequence[int] = COUNTS) -> list[dict[str, int]]:
    """Return what `measure` does, of a fresh process."""
    line = run_apart("benchmarks.speed.serving_memory", family, size, str(length), *map(str, counts))
    return cast(list[dict[str, int]], json.loads(line))


def measure(family: Family, size: Size, length: int, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Return {prompts, bytes, rss} for each number of prompts, in growing order."""
    torch.set_num_threads(1)
    backbone = ship(make_target(family, size))
    source = draw_loaded(backbone, length)
    prompts: list[LoadedPrompt] = []
    found: list[dict[str, Any]] = []
    with Batcher(backbone, threads=1) as batcher:
        for count in counts:
            prompts += [next(source) for _ in range(count - len(prompts))]
            for _ in range(1 if found else WARM):
                ask_batcher(batcher, prompts, draw_traffic(backbone, REQUESTS, count), REQUESTS)
            held = sum(loaded.nbytes for loaded in prompts)
            found.append({"prompts": count, "bytes": held, "rss": read_rss()})
    return found


def compare_growth(found: Sequence[dict[str, int]]) -> float:
    """Return the growth of the process from the fewest to the most prompts over the bytes that those hold."""
    first, last = found[0], found[-1]
    return (last["rss"] - first["rss"]) / (last["bytes"] - first["bytes"])


if __name__ == "__main__":
    kind, scale, width, *numbers = sys.argv[1:]
    print(json.dumps(measure(cast(Family, kind), cast(Size, scale), int(width), [int(number) for number in numbers])))
