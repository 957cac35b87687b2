"""The cost model's predictions over measured times: `python -m benchmarks.speed.cost_model`, apart from the four parts.

Jobs: scenes-nli with the bundled minis, and with random models of GPT-2-small's and T5-small's size. Before each job
its time is predicted as `dawgen analyze cost` does, after a fresh calibration of five seconds; then the job is run.
Random models do not end their texts, so that theirs are cut at about the length of the real ones. Numbers are predicted
over measured seconds: 1 is right, and the aim is between 1/1.5 and 1.5.
"""

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from dawgen.config import RunConfig
from dawgen.cost.calibration import BUDGET, Measuring, forget
from dawgen.cost.table import compare
from dawgen.files import write_json
from dawgen.models.resolve import resolve_model
from dawgen.progress import Reporter
from dawgen.report.run.metrics import RunMetrics
from dawgen.runs.demo import demo_config
from dawgen.runs.forecast import forecast
from dawgen.runs.run import run_job
from dawgen.runtime import set_threads

HERE = Path(__file__).parent
AIM = 1.5
VOCABULARY = 16_000  # of the random models; the texts use the 2,068 tokens of the minis


@dataclass(frozen=True)
class Line:
    """One line of cost_model.json: a stage of a job, predicted over measured seconds of every repetition."""

    job: str
    stage: str
    ratio_median: float
    ratios: list[float]
    predicted: float
    measured: float
    holds: bool


def list_jobs(folder: Path, *, threads: int = 1, quick: bool = False) -> dict[str, RunConfig]:
    """Return the jobs by name; their random models are written into the folder. quick: sizes of a test."""
    demo = demo_config(13, threads)
    if quick:
        demo = _change(demo, per_label=10, generator={"steps": 4}, target={"steps": 4})
    sizes = {
        "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4} if quick else {"n_embd": 768, "n_layer": 12, "n_head": 12},
        "t5": {"d_model": 64, "d_ff": 128, "num_layers": 2}
        if quick
        else {"d_model": 512, "d_ff": 2048, "num_layers": 6, "num_heads": 8},
    }
    larger = _change(
        demo,
        compare_generators=("dawgen",),
        methods=("zero_shot", "prompt_tuning"),
        generator={"model": _save(folder, "gpt2", sizes["gpt2"]), "steps": 12},
        decode={"max_new_tokens": 10, "contrast": 0.0},
        target={"model": _save(folder, "t5", sizes["t5"]), "steps": 10},
    )
    return {"demo, minis": demo, "GPT-2 small and T5-small, random": larger}


def _change(config: RunConfig, **changes: Any) -> RunConfig:
    values = config.model_dump()
    for name, value in changes.items():
        values[name] = values[name] | value if isinstance(value, dict) else value
    return RunConfig.model_validate(values)


def _save(folder: Path, family: str, size: dict[str, int]) -> str:
    """Write a random model with the minis' tokenizer and return its folder."""
    ids = {"pad_token_id": 0, "eos_token_id": 1, "vocab_size": VOCABULARY}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if family == "gpt2":
            model: Any = GPT2LMHeadModel(GPT2Config(bos_token_id=1, **ids, **size))
        else:
            model = T5ForConditionalGeneration(T5Config(decoder_start_token_id=0, **ids, **size))
    model.save_pretrained(folder / family)
    AutoTokenizer.from_pretrained(resolve_model("mini-ctrl" if family == "gpt2" else "mini-t5")).save_pretrained(
        folder / family
    )
    return str(folder / family)


def measure_job(config: RunConfig, folder: Path, *, budget: float = BUDGET) -> list[tuple[str, float, float | None]]:
    """Predict the job, then run it: (stage, predicted, measured seconds) and their sums."""
    forget()
    set_threads(config.threads)
    predicted = forecast(config, measuring=Measuring(budget=budget))
    metrics = run_job(config, folder, fresh=True, reporter=Reporter(quiet=True))
    return compare(predicted, RunMetrics.model_validate(metrics).times)


def main() -> None:
    """Measure all jobs in turn, as often as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpu-time", action="store_true", help="on both sides, where other jobs share the machine")
    options = parser.parse_args()
    if options.cpu_time:
        time.perf_counter = time.process_time  # what the calibration and the stages of a run look at
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with TemporaryDirectory() as folder:
        jobs = list_jobs(Path(folder), threads=options.threads)
        for _ in range(options.repeat):
            for name, config in jobs.items():
                rows = measure_job(config, Path(folder) / "run")
                for stage, ours, theirs in rows:
                    if theirs:
                        found.setdefault((name, stage), []).append((ours, theirs))
                print(f"{name}: predicted {rows[-1][1]:.0f} s, measured {rows[-1][2]:.0f} s", flush=True)
    lines = [judge(*key, pairs) for key, pairs in found.items()]
    print(render(lines))
    write_json(HERE / "cost_model.json", [asdict(line) for line in lines])


def judge(job: str, stage: str, pairs: list[tuple[float, float]]) -> Line:
    """Return the line of one stage from (predicted, measured) seconds."""
    ratios = [float(f"{ours / theirs:.3g}") for ours, theirs in pairs]
    middle = median(ratios)
    seconds = [float(f"{median(side):.3g}") for side in zip(*pairs, strict=True)]
    return Line(job, stage, middle, ratios, *seconds, 1 / AIM <= middle <= AIM)


def render(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = ["| job | stage | predicted, s | measured, s | ratio (all) | |", "| --- " * 6 + "|"]
    for line in lines:
        every = ", ".join(f"{ratio:.2f}" for ratio in line.ratios)
        verdict = "within 1.5" if line.holds else "**outside**"
        rows.append(
            f"| {line.job} | {line.stage} | {line.predicted:g} | {line.measured:g} | {line.ratio_median:.2f} ({every}) "
            f"| {verdict} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
