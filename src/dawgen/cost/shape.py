"""The sizes of a model that its cost depends on, read from its configuration: no weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dawgen.errors import ModelError

# Families whose feed-forward part has a gate (three matrices instead of two); T5 says so in its configuration.
GATED = ("llama", "qwen2", "qwen3", "mistral", "ministral", "gemma", "gemma2", "gemma3_text", "phi3", "olmo", "olmo2")

# Calls into PyTorch's kernels per layer, (forward, backward), views included: counted by a dispatch mode on two-layer
# models (tests/cost repeats it). What is not listed counts as a Llama.
CALLS = {
    "ctrl": (43, 47),
    "gpt2": (39, 48),
    "llama": (74, 99),
    "qwen2": (78, 104),
    "qwen3": (86, 127),
    "t5": (50, 69),
}
CROSS_CALLS = (82, 113)  # a decoder layer with attention to the encoder
CALLS_AROUND = 30  # embedding, masks, positions, last normalisation: once per forward


@dataclass(frozen=True, slots=True)
class Shape:
    """A transformer in numbers.

    layers: decoder blocks of a causal model, encoder blocks of an encoder-decoder. cross: decoder blocks that attend
    to an encoder. width H; heads and kv_heads of head_width each; feed_forward F, gated or not; vocabulary V.
    item: bytes of one number. tied: whether the output head is the embedding.
    """

    family: str
    layers: int
    cross: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward: int
    gated: bool
    vocabulary: int
    item: int = 4
    tied: bool = True

    @property
    def query_width(self) -> int:
        """Width of all query heads together."""
        return self.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """Width of all key (or value) heads together."""
        return self.kv_heads * self.head_width

    @property
    def attention_weights(self) -> int:
        """Numbers in the four attention matrices of one block: H (2 Hq + 2 Hkv)."""
        return 2 * self.width * (self.query_width + self.kv_width)

    @property
    def feed_forward_weights(self) -> int:
        """Numbers in the feed-forward matrices of one block: 2 H F, with a gate 3 H F."""
        return (3 if self.gated else 2) * self.width * self.feed_forward

    @property
    def weights(self) -> int:
        """Numbers in all matrices, the output head left out where it is the embedding: blocks and H V."""
        blocks = self.layers * (self.attention_weights + self.feed_forward_weights)
        cross = self.cross * (2 * self.attention_weights + self.feed_forward_weights)
        return blocks + cross + self.width * self.vocabulary

    @property
    def calls(self) -> tuple[int, int]:
        """Kernel calls of one block, forward and backward."""
        return CALLS.get(self.family, CALLS["llama"])

    def shrink(self, *, layers: int, vocabulary: int) -> Shape:
        """Return the same shape with at most so many blocks and tokens."""
        return replace(
            self,
            layers=min(self.layers, layers),
            cross=min(self.cross, layers),
            vocabulary=min(self.vocabulary, vocabulary),
        )


@dataclass(frozen=True, slots=True)
class Conditioned:
    """A generator at work: behind prefixes of `prefix` = C + P positions, one for each of `labels` = K labels.

    device: "cpu" or "cuda"; batches of texts are larger on a GPU. rivals: M, the most other labels that a text is held
    against.
    """

    shape: Shape
    labels: int
    prefix: int
    device: str = "cpu"
    rivals: int = 4

    @property
    def ways(self) -> int:
        """The number of labels that a text is read under: its own and its rivals."""
        return min(self.labels, self.rivals + 1)


def read_shape(config: Any, *, item: int = 4) -> Shape:
    """Return the shape that a transformers configuration describes.

    Raises:
        ModelError: the configuration names no width, layers or heads, or is a mixture of experts.
    """
    try:
        if getattr(config, "num_experts", None) or getattr(config, "num_local_experts", None):
            raise AttributeError("a mixture of experts")
        if config.is_encoder_decoder:
            return _read_t5(config, item) if hasattr(config, "d_kv") else _read_bart(config, item)
        return _read_causal(config, item)
    except AttributeError as error:
        raise ModelError(
            f"{config.model_type}: expected a configuration with layers, width and heads of a transformer ({error}).\n"
            "The cost model knows CTRL, GPT-2, Llama, Qwen, T5 and families alike."
        ) from error


def _read_causal(config: Any, item: int) -> Shape:
    width, heads = config.hidden_size, config.num_attention_heads
    inner = next(
        (
            value
            for name in ("intermediate_size", "dff", "n_inner", "ffn_dim")
            if (value := getattr(config, name, None))
        ),
        4 * width,  # GPT-2's n_inner is None for this
    )
    return Shape(
        family=config.model_type,
        layers=config.num_hidden_layers,
        cross=0,
        width=width,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=getattr(config, "head_dim", None) or width // heads,
        feed_forward=inner,
        gated=config.model_type in GATED,
        vocabulary=config.vocab_size,
        item=item,
        tied=bool(getattr(config, "tie_word_embeddings", True)),
    )


def _read_t5(config: Any, item: int) -> Shape:
    return Shape(
        family="t5",
        layers=config.num_layers,
        cross=config.num_decoder_layers,
        width=config.d_model,
        heads=config.num_heads,
        kv_heads=config.num_heads,
        head_width=config.d_kv,
        feed_forward=config.d_ff,
        gated=bool(config.is_gated_act),
        vocabulary=config.vocab_size,
        item=item,
        tied=bool(getattr(config, "tie_word_embeddings", True)),
    )


def _read_bart(config: Any, item: int) -> Shape:
    heads = config.encoder_attention_heads
    return Shape(
        family="t5",
        layers=config.encoder_layers,
        cross=config.decoder_layers,
        width=config.d_model,
        heads=heads,
        kv_heads=heads,
        head_width=config.d_model // heads,
        feed_forward=config.encoder_ffn_dim,
        gated=False,
        vocabulary=config.vocab_size,
        item=item,
        tied=bool(getattr(config, "tie_word_embeddings", True)),
    )
