"""Tiny backbones of every family that scores names, and rows and prompts for them."""

from typing import Any

import torch
from torch import Tensor
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    FalconConfig,
    FalconForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from dawgen.models.fuse import fuse
from dawgen.models.load import Backbone
from dawgen.rng import python_rng
from support.targets import TARGETS, make_backbone, wrap
from support.tiny import build_tiny, tiny_bart, tiny_mistral, tiny_model, tiny_tokenizer

Ids = tuple[tuple[int, ...], ...]

NAMES: Ids = ((82,), (12, 40), (12, 40, 17), (12, 33), (25, 17, 9, 61, 30))  # one begins another, two begin alike
SIZE: dict[str, Any] = {"vocab_size": len(tiny_tokenizer()), "hidden_size": 32, "bos_token_id": 3, "eos_token_id": 1}
OTHERS = {
    "bart": lambda: wrap(tiny_bart()),
    "fused t5": lambda: wrap(_fuse(tiny_model("t5"))),
    "mistral": lambda: wrap(tiny_mistral(window=12), "causal"),
    "bloom": lambda: wrap(build_tiny(BloomForCausalLM, BloomConfig(**SIZE, n_layer=2, n_head=4), 0), "causal"),
    "falcon": lambda: wrap(
        build_tiny(
            FalconForCausalLM, FalconConfig(**SIZE, num_hidden_layers=2, num_attention_heads=4, multi_query=True), 0
        ),
        "causal",
    ),
    "opt": lambda: wrap(
        build_tiny(
            OPTForCausalLM,
            OPTConfig(
                **SIZE, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32, pad_token_id=0
            ),
            0,
        ),
        "causal",
    ),
    "qwen2": lambda: wrap(
        build_tiny(
            Qwen2ForCausalLM,
            Qwen2Config(
                **SIZE,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                pad_token_id=0,
            ),
            0,
        ),
        "causal",
    ),
    "mamba": lambda: wrap(build_tiny(MambaForCausalLM, MambaConfig(**SIZE, num_hidden_layers=2), 0), "causal"),
}
FAMILIES = [*TARGETS, *OTHERS]


def _fuse(model: Any) -> Any:
    fuse(model)
    return model


def build(family: str) -> Backbone:
    return OTHERS[family]() if family in OTHERS else make_backbone(family)  # type: ignore[arg-type]


def draw_rows(lengths: tuple[int, ...] = (3, 17, 9, 1), seed: int = 0) -> list[list[int]]:
    rng = python_rng(seed, "rows before names")
    return [[rng.randrange(8, 100) for _ in range(length)] for length in lengths]


def draw_prompt(length: int = 3) -> Tensor:
    return torch.randn(length, 32, generator=torch.Generator().manual_seed(1))
