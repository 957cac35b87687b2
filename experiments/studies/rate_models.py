"""Tiny random models of five families, whose embeddings can be scaled, for `rates`."""

from typing import Any

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from dawgen.models.load import Backbone, fingerprint, load_target

FAMILIES = ("gpt2", "llama", "opt", "t5", "bart")
WIDTH, LAYERS, HEADS, POSITIONS = 64, 2, 4, 160
SPREAD = 0.1  # standard deviation of all matrices; with the usual 0.02 such a small model hardly reads its input


def make_random(family: str, scale: float, seed: int = 0) -> Backbone:
    """Return a frozen random model with mini-t5's tokenizer, its input embeddings multiplied by `scale`."""
    tokenizer = load_target("mini-t5").tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _build(family, len(tokenizer))
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=SPREAD)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(scale)
    model = model.eval().requires_grad_(False)
    kind = "seq2seq" if family in ("t5", "bart") else "causal"
    return Backbone(model, tokenizer, kind, f"{family} x {scale:g}", None, fingerprint(model, tokenizer))


def _build(family: str, size: int) -> Any:
    """Return a model whose head is its own, so that scaled embeddings change the input alone."""
    common = {
        "vocab_size": size,
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    two = common | {"decoder_start_token_id": 0}
    wide = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    both = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in _SIDE.items()}
    match family:
        case "gpt2":
            return GPT2LMHeadModel(
                GPT2Config(n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, **common)
            )
        case "llama":
            return LlamaForCausalLM(LlamaConfig(intermediate_size=2 * WIDTH, **wide, **common))
        case "opt":
            return OPTForCausalLM(
                OPTConfig(
                    ffn_dim=2 * WIDTH,
                    word_embed_proj_dim=WIDTH,
                    max_position_embeddings=POSITIONS,
                    dropout=0.0,
                    **wide,
                    **common,
                )
            )
        case "t5":
            return T5ForConditionalGeneration(
                T5Config(d_model=WIDTH, d_kv=WIDTH // HEADS, d_ff=2 * WIDTH, num_layers=LAYERS, num_heads=HEADS, **two)
            )
        case "bart":
            return BartForConditionalGeneration(
                BartConfig(d_model=WIDTH, max_position_embeddings=POSITIONS, **both, **two)
            )
    raise ValueError(f"expected one of {', '.join(FAMILIES)}, got {family}")


_SIDE = {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": 2 * WIDTH}
