"""Memory, speed and resumption of `dawgen predict` on files of 1 to a million short rows; results for docs/predict.md.

python -m benchmarks.soak.predict_rows --work runs/predict --out experiments/results/predict_rows.json
python -m benchmarks.soak.predict_rows --out experiments/results/predict_rows.json --into docs/predict.md

Every file is labelled by a fresh process with one thread, whose largest resident size the kernel reports. Rows are
drawn with repetition from 5,000 texts of scenes-topic, each with an id; every file is a single row group. Then one of
them is labelled again: by several processes, by a Ray cluster, and by processes that are killed (SIGKILL).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from dawgen.files import hash_file, write_json
from dawgen.rng import numpy_rng, python_rng
from dawgen.scenes.examples import draw_examples

SEED = 13
SIZES = (1, 10_000, 100_000, 1_000_000)
TEXTS_PER_LABEL = 1000
TRAIN = {"target.prompt_length": 8, "target.steps": 100, "shots": 64}  # a short prompt: so a million rows take minutes
SHARD_ROWS = 1024  # of the small file, so that there is a middle to be killed in
# One thread each of PyTorch, of its libraries and of the tokenizer.
ONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
PATIENCE = 3600.0  # seconds, for one file


def main() -> None:
    """Measure, or put what was measured into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON with the results")
    parser.add_argument("--work", type=Path, help="folder of the files: measure")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of each file")
    parser.add_argument("--again", type=int, default=10_000, help="size of the file that is labelled again")
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args()
    if options.work is not None:
        write_json(options.out, measure(options.work, options.sizes, options.again))
    if options.into is not None:
        from experiments.pages.blocks import show_blocks

        show_blocks(make_blocks(json.loads(options.out.read_text(encoding="utf-8"))), options.into)


def measure(work: Path, sizes: list[int], again: int) -> dict[str, Any]:
    """Train a prompt, label files of every size, and one of them again in other ways."""
    work.mkdir(parents=True, exist_ok=True)
    bundle = work / "bundle"
    if not bundle.is_dir():
        given = [text for name, value in TRAIN.items() for text in ("--set", f"{name}={value}")]
        _call("train", "--task", "scenes-topic", "--method", "prompt_tuning", "--out", bundle, "--threads", 1, *given)
    files = []
    for size in sizes:
        write_rows(work / f"{size}.parquet", size)
        files.append(label(bundle, work / f"{size}.parquet", work / f"{size}.out.parquet"))
        print(json.dumps(files[-1]), flush=True)
    found = compare(bundle, work / f"{again}.parquet", work / "again.parquet")
    from dawgen.bench.results import name_machine

    return {"seed": SEED, "train": TRAIN, "machine": name_machine(), "files": files, "again": found}


@cache
def draw_texts(per_label: int) -> list[str]:
    """Return different short texts."""
    return [row.text1 for row in draw_examples("scenes-topic", per_label, python_rng(SEED, "texts"), set())]


def write_rows(path: Path, rows: int) -> None:
    """Write texts with an id into one row group."""
    texts = draw_texts(TEXTS_PER_LABEL)
    chosen = numpy_rng(SEED, "rows").integers(len(texts), size=rows)
    table = pyarrow.table({"id": pyarrow.array(range(rows)), "text1": pyarrow.array(texts).take(pyarrow.array(chosen))})
    pyarrow.parquet.write_table(table, path, row_group_size=rows)


def label(bundle: Path, source: Path, out: Path, *options: object) -> dict[str, Any]:
    """Label a file in a fresh process; returns what it printed, its peak and the hash of its output."""
    shutil.rmtree(out.with_name(f"{out.name}.parts"), ignore_errors=True)
    process = _begin("predict", bundle, "--in", source, "--out", out, "--json", "--workers", 1, *options)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"dawgen predict ended with status {process.returncode}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert usage.ru_maxrss > own, "the kernel counts this process's own size at the fork too"
    numbers = json.loads(printed.splitlines()[-1])
    return {
        "rows": numbers["rows"],
        "peak_mib": round(usage.ru_maxrss / 1024),
        "seconds": numbers["seconds"],
        "rows_per_second": numbers["rows_per_second"],
        "input_mib": round(source.stat().st_size / 2**20, 1),
        "sha256": hash_file(out),
    }


def compare(bundle: Path, source: Path, out: Path) -> dict[str, Any]:
    """Label a file as a whole, by several processes, by Ray and between kills; says whether all bytes are the same."""
    small = ("--shard-rows", SHARD_ROWS)
    whole = label(bundle, source, out, *small)
    ways = {"2 processes": ("--workers", 2), "Ray, 2 CPUs": ("--engine", "ray", "--workers", 2)}
    hashes = {}
    for name, options in ways.items():
        print(name, flush=True)
        _call("predict", bundle, "--in", source, "--out", out, *small, *options)
        hashes[name] = hash_file(out)
    kills = kill_often(bundle, source, out, *small)
    hashes[f"killed {len(kills)} times"] = hash_file(out)
    return {
        "rows": whole["rows"],
        "shards": -(-whole["rows"] // SHARD_ROWS),
        "kills": kills,
        "same": {name: found == whole["sha256"] for name, found in hashes.items()},
    }


def kill_often(bundle: Path, source: Path, out: Path, *options: object) -> list[int]:
    """Kill the process when two more shards are there, three times, then let it end; returns shards at each kill."""
    out.unlink(missing_ok=True)
    shards, kills = out.with_name(f"{out.name}.parts") / "shards", list[int]()
    while len(kills) < 3:
        process = _begin("predict", bundle, "--in", source, "--out", out, "--workers", 1, *options)
        begin, wanted = time.perf_counter(), (kills[-1] if kills else 0) + 2
        while len(list(shards.glob("[0-9]*.json"))) < wanted:
            if process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                raise SystemExit("expected a process that can be killed half-way: it has ended, or does nothing.")
            time.sleep(0.01)
        process.kill()
        process.wait()
        kills.append(len(list(shards.glob("[0-9]*.json"))))
    assert not out.exists(), "a killed process left an output"
    _call("predict", bundle, "--in", source, "--out", out, "--workers", 1, *options)
    return kills


def make_blocks(found: dict[str, Any]) -> dict[str, Any]:
    """Return the page's table and sentences."""
    from dawgen.report.table.core import make_table

    files = found["files"]
    rows = [
        [
            f"{one['rows']:,}",
            str(one["input_mib"]),
            str(one["peak_mib"]),
            _show(one["rows_per_second"]),
            _show(one["seconds"]),
        ]
        for one in files
    ]
    header = ("rows", "input, MiB", "peak resident size, MiB", "rows/s", "seconds")
    again = found["again"]
    ways = ", ".join(f"{name}: {'the same' if same else 'OTHER'} bytes" for name, same in again["same"].items())
    text = (
        f"A file of {again['rows']:,} rows in {again['shards']} shards, labelled by one process, and again: {ways} "
        f"(kills with {', '.join(map(str, again['kills']))} shards done).\n"
    )
    return {
        "predict-rows": make_table(
            "Peak memory of one process with one thread", header, rows, key="predict-rows", names=0
        ),
        "predict-same": text,
    }


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _begin(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dawgen", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | ONE)


def _call(*arguments: object) -> None:
    command = [sys.executable, "-m", "dawgen", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | ONE, timeout=PATIENCE)


if __name__ == "__main__":
    main()
