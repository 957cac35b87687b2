"""What grows with the number of labels, and with the length of texts: `python -m benchmarks.speed.growth_work`.

Labels: 3 to 150 made-up ones on pairs of scenes. Of each number a fresh process forecasts a run, tunes the bundled
mini-ctrl for a few steps and writes a set of about 300 examples; curation is without the posterior filter, which made-
up labels cannot pass. Lengths: a step of prompt training on texts of 30 to 500 tokens, with the prompt before the
text and behind it, in turn, with caches warm; a random Llama of SmolLM2's width with four layers.

Times are CPU times, but for the forecast's, which is on the clock; memory is the largest resident size of the process.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.speed.growth_plots import draw_labels, draw_lengths
from benchmarks.speed.harness import peak_rss
from dawgen.classifier.rows import Rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import CurateConfig, GeneratorConfig, Placement, RunConfig, TargetConfig
from dawgen.cost import Measuring, assume_workload, predict_run
from dawgen.curation import Curator
from dawgen.files import write_json
from dawgen.generator.estimator import Generator
from dawgen.generator.tune.tuner import count_steps
from dawgen.models.load import Backbone, load_generator, read_config
from dawgen.prompt.label_words import LabelWords
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.scenes import draw_data
from dawgen.tasks import Task

HERE = Path(__file__).parent
LABELS, LENGTHS = (3, 10, 30, 77, 150), (30, 60, 120, 250, 500)
SHOTS, KEPT, TUNING = 4, 300, 8  # per label; examples in all; steps, more with many labels
ROWS, STEPS, WARM = 8, 8, 4  # of a training step; steps; of these the first ones, which fill caches
PROMPT, WORDS = 20, (207, 270)
MEGABYTE = 1e6


def measure_labels(labels: int) -> dict[str, float]:
    """Return CPU seconds and the peak of a forecast, of a tuning step, and per kept example, with so many labels."""
    run = RunConfig()
    models = read_config(run.target.model), read_config(run.generator.model)
    load = assume_workload(run, labels=labels, length=20, test_rows=600)
    begin = time.perf_counter()
    predict_run(run, load, *models, measuring=Measuring(threads=(1,)))
    forecast = time.perf_counter() - begin  # of which its calibration takes what it may, however busy the machine is
    forecast_peak = peak_rss()
    rows = draw_data("scenes-nli", 13, shots=-(-SHOTS * labels // 3), first_texts=2000)
    real = [Example(row.text1, row.text2, f"kind {i % labels}") for i, row in enumerate(rows.train[: SHOTS * labels])]
    task = Task.from_examples(real)
    config = GeneratorConfig(steps=TUNING)
    generator = Generator(load_generator("mini-ctrl"), task, **config.model_dump(exclude={"model"}))
    begin = time.process_time()
    generator.fit(real)
    tuning = (time.process_time() - begin) / count_steps(config, labels)
    begin = time.process_time()
    curator = Curator(real, task.labels, CurateConfig(posterior=False, near_copy=False, echo=1.0))
    judged = generator.stream(-(-KEPT // labels), first_texts=rows.first_texts, curator=curator)
    kept = sum(verdict.kept for _, verdict in judged)
    writing = time.process_time() - begin
    return {
        "labels": labels,
        "forecast_s": forecast,
        "forecast_peak_mb": forecast_peak / MEGABYTE,
        "tuning_step_cpu_s": tuning,
        "kept": kept,
        "cpu_ms_per_kept": 1e3 * writing / kept,
        "peak_mb": peak_rss() / MEGABYTE,
        "peak_mb_per_kept": (peak_rss() - forecast_peak) / MEGABYTE / kept,
    }


def measure_lengths(
    lengths: Sequence[int], model: Any, *, steps: int = STEPS, warm: int = WARM
) -> list[dict[str, Any]]:
    """Return the CPU milliseconds of a training step at each length of text, with the prompt before and behind it."""
    backbone = Backbone(model, SimpleNamespace(pad_token_id=0), "causal", "growth", None, "")
    found = []
    for length in lengths:
        rows = draw_rows(length, model.config.vocab_size)
        start = 0.02 * torch.randn(PROMPT, model.config.hidden_size, generator=torch.Generator().manual_seed(1))
        spent: dict[Placement, float] = {}
        for placement in ("before", "behind"):
            config = TargetConfig(steps=steps, prompt_length=PROMPT, batch_size=ROWS // 2, placement=placement)
            texts = backbone.texts if placement == "behind" else None
            words = LabelWords.of(("", ""), WORDS)
            scorer = Scorer(backbone, "{text1}", words, 2 * length, placement=placement, texts=texts)
            clock: list[float] = []
            training = Training(rows, rows, None, "paired", 0, config)
            train_prompt(scorer, start, training, log=lambda _, clock=clock: clock.append(time.process_time()))
            spent[placement] = 1e3 * median(b - a for a, b in zip(clock[warm:], clock[warm + 1 :], strict=False))
        found.append({"tokens": length, **{f"{name}_ms": value for name, value in spent.items()}})
    return found


def draw_rows(length: int, vocabulary: int) -> Rows:
    """Return rows of random tokens, all of one length."""
    rng = python_rng(0, "growth/rows", length)
    ids = [[rng.randrange(300, vocabulary) for _ in range(length)] for _ in range(ROWS // 2)]
    return Rows(ids, tuple(row % 2 for row in range(len(ids))))


def make_model(width: int = 576, layers: int = 4) -> Any:
    """Return a frozen random Llama of SmolLM2-135M's width and heads."""
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_attention_heads=width // 64,
        num_key_value_heads=max(1, width // 192),
        num_hidden_layers=layers,
        vocab_size=4096,
        max_position_embeddings=2048,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LlamaForCausalLM(config).eval().requires_grad_(False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both, write growth_work.json and the plots, print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, nargs="*", default=LABELS)
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # one number of labels, in a process of its own
    parser.add_argument("--results", type=Path, default=HERE, help="folder of growth_work.json")
    parser.add_argument("--images", type=Path, default=HERE.parents[1] / "docs" / "images", help="folder of the plots")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.one:
        print(json.dumps(measure_labels(options.one)))
        return
    by_labels = [_measure_apart(labels) for labels in options.labels]
    by_length = measure_lengths(options.lengths, make_model())
    write_json(options.results / "growth_work.json", {"labels": by_labels, "lengths": by_length})
    if by_labels:
        draw_labels(by_labels, options.images / "growth-labels.png")
    if by_length:
        draw_lengths(by_length, options.images / "growth-lengths.png")
    for row in (*by_labels, *by_length):
        print("  ".join(f"{name} {value:,.4g}" for name, value in row.items()))


def _measure_apart(labels: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.speed.growth_work", "--one", str(labels)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print("  ".join(f"{name} {value:,.4g}" for name, value in found.items()), flush=True)
    return found


if __name__ == "__main__":
    main()
