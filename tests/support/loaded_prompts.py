"""Prompts as the service holds them, and rows for them, made of random numbers."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from dawgen.config import Placement
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt, compute_asked, compute_shared
from dawgen.models.load import Backbone
from dawgen.rng import python_rng
from support.targets import make_scorer, make_task

WORDS = (82, 12, 40, 17, 25)


def make_loaded(
    backbone: Backbone,
    length: int = 3,
    labels: int = 2,
    sentinel: bool = False,
    *,
    seed: int = 0,
    name: str = "prompt",
    words: Sequence[int | Sequence[int]] | None = None,
    placement: Placement = "before",
) -> LoadedPrompt:
    """Return a random prompt of this length with this many labels."""
    width = backbone.model.get_input_embeddings().weight.shape[1]
    prompt = torch.randn(length, width, generator=torch.Generator().manual_seed(seed))
    shared = compute_shared(backbone, prompt) if placement == "before" else None
    own = tuple(words or WORDS[seed % 2 :][:labels])
    names = tuple(f"label{place}" for place in range(len(own)))
    scorer = replace(make_scorer(backbone, own, sentinel=sentinel), max_tokens=64, placement=placement)
    return LoadedPrompt(
        name=name,
        digest=f"{seed:064x}",
        task=make_task(),
        labels=names,
        prompt=prompt,
        scorer=scorer,
        shared=shared,
        nbytes=prompt.nbytes + (0 if shared is None else shared.nbytes),
        asked=compute_asked(scorer, prompt),
    )


def draw_rows(lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    """Return rows of random token ids of these lengths."""
    rng = python_rng(seed, "served rows")
    return [[rng.randrange(8, 100) for _ in range(length)] for length in lengths]
