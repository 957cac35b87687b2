"""What grows with the size of a synthetic set, and what does not: `python -m benchmarks.speed.growth`.

One generation to `--rows` kept examples of scenes-nli by the bundled mini-ctrl, curated as `dawgen run` does it, then
training of the bundled mini-t5 for a fixed number of steps on the first 1,000, 10,000, ... of them, in turn. A killed
run goes on; of a shard that was written before the kill the first measurement stays.

Time is CPU time of the process, which other programs of a shared machine change less than they do a clock's.
"""

import argparse
import ctypes
import json
import time
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.speed.growth_plots import draw_generation, draw_training
from benchmarks.speed.harness import Result, peak_rss
from benchmarks.speed.table import render_table
from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import CurateConfig, DecodeConfig, GeneratorConfig, TargetConfig
from dawgen.curation import Curator
from dawgen.data import RowFile
from dawgen.files import write_json
from dawgen.models.load import Backbone, load_generator, load_target
from dawgen.progress import Reporter
from dawgen.runs.folder import Job, StepLog
from dawgen.runs.generate import Order, Source, generate_set, tune_generator
from dawgen.scenes import draw_data
from dawgen.tasks import Task

HERE = Path(__file__).parent
TASK, SEED = "scenes-nli", 13
TUNING = GeneratorConfig()
DECODE = DecodeConfig()
STEPS, BATCH = TargetConfig().steps, TargetConfig().batch_size  # of training; rows of each source per step
ROUNDS = 5
MEGABYTE = 1e6


class Meter(StepLog):
    """Notes after every shard what it took; a shard that is noted already was only read back from disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.rows = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        self._clock = (time.process_time(), time.perf_counter())

    def write(self, row: dict[str, Any]) -> None:
        """Note a row of the generation's log; rows of other stages are left out."""
        clock = (time.process_time(), time.perf_counter())
        if row["stage"] == "generate" and row["shard"] == len(self.rows):
            noted = {
                "generated": row["generated"],
                "kept": sum(row["kept"].values()),
                "cpu_s": clock[0] - self._clock[0],
                "clock_s": clock[1] - self._clock[1],
                "rss": read_rss(),
                "peak_rss": peak_rss(),
            }
            self.rows.append(noted)
            super().write(noted)
        self._clock = (time.process_time(), time.perf_counter())


def read_rss() -> int:
    """Return the resident size of this process in bytes; where the system does not tell, its largest so far.

    Freed memory that the C library keeps for later is given back first, where it can be (glibc): what is left is held.
    """
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
    status = Path("/proc/self/status")
    if not status.is_file():
        return peak_rss()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def grow_set(backbone: Backbone, rows: int, folder: Path, tuning: GeneratorConfig = TUNING) -> list[dict[str, Any]]:
    """Write a set of `rows` examples or a few more to folder/synthetic and return the notes of every shard."""
    task = Task.load(TASK)
    per_label = -(-rows // len(task.labels))
    data = draw_data(TASK, SEED, first_texts=4 * per_label)
    folder.mkdir(parents=True, exist_ok=True)
    meter = Meter(folder / "shards.jsonl")
    job = Job(SEED, meter, Reporter(quiet=True))
    source = Source(task, data.train, DECODE, data.first_texts)
    generator = tune_generator(backbone, source, tuning, folder=folder / "generator", job=job)
    generate_set(
        generator,
        Order(per_label, data.first_texts, folder / "generator"),
        Curator(data.train, task.labels, CurateConfig(), dev=data.dev, test=data.test),
        folder=folder / "synthetic",
        job=job,
    )
    return meter.rows


def list_milestones(notes: Sequence[dict[str, Any]], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return what an example cost, and how many were kept, between half of each size and the size itself."""
    milestones = []
    for size in sizes:
        start, end = _find(notes, size / 2), _find(notes, size)
        generated = notes[end]["generated"] - notes[start]["generated"]
        milestones.append(
            {
                "kept": size,
                "generated": notes[end]["generated"],
                "cpu_ms_per_generated": measure_cost(notes, start, end, "cpu_s"),
                "clock_ms_per_generated": measure_cost(notes, start, end, "clock_s"),
                "yield": (notes[end]["kept"] - notes[start]["kept"]) / generated,
                "rss_mb": measure_memory(notes, size) / MEGABYTE,
            }
        )
    return milestones


def measure_cost(notes: Sequence[dict[str, Any]], start: int, end: int, clock: str = "cpu_s") -> float:
    """Return milliseconds per generated example of the shards after number `start`, up to `end`."""
    spent = sum(note[clock] for note in notes[start + 1 : end + 1])
    return float(1e3 * spent / (notes[end]["generated"] - notes[start]["generated"]))


def measure_memory(notes: Sequence[dict[str, Any]], size: int) -> float:
    """Return the median resident size after the shards between half of a size and the size."""
    return median(note["rss"] for note in notes[_find(notes, size / 2) : _find(notes, size) + 1])


def compare_costs(notes: Sequence[dict[str, Any]], small: int, large: int, parts: int = 5) -> list[float]:
    """Return the cost of an example in each fifth of the way from large/2 to large kept ones, over that to `small`."""
    base = measure_cost(notes, _find(notes, small / 2), _find(notes, small))
    start, end = _find(notes, large / 2), _find(notes, large)
    bounds = [start + (end - start) * part // parts for part in range(parts + 1)]
    return [measure_cost(notes, a, b) / base for a, b in pairwise(bounds) if b > a]


def time_training(
    backbone: Backbone, source: Path, sizes: Sequence[int], *, steps: int = STEPS, rounds: int = ROUNDS
) -> dict[int, list[float]]:
    """Return CPU seconds of training on the first 1,000, ... rows of a set, opening it included; sizes in turn."""
    task = Task.load(TASK)
    real = draw_data(TASK, SEED).train
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for size in sizes:
        with source.open("rb") as whole, (source.parent / f"first-{size}.jsonl").open("wb") as part:
            part.writelines(islice(whole, size))
    for attempt in range(rounds + 1):
        for size in sizes:
            begin = time.process_time()
            classifier = PromptClassifier(backbone, task, steps=steps, batch_size=BATCH, seed=SEED, temperature="none")
            classifier.fit(real, synthetic=RowFile(source.parent / f"first-{size}.jsonl"))
            if attempt:  # the first round warms up
                seconds[size].append(time.process_time() - begin)
    return seconds


def judge(notes: Sequence[dict[str, Any]], sizes: Sequence[int], seconds: dict[int, list[float]]) -> list[Result]:
    """Hold cost, memory and training time at the largest size against the smallest; each may be a tenth more."""
    small, large = sizes[0], sizes[-1]
    trained = list(seconds.values())
    ratios = {
        "cost of a generated example": ("CPU time", compare_costs(notes, small, large)),
        "memory held while generating": (
            "resident size",
            [measure_memory(notes, large) / measure_memory(notes, small)],
        ),
        "training, the same steps": ("CPU time", [b / a for a, b in zip(trained[0], trained[-1], strict=True)]),
    }
    against = f"{large:,} synthetic examples against {small:,}"
    return [Result.of(name, against, unit, found, target=1.1, side="at most") for name, (unit, found) in ratios.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate, train, write growth.json and the plots, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=HERE / "growth", help="working folder; a killed run goes on there")
    parser.add_argument("--results", type=Path, default=HERE, help="folder of growth.json")
    parser.add_argument("--images", type=Path, default=HERE.parents[1] / "docs" / "images", help="folder of the plots")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    notes = grow_set(load_generator(TUNING.model), options.rows, options.out)
    sizes = [size for power in range(1, 8) for size in (10**power, 2 * 10**power, 5 * 10**power)]
    sizes = [size for size in sizes if min(1000, options.rows // 10) <= size <= options.rows]
    tens = [size for size in sizes if str(size).strip("0") == "1"]
    milestones = list_milestones(notes, sizes)
    seconds = time_training(load_target("mini-t5"), options.out / "synthetic" / "train.jsonl", tens)
    results = judge(notes, tens, seconds)
    found = {
        "generation": milestones,
        "peak_rss_mb": max(note["peak_rss"] for note in notes) / MEGABYTE,
        "rss_bytes_per_kept": _slope(notes),
        "training": {
            "steps": STEPS,
            "rows_per_step": 2 * BATCH,
            "cpu_s": {str(size): values for size, values in seconds.items()},
        },
        "results": [result.as_dict() for result in results],
    }
    write_json(options.results / "growth.json", found)
    draw_generation(milestones, options.images / "growth-generation.png")
    draw_training(seconds, STEPS, options.images / "growth-training.png")
    for row in milestones:
        print("  ".join(f"{name} {value:,.4g}" for name, value in row.items()))
    print(f"resident size: {found['rss_bytes_per_kept']:+.0f} bytes per kept example in the second half")
    print(render_table(found["results"]))


def _find(notes: Sequence[dict[str, Any]], kept: float) -> int:
    """Return the first shard after which that many examples are kept."""
    return next(number for number, note in enumerate(notes) if note["kept"] >= kept)


def _slope(notes: Sequence[dict[str, Any]]) -> float:
    """Return bytes of resident size per kept example, by least squares over the second half of the shards."""
    half = notes[len(notes) // 2 :]
    x, y = ([float(note[key]) for note in half] for key in ("kept", "rss"))
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - x_mean) ** 2 for a in x)
    return sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)) / spread if spread else 0.0


if __name__ == "__main__":
    main()
