"""Calibration: the shipped functions, timed on a random model of the same width with few layers.

Each probe compares its measured seconds with those that the formulas predict for it; the predictions of all stages of
its kind are multiplied by that ratio.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from dawgen.classifier.rows import Rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import DecodeConfig, GeneratorConfig, TargetConfig
from dawgen.cost.counts import Work, repeat
from dawgen.cost.generating import count_scoring, count_tuning, count_writing
from dawgen.cost.machine import Machine, clock
from dawgen.cost.shape import Conditioned, Shape
from dawgen.cost.training import count_evaluation, count_training
from dawgen.generator.codec import Codec, TokenRow
from dawgen.generator.prefix import Prefix
from dawgen.generator.score import score_rows
from dawgen.generator.tune.tuner import tune
from dawgen.generator.write.decode import Lots, decode
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts
from dawgen.prompt.label_words import LabelWords

VOCABULARY = 1 << 15  # limit for a random model's vocabulary: enough to measure the output head
STEPS = 6  # tokens that the decoding probe writes
COLD = 3  # times as long as computed, at most, is what a first run is expected to take
FILLER = 3  # a token id that every vocabulary has and that ends nothing


@dataclass(frozen=True)
class Probe:
    """One thing to time. run: does `work` once."""

    name: str
    run: Callable[[], Any]
    work: Work


def measure_probes(
    probes: Sequence[Probe], machines: Mapping[int, Machine], device: str, end: float
) -> dict[int, dict[str, float]]:
    """Return measured over computed seconds of each probe with each number of threads, until about `end` on the clock.

    Probes and threads take turns, so that other work on the machine slows all of them alike. The first run of each is a
    warm-up; the median of the others counts, or the warm-up where there is no time for another. None is begun that
    would end too late: one that never was has its ratio with another number of threads, or is left out.
    """
    found: dict[tuple[int, str], list[float]] = {}
    again = True
    while again:
        again = False
        for threads, machine in machines.items():
            torch.set_num_threads(threads)
            for probe in probes:
                spent = found.setdefault((threads, probe.name), [])
                expected = spent[-1] if spent else COLD * machine.time_work(probe.work)
                if time.perf_counter() + expected < end:
                    spent.append(clock(probe.run, device))
                    again = True
    ratios = {
        (threads, probe.name): median(spent[1:] or spent) / machine.time_work(probe.work)
        for threads, machine in machines.items()
        for probe in probes
        if (spent := found[threads, probe.name])
    }
    usual = {name: median(ratio for (_, other), ratio in ratios.items() if other == name) for _, name in ratios}
    return {threads: {name: ratios.get((threads, name), usual[name]) for name in usual} for threads in machines}


def build_model(
    config: Any, shape: Shape, *, layers: int, device: str, dtype: torch.dtype, vocabulary: int = VOCABULARY
) -> tuple[Any, Shape]:
    """Return a random model with at most so many layers and tokens, frozen, and its shape; no random state is
    changed."""
    small = copy.deepcopy(config)
    shape = shape.shrink(layers=layers, vocabulary=vocabulary)
    small.num_hidden_layers = shape.layers  # every family maps its own name to this one
    small.vocab_size = shape.vocabulary
    if shape.cross:
        setattr(small, "num_decoder_layers" if hasattr(small, "num_decoder_layers") else "decoder_layers", shape.cross)
    if getattr(small, "layer_types", None):
        small.layer_types = small.layer_types[: shape.layers]
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        if (getattr(small, name, None) or 0) >= shape.vocabulary:
            setattr(small, name, 0)
    auto = AutoModelForSeq2SeqLM if shape.cross else AutoModelForCausalLM
    with torch.random.fork_rng():
        model = auto.from_config(small, dtype=dtype)
    return model.to(device).eval().requires_grad_(False), shape


def list_generator_work(
    at: Conditioned,
    configs: Sequence[GeneratorConfig],
    decoding: DecodeConfig,
    shots: Sequence[TokenRow],
    *,
    texts: int,
) -> dict[str, Work]:
    """Return the work of each of `probe_generator`'s probes by its name."""
    found = {}
    for config in configs:
        few = _take_steps(config)
        found[f"tuning {config.kind}"] = repeat(count_tuning(at, shots, few), few.steps)
    offered = _offer(at, shots, texts)
    contexts = [len(shots[i % len(shots)].context) for i in range(texts)]
    few_tokens = decoding.model_copy(update={"max_new_tokens": STEPS})
    found["writing"] = count_writing(at, contexts, [STEPS], few_tokens, rows=len(offered))
    found["scoring"] = count_scoring(at, [(len(row.context), len(row.target)) for row in offered])
    return found


def probe_generator(
    model: Any,
    at: Conditioned,
    configs: Sequence[GeneratorConfig],
    decoding: DecodeConfig,
    shots: Sequence[TokenRow],
    *,
    texts: int,
) -> list[Probe]:
    """Return probes of tuning in each of the settings, of writing, and of scoring, on `texts` texts of every label.

    at: of no more labels than a text is held against, so that a step sees them all.
    """
    state = _random_prefix(model, at)
    rows = [TokenRow(row.label, (-1, *[FILLER] * (len(row.context) - 1)), (FILLER,) * len(row.target)) for row in shots]
    works = list_generator_work(at, configs, decoding, rows, texts=texts)
    offered = _offer(at, rows, texts)
    # The end token is banned: no text ends early, so the work is exactly what `count_writing` counts.
    codec = cast("Codec", SimpleNamespace(vocabulary=at.shape.vocabulary, learns_end=False, end=0, banned=[0]))
    few_tokens = decoding.model_copy(update={"max_new_tokens": STEPS})
    scored = sorted(offered, key=lambda row: len(row.context) + len(row.target))
    runs: dict[str, Callable[[], Any]] = {
        f"tuning {config.kind}": partial(tune, state, rows, _take_steps(config)) for config in configs
    }
    runs["writing"] = lambda: decode(state, codec, offered, few_tokens, Lots(0, "cost/probe"))
    runs["scoring"] = lambda: score_rows(state, scored, state.held)
    return [Probe(name, run, works[name]) for name, run in runs.items()]


def _take_steps(config: GeneratorConfig) -> GeneratorConfig:
    """Return the settings with as few steps as have one of every kind: with the weight net's own, and without."""
    every = min(2, config.weight_every) if config.kind in ("weighted", "dawgen") else 1
    return config.model_copy(update={"steps": every, "weight_every": every})


def _offer(at: Conditioned, rows: Sequence[TokenRow], texts: int) -> list[TokenRow]:
    """Return `texts` of the rows, each under every label; each is another text, or it would be read once for all."""
    chosen = [rows[i % len(rows)] for i in range(texts)]
    differing = [(-1, *[FILLER + i] * (len(row.context) - 1)) for i, row in enumerate(chosen)]
    return [
        replace(row, label=label, context=context)
        for row, context in zip(chosen, differing, strict=True)
        for label in range(at.labels)
    ]


def list_target_work(
    shape: Shape, config: TargetConfig, lengths: Sequence[int], *, rows: int, device: str
) -> dict[str, Work]:
    """Return the work of each of `probe_target`'s probes by its name."""
    sizes = [lengths[i % len(lengths)] for i in range(rows)]
    few = config.model_copy(update={"steps": 2, "decoder_sentinel": False})
    return {
        "training": repeat(count_training(shape, sizes, few, rows=rows, groups=2, device=device), few.steps),
        "evaluation": count_evaluation(shape, sizes, few, prompt=config.length, device=device),
    }


def probe_target(
    model: Any, shape: Shape, config: TargetConfig, lengths: Sequence[int], *, rows: int, name: str = "target"
) -> list[Probe]:
    """Return probes of prompt training and of evaluation on `rows` rows."""
    tokenizer = SimpleNamespace(pad_token_id=0)
    backbone = Backbone(model, tokenizer, "seq2seq" if shape.cross else "causal", name, None, "")
    words = LabelWords.of(("", ""), (1, 2))
    scorer = Scorer(backbone, "", words, config.max_tokens, placement=config.placement, texts=ReadTexts("probe"))
    works = list_target_work(shape, config, lengths, rows=rows, device=model.device.type)
    config = config.model_copy(update={"steps": 2, "decoder_sentinel": False})
    ids = [[FILLER] * lengths[i % len(lengths)] for i in range(rows)]
    half = Rows(ids[: rows // 2], (0,) * (rows // 2))
    other = Rows(ids[rows // 2 :], (0,) * (rows - rows // 2))
    start = torch.full((config.length, shape.width), 0.01)
    batch = config.model_copy(update={"batch_size": max(len(half.ids), len(other.ids))})
    training = Training(half, other, None, "paired", 0, batch)
    return [
        Probe("training", lambda: train_prompt(scorer, start, training), works["training"]),
        Probe("evaluation", lambda: scorer.score(ids, start.to(model.device)), works["evaluation"]),
    ]


def _random_prefix(model: Any, at: Conditioned) -> Prefix:
    shape, labels, length = at.shape, at.labels, at.prefix
    size = (labels, shape.layers, 2, shape.kv_heads, max(1, length - 1), shape.head_width)
    device = model.device
    q = {
        "prompt": torch.full(size, 0.01, device=device),
        "inputs": torch.full((labels, 1, shape.width), 0.01, device=device),
    }
    control = torch.full((*size[1:4], length - size[4], size[5]), 0.01, device=device)
    return Prefix(model, q, control, torch.ones(labels, length, dtype=torch.long, device=device))
