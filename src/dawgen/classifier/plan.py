"""What a training begins with, and whether its result can be kept: all limits of a bundle's reader, before the work."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from dawgen.classifier.scorer import Scorer
from dawgen.config import Schedule, TargetConfig
from dawgen.data.kinds import Kind
from dawgen.errors import ConfigError
from dawgen.models.load import Backbone, name_dtype
from dawgen.prompt.bundle.checks import find_faults
from dawgen.prompt.bundle.files import MOST_HEADER, MOST_INFO, MOST_PROMPT
from dawgen.prompt.bundle.format import BundleInfo
from dawgen.prompt.bundle.golden import SENTENCES
from dawgen.prompt.initialise import start_prompt
from dawgen.prompt.question import settle_length
from dawgen.tasks.task import Task

SPARE = 2**17  # bytes of a bundle.json for warnings and metrics, which nobody knows before


@dataclass(frozen=True)
class Plan:
    """A prompt that can be trained and kept. config: with its length as a number. start: [P,H]."""

    config: TargetConfig
    scorer: Scorer
    start: Tensor


def plan_prompt(
    backbone: Backbone,
    task: Task,
    config: TargetConfig,
    *,
    schedule: Schedule,
    seed: int,
    init_from: str | Path | Tensor | None = None,
) -> Plan:
    """Return what a training begins with; nothing is trained.

    Raises:
        ConfigError: a label word, length, window, chat template or start that cannot be, or a bundle that could not be
            read again. BundleError: a prompt to start from that does not fit.
    """
    question = task.ask()
    config = settle_length(config, backbone.tokenizer, question).model_copy(update={"model": backbone.name})
    scorer = Scorer.of(backbone, task, config, prompt_length=config.length)
    start = start_prompt(backbone, scorer.words.words, config, seed, init_from, question=question)
    even = tuple((-math.log(len(task.labels)),) * len(task.labels) for _ in SENTENCES)
    unknown = dict.fromkeys(("fingerprint", "weights", "tokenizer"), "0" * 64)
    base: dict[str, Any] = {"base": backbone.name, "revision": backbone.revision, "quantisation": backbone.quantisation}
    info = write_info(
        task,
        scorer,
        config,
        base | unknown | {"dtype": name_dtype(backbone)},
        schedule=schedule,
        seed=seed,
        golden=even,
    )
    fault = next(find_faults(start, info), None) or _find_size(start, info)
    if fault is not None:
        raise ConfigError(f"expected a prompt that a bundle can hold, so nothing was trained; {fault}.")
    return Plan(config, scorer, start)


def write_info(
    task: Task,
    scorer: Scorer,
    config: TargetConfig,
    base: Mapping[str, Any],
    *,
    schedule: Schedule,
    seed: int,
    golden: tuple[tuple[float, ...], ...],
    label_kind: Kind = "text",
    **others: Any,
) -> BundleInfo:
    """Return what bundle.json says of a prompt; base: `describe_base`, others: warnings and metrics."""
    return BundleInfo(
        **base,
        task=task.model_dump(mode="json"),
        template=task.template,
        labels=task.labels,
        label_words=scorer.words.words,
        label_ids=scorer.words.stored,
        decoder_sentinel=config.decoder_sentinel,
        max_tokens=config.max_tokens,
        front=scorer.front,
        closing=scorer.chat.closing,
        schedule=schedule,
        seed=seed,
        label_kind=label_kind,
        settings=config,
        golden=golden,
        **others,
    )


def _find_size(start: Tensor, info: BundleInfo) -> str | None:
    """Return which file would be too large to be read."""
    written = len(json.dumps(info.model_dump(mode="json"), indent=2))
    if written > MOST_INFO - SPARE:
        return f"labels and template: expected at most {MOST_INFO - SPARE:,} bytes as JSON, got {written:,}"
    if start.numel() * 4 > MOST_PROMPT - MOST_HEADER:
        return f"prompt_length: expected at most {(MOST_PROMPT - MOST_HEADER) // 4 // start.shape[1]} on this model"
    return None
