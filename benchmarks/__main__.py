"""Run the benchmarks of speed/, write its results.json and rewrite the table of this folder's README from it.

python -m benchmarks                     all that a CPU can, under half an hour
python -m benchmarks --only generation   those files whose name holds the word; prints, writes nothing
python -m benchmarks --only serving --merge   the same, and puts their lines in place of the old ones
python -m benchmarks --device cuda       real sizes in bfloat16; writes results-gpu.json, leaves the table
"""

import argparse
import importlib
import platform
import time
from pathlib import Path

import torch
import transformers

from benchmarks.speed.harness import Result, Setup
from benchmarks.speed.table import merge_results, read_results, render_table, rewrite_table
from dawgen.files import write_json

HERE = Path(__file__).parent
SPEED = HERE / "speed"
PARTS = ("generator_step", "prompt_step", "generation", "scoring", "serving", "placement")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", default="", help="part of a benchmark's name; nothing is written then")
    parser.add_argument("--merge", action="store_true", help="with --only: keep the lines of the others, write these")
    parser.add_argument("--threads", type=int, default=1, help="the same for both sides")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    gpu = options.device == "cuda"
    if gpu and not torch.cuda.is_available():
        raise SystemExit("no GPU: PyTorch sees no CUDA device here.")
    torch.set_num_threads(options.threads)
    dtype = torch.bfloat16 if gpu else torch.float32
    setup = Setup(options.device, dtype, options.threads, options.pairs, big=gpu)
    results: list[Result] = []
    for part in PARTS:
        if options.only not in part:
            continue
        begin = time.perf_counter()
        results += (found := importlib.import_module(f"benchmarks.speed.{part}").run(setup))
        print(render_table([result.as_dict() for result in found]))
        print(f"{part}: {time.perf_counter() - begin:.0f} s\n", flush=True)
    if options.only and not options.merge:
        return
    rows, path = [result.as_dict() for result in results], SPEED / ("results-gpu.json" if gpu else "results.json")
    if options.only and path.exists():
        rows = merge_results(read_results(path), rows)
    write_json(path, rows)
    if not gpu:
        rewrite_table(HERE / "README.md", rows, describe(setup))


def describe(setup: Setup) -> str:
    """Return one sentence on where the numbers come from."""
    torch_version = torch.__version__.split("+")[0]
    return (
        f"Ratios of `make bench`: median, lowest and highest of {setup.pairs} pairs run in turn, {setup.threads} "
        f"thread{'s' * (setup.threads > 1)} where a line does not say\nanother number, of {read_processor()}, torch "
        f"{torch_version}, transformers {transformers.__version__}, random weights in float32."
    )


def read_processor() -> str:
    """Return the processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"an {names[0]}" if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
