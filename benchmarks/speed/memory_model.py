"""Predicted over measured peak memory of every stage: `python -m benchmarks.speed.memory_model`, on its own.

Each stage runs in a process of its own, on a random model: the largest resident size while it runs, less what the
libraries hold (measured after the same stage on a tiny model of the family). Linux only, as it resets that size.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import CTRLConfig, GPT2Config, LlamaConfig, T5Config

from benchmarks.speed.growth import read_rss
from dawgen.config import DecodeConfig, GeneratorConfig, TargetConfig
from dawgen.cost import memory
from dawgen.cost.probe import STEPS, build_model, probe_generator, probe_target
from dawgen.cost.shape import Conditioned, Shape, read_shape
from dawgen.files import write_json
from dawgen.generator.codec import TokenRow
from dawgen.rng import python_rng

HERE = Path(__file__).parent
AIM = 1.5
LABELS, PREFIX, TEXTS, ROWS = 3, 12, 32, 64
GENERATING = ("tuning plain", "tuning weighted", "tuning dawgen", "writing", "scoring")
TRAINING = ("training", "evaluation")
TINY = {
    "gpt2": {"n_embd": 64, "n_layer": 1, "n_head": 2},
    "ctrl": {"n_embd": 64, "n_layer": 1, "n_head": 2, "dff": 128},
    "llama": {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128},
    "t5": {"d_model": 64, "num_layers": 1, "num_heads": 2, "d_ff": 128},
}
CONFIGS: dict[str, Callable[..., Any]] = {"gpt2": GPT2Config, "ctrl": CTRLConfig, "llama": LlamaConfig, "t5": T5Config}


@dataclass(frozen=True)
class Case:
    """A random model and the stages that are measured on it."""

    family: str
    size: dict[str, Any]
    stages: tuple[str, ...]

    def make(self, size: dict[str, Any] | None = None) -> Any:
        """Return the configuration, of another size if one is given."""
        return CONFIGS[self.family](
            vocab_size=16_000,
            bos_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
            **(size or self.size),
        )


CASES = {
    "GPT-2, 6 x 512": Case("gpt2", {"n_embd": 512, "n_layer": 6, "n_head": 8}, GENERATING),
    "CTRL, 6 x 512": Case("ctrl", {"n_embd": 512, "n_layer": 6, "n_head": 8, "dff": 2048}, GENERATING),
    "Llama, 8 x 512": Case(
        "llama",
        {
            "hidden_size": 512,
            "num_hidden_layers": 8,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "intermediate_size": 1536,
        },
        (*GENERATING, *TRAINING),
    ),
    "T5 small": Case("t5", {"d_model": 512, "num_layers": 6, "num_heads": 8, "d_ff": 2048}, TRAINING),
    "T5 base": Case("t5", {"d_model": 768, "num_layers": 12, "num_heads": 12, "d_ff": 3072}, TRAINING),
}


@dataclass(frozen=True)
class Line:
    """One line of memory_model.json: bytes above the libraries', and predicted over measured."""

    model: str
    stage: str
    predicted: float
    measured: float
    ratio: float
    ratios: list[float]
    holds: bool


def list_shots() -> list[TokenRow]:
    """Return few-shot rows of 20 to 60 tokens, 16 of each label."""
    rng = python_rng(0, "memory/shots")
    return [
        TokenRow(label, (-1,) * rng.randint(10, 30), (3,) * rng.randint(10, 30))
        for label in range(LABELS)
        for _ in range(16)
    ]


def list_lengths() -> list[int]:
    """Return lengths of rows for the target, in tokens."""
    rng = python_rng(0, "memory/rows")
    return [rng.randint(25, 70) for _ in range(ROWS)]


def run_stage(config: Any, stage: str) -> Shape:
    """Build the random model and do the stage once; returns its shape."""
    shape = read_shape(config)
    model, shape = build_model(config, shape, layers=shape.layers, device="cpu", dtype=torch.float32)
    if stage in TRAINING:
        probes = probe_target(model, shape, TargetConfig(), list_lengths(), rows=ROWS)
        wanted = stage
    else:
        tuned = stage.removeprefix("tuning ") if stage.startswith("tuning") else "plain"
        settings = [GeneratorConfig(kind=tuned)]  # type: ignore[arg-type]
        at = Conditioned(shape, LABELS, PREFIX)
        probes = probe_generator(model, at, settings, DecodeConfig(), list_shots(), texts=TEXTS)
        wanted = stage
    next(probe for probe in probes if probe.name == wanted).run()
    return shape


def predict(config: Any, stage: str) -> float:
    """Return the bytes that the formulas give for what `run_stage` does."""
    shape = read_shape(config)
    shape = shape.shrink(layers=shape.layers, vocabulary=1 << 15)
    weights, shots, at = memory.weigh(shape), list_shots(), Conditioned(shape, LABELS, PREFIX)
    chosen = [shots[i % len(shots)] for i in range(TEXTS)]
    if stage.startswith("tuning"):
        settings = GeneratorConfig(kind=stage.removeprefix("tuning "))  # type: ignore[arg-type]
        return weights + memory.hold_tuning(at, shots, settings)
    if stage == "writing":
        contexts = [len(row.context) for row in chosen]
        return weights + memory.hold_writing(at, contexts, [STEPS], DecodeConfig(), rows=TEXTS * LABELS)
    if stage == "scoring":
        rows = [(len(row.context), len(row.target)) for row in chosen for _ in range(LABELS)]
        return weights + memory.hold_scoring(at, rows)
    if stage == "training":
        batch = TargetConfig().model_copy(update={"batch_size": ROWS // 2})
        return weights + memory.hold_training(shape, list_lengths(), batch, rows=ROWS)
    return weights + memory.hold_evaluation(shape, list_lengths(), prompt=TargetConfig().prompt_length)


def measure(case: Case, stage: str) -> int:
    """Return the bytes that this process, which must be a fresh one, comes to hold above its libraries."""
    torch.set_num_threads(1)
    run_stage(case.make(TINY[case.family]), stage)
    before = read_rss()
    Path("/proc/self/clear_refs").write_text("5")  # the largest size starts anew
    run_stage(case.make(), stage)
    line = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 - before


def compare(name: str, stage: str, repeat: int) -> Line:
    """Return the line of a stage, measured in `repeat` processes."""
    command = [sys.executable, "-m", "benchmarks.speed.memory_model", "--case", name, stage]
    measured = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(repeat)
    ]
    ours = predict(CASES[name].make(), stage)
    ratios = [float(f"{ours / value:.3g}") for value in measured]
    middle = median(ratios)
    return Line(name, stage, ours, median(measured), middle, ratios, 1 / AIM <= middle <= AIM)


def render(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [
        "| model | stage | predicted, MB | measured, MB | ratio (all) | |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for line in lines:
        every = ", ".join(f"{ratio:.2f}" for ratio in line.ratios)
        sizes = f"{line.predicted / 1e6:.0f} | {line.measured / 1e6:.0f}"
        verdict = "within 1.5" if line.holds else "**outside**"
        rows.append(f"| {line.model} | {line.stage} | {sizes} | {line.ratio:.2f} ({every}) | {verdict} |")
    return "\n".join(rows)


def main() -> None:
    """Measure all stages of all models and write memory_model.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs=2, metavar=("MODEL", "STAGE"), help="measure this one here, and print bytes")
    parser.add_argument("--only", default="", help="part of a model's name; prints, writes nothing")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.case:
        print(measure(CASES[options.case[0]], options.case[1]))
        return
    chosen = [(name, stage) for name, case in CASES.items() if options.only in name for stage in case.stages]
    lines = []
    for name, stage in chosen:
        lines.append(compare(name, stage, options.repeat))
        print(render(lines[-1:]).splitlines()[-1], flush=True)
    if not options.only:
        write_json(HERE / "memory_model.json", [asdict(line) for line in lines])


if __name__ == "__main__":
    main()
