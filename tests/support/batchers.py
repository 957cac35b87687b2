"""Batchers on the tiny T5, prompts for them, and what their answers have to be."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import torch

from dawgen.deploy.serve.batch_stats import BatchStats
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.pending import PendingRequest
from support.loaded_prompts import draw_rows, make_loaded
from support.targets import make_backbone
from support.tiny import Kind

SOON = 20.0  # seconds; what should come at once has to come before


def make_prompts() -> list[LoadedPrompt]:
    backbone = make_backbone("t5")
    shapes = [(3, 2, False), (5, 3, True), (1, 4, False), (0, 2, False)]
    return [make_loaded(backbone, *shape, seed=place, name=f"p{place}") for place, shape in enumerate(shapes)]


def make_stepped(**options: Any) -> Batcher:
    """A batcher without a thread."""
    return Batcher(make_backbone("t5"), start=False, **options)


def answer_alone(rows: list[list[int]], loaded: LoadedPrompt, kind: Kind = "t5") -> torch.Tensor:
    scorer = replace(loaded.scorer, backbone=make_backbone(kind))
    return torch.cat([scorer.score([row], loaded.prompt) for row in rows])


def assert_answered(pending: PendingRequest, rows: list[list[int]], kind: Kind = "t5") -> None:
    torch.testing.assert_close(pending.future.result(SOON), answer_alone(rows, pending.prompt, kind), rtol=0, atol=1e-5)


@contextmanager
def held_up() -> Iterator[tuple[Callable[[BatchStats], None], threading.Event, threading.Event]]:
    """An observer that holds the worker after its first batch: (observer, it is held, let it go)."""
    held, go, first = threading.Event(), threading.Event(), count()

    def hold(_: BatchStats) -> None:
        if next(first) == 0:
            held.set()
            go.wait(SOON)

    try:
        yield hold, held, go
    finally:
        go.set()


def assert_answered_after(batcher: Batcher, loaded: LoadedPrompt) -> None:
    pending = batcher.submit(loaded, draw_rows([3]))
    assert batcher.step() == 1
    assert_answered(pending, draw_rows([3]))
