"""Many prompts on one frozen model: rows of all of them in one batch, beside the other ways to serve them.

32 prompts of 20 tokens, requests of one text of 10 to 60 tokens, each for a prompt drawn at random, 64 clients that ask
again as soon as they are answered. Beside `Batcher`: one PEFT model that switches its adapter for every request, and a
process for every prompt. All start from token ids; every answer of every side is compared with ours.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from benchmarks.speed.harness import Result, Setup, compare_rates
from benchmarks.speed.serving_fleet import Fleet, can_read_memory, save_model
from benchmarks.speed.serving_memory import COUNTS, compare_growth, measure_apart
from benchmarks.speed.serving_peers import ask_peft, wrap_all
from benchmarks.speed.serving_traffic import Request, ask_batcher, draw_traffic, make_loaded
from benchmarks.speed.targets import Family, Size, make_target, ship
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.golden import TOLERANCE

PROMPTS, LENGTH = 32, 20
CLIENTS, GPU_CLIENTS = 64, 256
REQUESTS, GPU_REQUESTS = 112, 512  # of one measurement: 2 to 7 seconds
WARM = 32  # requests of each side before the clock starts
FRESH = 8  # processes of which the memory is measured
CLOSE = 1e-5  # answers in float32
NAMES: dict[Family, str] = {"t5": "an encoder-decoder (T5)", "llama": "a causal model (Llama)"}
SIZES: dict[Family, Size] = {"t5": "flan-small", "llama": "small"}

Ask = Callable[[Sequence[Request]], list[Tensor]]
Case = tuple[Backbone, list[LoadedPrompt], list[Request]]


def run(setup: Setup) -> list[Result]:
    """Compare requests per second and memory; on a CPU with the threads asked for and with two."""
    if setup.big:
        return [line for family in NAMES for line in compare(setup, family)]
    results = []
    for threads in sorted({setup.threads, 2}):
        torch.set_num_threads(threads)
        for family in NAMES:
            results += compare(replace(setup, threads=threads), family)
        results.append(compare_fleet(replace(setup, threads=threads)))
    torch.set_num_threads(setup.threads)
    results += compare_memory(setup)
    return [*results, compare_fleet_memory(setup)] if can_read_memory() else results


def compare(setup: Setup, family: Family) -> list[Result]:
    """Return the line against PEFT and, with one thread, that against a causal model's prompts read with every text."""
    backbone, prompts, traffic = make_case(setup, family)
    peft, clients = wrap_all(backbone, prompts), GPU_CLIENTS if setup.big else CLIENTS
    with Batcher(ship(backbone), threads=setup.threads) as batcher:

        def ask(asked: Sequence[Request], held: Sequence[LoadedPrompt] = prompts) -> list[Tensor]:
            return ask_batcher(batcher, held, asked, clients)

        ratios = compare_asking(ask, lambda asked: ask_peft(peft, prompts, asked), traffic, setup)
        target = 5.0 if setup.big else 1.5
        lines = [make_line(setup, family, "PEFT, `set_adapter` for every request", ratios, target)]
        if family == "llama" and setup.threads == 1:
            plain = [replace(loaded, shared=None) for loaded in prompts]
            ratios = compare_asking(ask, lambda asked: ask(asked, plain), traffic, setup)
            lines.append(make_line(setup, family, "the same, each text behind its prompt's embeddings", ratios, 1.2))
    return lines


def compare_fleet(setup: Setup) -> Result:
    """Return the line against one process for every prompt."""
    backbone, prompts, traffic = make_case(setup, "t5")
    groups = [[number] for number in range(len(prompts))]
    with TemporaryDirectory() as folder, Batcher(ship(backbone), threads=setup.threads) as batcher:
        save_model(backbone, Path(folder))
        with Fleet(Path(folder), prompts, groups) as fleet:
            ratios = compare_asking(
                lambda asked: ask_batcher(batcher, prompts, asked, CLIENTS),
                lambda asked: fleet.ask(asked, CLIENTS, setup.threads),
                traffic,
                setup,
            )
    return make_line(setup, "t5", f"a process for each prompt, {setup.threads} at work", ratios, 1.0)


def compare_memory(setup: Setup) -> list[Result]:
    """Return what hundreds of further prompts take, over what they hold, in fresh processes."""
    results = []
    for family, size in SIZES.items():
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # side by side: it is no matter of time
            asked = [pool.submit(measure_apart, family, size, LENGTH) for _ in range(setup.pairs)]
            found = [numbers.result() for numbers in asked]
        name = f"memory of {COUNTS[-1] - COUNTS[0]} more prompts on {NAMES[family]}"
        against = f"their own numbers, {found[0][0]['bytes'] / 1000:.0f} kB each"
        growths = [compare_growth(numbers) for numbers in found]
        results.append(Result.of(name, against, "growth of the process", growths, target=1.2, side="at most"))
    return results


def compare_fleet_memory(setup: Setup) -> Result:
    """Return the memory of one process with all of some prompts over that of one for each, when all have answered."""
    backbone, prompts, traffic = make_case(setup, "t5")
    asked = [request for request in traffic if request.prompt < FRESH]
    held: list[list[int]] = []
    with TemporaryDirectory() as folder:
        save_model(backbone, Path(folder))
        for groups in ([range(FRESH)], [range(number, number + 1) for number in range(FRESH)]):
            with Fleet(Path(folder), prompts, groups, "spawn") as fleet:
                held.append([])
                for _ in range(setup.pairs):
                    fleet.ask(asked, CLIENTS, setup.threads)
                    held[-1].append(fleet.measure_memory())
    ratios = [ours / theirs for ours, theirs in zip(*held, strict=True)]
    name = f"serving {FRESH} prompts on {NAMES['t5']}"
    return Result.of(name, "a process for each prompt", "memory", ratios, target=0.5, side="at most")


def make_case(setup: Setup, family: Family) -> Case:
    """Return a model as transformers makes it, its prompts, and requests in the order of their arrival."""
    size = "large" if setup.big else SIZES[family]
    backbone = make_target(family, size, device=setup.device, dtype=setup.dtype)
    traffic = draw_traffic(backbone, GPU_REQUESTS if setup.big else REQUESTS, PROMPTS)
    return backbone, make_loaded(backbone, PROMPTS, LENGTH), traffic


def compare_asking(ours: Ask, theirs: Ask, traffic: Sequence[Request], setup: Setup) -> list[float]:
    """Return our requests per second over theirs; both sides' answers have to be those that ours gave first."""
    wanted: list[Tensor] = []
    works = []
    for ask in (ours, theirs):
        ask(traffic[:WARM])
        works.append(make_work(ask, traffic, wanted, setup.dtype))
    return compare_rates(works[0], works[1], setup, warm_up=False)


def make_work(ask: Ask, traffic: Sequence[Request], wanted: list[Tensor], dtype: torch.dtype) -> Callable[[], float]:
    """Return work for the clock that asks all requests; the answers of the first one called are what all must give."""

    def work() -> float:
        answers = ask(traffic)
        if wanted:
            check_answers(answers, wanted, dtype)
        else:
            wanted.extend(answers)
        return len(answers)

    return work


def check_answers(answers: Sequence[Tensor], wanted: Sequence[Tensor], dtype: torch.dtype) -> None:
    """Compare log-probabilities [K] of all requests: to 1e-5 in float32, in shorter dtypes as bundles are compared.

    Raises AssertionError if one differs.
    """
    close = CLOSE if dtype == torch.float32 else TOLERANCE["bfloat16"]
    for answer, expected in zip(answers, wanted, strict=True):
        torch.testing.assert_close(answer, expected, rtol=close, atol=close)


def make_line(setup: Setup, family: Family, against: str, ratios: Sequence[float], target: float) -> Result:
    """Return a line of requests per second."""
    threads = "" if setup.big else f", {setup.threads} thread{'s' * (setup.threads > 1)}"
    name = f"serving {PROMPTS} prompts on {NAMES[family]}{threads}"
    return Result.of(name, against, "requests/s", ratios, target=target, side="at least")
