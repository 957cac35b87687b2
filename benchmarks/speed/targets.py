"""Random targets of real architectures and random rows of mixed length: speed needs no trained weights."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

from dawgen.classifier.rows import Rows
from dawgen.classifier.scorer import Scorer
from dawgen.models.fuse import fuse
from dawgen.models.load import Backbone
from dawgen.models.resolve import resolve_model
from dawgen.prompt.label_words import LabelWords
from dawgen.rng import python_rng, torch_rng

WORDS = (207, 270, 900)  # label words; which they are does not matter for speed
FIRST_ID = 200  # lower ones may be special tokens

Family = Literal["t5", "llama"]
Size = Literal["tiny", "small", "flan-small", "smollm2", "smollm2-short", "large"]


@dataclass(frozen=True)
class Shape:
    """Sizes of a model: d its width, heads (and key/value heads) of size head, f the feed-forward width."""

    words: int
    d: int
    head: int
    heads: int
    shared: int
    f: int
    layers: int

    @property
    def inner(self) -> int:
        """The width of all heads together."""
        return self.head * self.heads


# Tiny ones are for tests. The small T5 has vocabulary and proportions of Flan-T5's; the small Llama's vocabulary gives
# its head a quarter of a forward pass, as in Llama 3.2 1B and Qwen3 0.6B. Large: Flan-T5 large, Llama 3.2 1B.
# Flan-small has all of Flan-T5 small's sizes; smollm2 those of SmolLM2-135M, its short one a tenth of the layers.
SHAPES: dict[tuple[Family, Size], Shape] = {
    ("t5", "tiny"): Shape(1000, 32, 8, 4, 4, 64, 2),
    ("t5", "small"): Shape(32_128, 256, 64, 4, 4, 512, 4),
    ("t5", "flan-small"): Shape(32_128, 512, 64, 6, 6, 1024, 8),
    ("t5", "large"): Shape(32_128, 1024, 64, 16, 16, 2816, 24),
    ("llama", "tiny"): Shape(1000, 32, 8, 4, 2, 64, 2),
    ("llama", "small"): Shape(8000, 384, 64, 6, 3, 1024, 6),
    ("llama", "smollm2"): Shape(49_152, 576, 64, 9, 3, 1536, 30),
    ("llama", "smollm2-short"): Shape(49_152, 576, 64, 9, 3, 1536, 3),
    ("llama", "large"): Shape(128_256, 2048, 64, 32, 8, 8192, 16),
}


def make_target(family: Family, size: Size, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Backbone:
    """Return a frozen random model as transformers makes it, on the device, without dropout."""
    shape = SHAPES[family, size]
    model = _make_t5(shape, device, dtype) if family == "t5" else _make_llama(shape, device, dtype)
    rng = torch_rng(0, f"weights of a random {family}", device=device)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                # T5 does not divide q.k by the square root of the head's size: its initial weights do
                scale = shape.head**-0.5 if family == "t5" and name.endswith(".q.weight") else 1
                parameter.normal_(std=scale * parameter.shape[1] ** -0.5, generator=rng)
    model.eval().requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(resolve_model("mini-t5"))  # for its pad token only
    return Backbone(model, tokenizer, "seq2seq" if family == "t5" else "causal", f"random {family}", None, "random")


def ship(backbone: Backbone) -> Backbone:
    """Return the target as `load_target` hands it out; the copy shares the weights."""
    model = copy.deepcopy(backbone.model, {id(weight): weight for weight in backbone.model.parameters()})
    fuse(model)
    return replace(backbone, model=model)


def make_prompt(backbone: Backbone, length: int) -> Tensor:
    """Return a random prompt [P,H] in float32 of about the size of word embeddings."""
    width, device = backbone.model.config.hidden_size, backbone.model.device
    return torch.randn(length, width, generator=torch_rng(0, "prompt", device=device.type), device=device) * width**-0.5


def make_scorer(backbone: Backbone, ids: Sequence[int] = WORDS) -> Scorer:
    """Return a scorer with these label words, for rows that are token ids already."""
    return Scorer(backbone, "{text1}", LabelWords.of(list(map(str, ids)), list(ids)), 512)


def make_rows(backbone: Backbone, lengths: Sequence[int], purpose: str) -> Rows:
    """Return random rows of these lengths with labels in turn."""
    rng, words = python_rng(0, purpose), backbone.model.config.vocab_size
    ids = [[rng.randrange(FIRST_ID, words) for _ in range(length)] for length in lengths]
    return Rows(ids, tuple(row % len(WORDS) for row in range(len(ids))))


def draw_lengths(count: int, shortest: int, longest: int, purpose: str) -> list[int]:
    """Return lengths drawn evenly from shortest to longest."""
    rng = python_rng(0, purpose)
    return [rng.randint(shortest, longest) for _ in range(count)]


def _make_t5(shape: Shape, device: str, dtype: torch.dtype) -> Any:
    config = T5Config(
        vocab_size=shape.words,
        d_model=shape.d,
        d_kv=shape.head,
        num_heads=shape.heads,
        d_ff=shape.f,
        num_layers=shape.layers,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    config.scale_decoder_outputs = False
    with torch.device(device):
        model = T5ForConditionalGeneration(config).to(dtype)
        model.lm_head.weight = nn.Parameter(torch.empty_like(model.shared.weight))  # Flan-T5's head is its own
    return model


def _make_llama(shape: Shape, device: str, dtype: torch.dtype) -> Any:
    config = LlamaConfig(
        vocab_size=shape.words,
        hidden_size=shape.d,
        head_dim=shape.head,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.shared,
        intermediate_size=shape.f,
        num_hidden_layers=shape.layers,
        max_position_embeddings=2048,
    )
    with torch.device(device):
        return LlamaForCausalLM(config).to(dtype)
