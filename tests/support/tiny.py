"""Random tiny models of every family that dawgen supports, with one tokenizer that knows some plain English words."""

from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BloomConfig,
    BloomForCausalLM,
    CTRLConfig,
    CTRLLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

Kind = Literal["ctrl", "gpt2", "llama", "qwen3", "t5"]
CAUSAL: tuple[Kind, ...] = ("ctrl", "gpt2", "llama", "qwen3")

_SPECIAL = ["<pad>", "</s>", "<unk>", "<s>", *(f"<extra_id_{i}>" for i in range(4))]
_WORDS = """a an the some no not every one two man woman boy girl child dog cat bird horse person people is are was
be being sleeping eating running walking playing singing reading sitting standing jumping talking cooking awake asleep
in on at near with without under behind park street house kitchen garden room river field tree car bike ball guitar
book bread apple fish red blue green old young tall small big happy sad yes maybe or and but so if then implies
supplements contradicts equivalent different relevant irrelevant from to of same true false good bad great terrible
sentence question paragraph text review topic positive negative neutral entailment contradiction sport music food
travel home premise hypothesis answer Wikipedia Links movie he she it they who where what outside inside nobody
somebody slowly quickly loves hates sees finds match song meal trip family team wins plays cooks visits"""


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a unigram tokenizer: one token for each known word, one for each other printable character."""
    letters = [chr(code) for code in range(33, 127)]
    pieces = [(token, 0.0) for token in _SPECIAL]
    pieces += [(f"▁{word}", -2.0) for word in dict.fromkeys(_WORDS.split())]
    pieces += [("▁", -3.0)] + [(letter, -8.0) for letter in letters]
    backend = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    backend.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        extra_special_tokens=[token for token in _SPECIAL if token.startswith("<extra")],
    )


def build_tiny(model_class: Any, config: Any, seed: int) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(config)
        for parameter in model.parameters():  # livelier than the usual 0.02, so that differences show
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval().requires_grad_(False)


def tiny_ctrl(seed: int = 0, **options: Any) -> CTRLLMHeadModel:
    """Return a 2-layer CTRL."""
    size = {"n_embd": 32, "dff": 64, "n_layer": 2, "n_head": 4, "n_positions": 96} | options
    return build_tiny(CTRLLMHeadModel, CTRLConfig(vocab_size=len(tiny_tokenizer()), **size), seed)


def tiny_gpt2(seed: int = 0, **options: Any) -> GPT2LMHeadModel:
    """Return a 2-layer GPT-2."""
    size = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "bos_token_id": 3, "eos_token_id": 1} | options
    return build_tiny(GPT2LMHeadModel, GPT2Config(vocab_size=len(tiny_tokenizer()), **size), seed)


def _rotary(**options: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tiny_tokenizer()),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 96,
        "bos_token_id": 3,
        "eos_token_id": 1,
        "pad_token_id": 0,
    } | options


def tiny_bloom(seed: int = 0) -> BloomForCausalLM:
    """Return a 2-layer Bloom, whose embeddings go through a norm first, with a head of its own."""
    config = BloomConfig(
        vocab_size=len(tiny_tokenizer()),
        hidden_size=32,
        n_layer=2,
        n_head=4,
        layer_norm_epsilon=1e-12,
        tie_word_embeddings=False,
        bos_token_id=3,
        eos_token_id=1,
        pad_token_id=0,
    )
    return build_tiny(BloomForCausalLM, config, seed)


def tiny_llama(seed: int = 0, **options: Any) -> LlamaForCausalLM:
    """Return a 2-layer Llama with grouped heads."""
    return build_tiny(LlamaForCausalLM, LlamaConfig(**_rotary(**options)), seed)


def tiny_qwen3(seed: int = 0, **options: Any) -> Qwen3ForCausalLM:
    """Return a 2-layer Qwen3 with grouped heads and a tied head."""
    return build_tiny(Qwen3ForCausalLM, Qwen3Config(**_rotary(head_dim=8, tie_word_embeddings=True, **options)), seed)


def tiny_mistral(window: int, seed: int = 0) -> MistralForCausalLM:
    """Return a 2-layer Mistral, whose layers see so many tokens back."""
    return build_tiny(MistralForCausalLM, MistralConfig(**_rotary(sliding_window=window)), seed)


def tiny_bart(seed: int = 0) -> BartForConditionalGeneration:
    """Return a 2+2-layer BART, which has learned positions."""
    config = BartConfig(
        vocab_size=len(tiny_tokenizer()),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=96,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=3,
        decoder_start_token_id=1,
    )
    return build_tiny(BartForConditionalGeneration, config, seed)


def tiny_t5(seed: int = 0, **options: Any) -> T5ForConditionalGeneration:
    """Return a 2+2-layer T5."""
    size = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0} | options
    config = T5Config(
        vocab_size=len(tiny_tokenizer()), decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, **size
    )
    return build_tiny(T5ForConditionalGeneration, config, seed)


_BUILDERS = {"ctrl": tiny_ctrl, "gpt2": tiny_gpt2, "llama": tiny_llama, "qwen3": tiny_qwen3, "t5": tiny_t5}


def tiny_model(kind: Kind, seed: int = 0, **options: Any) -> Any:
    """Return the tiny model of a family, frozen and in eval mode."""
    return _BUILDERS[kind](seed, **options)


def save_tiny(kind: Kind, folder: Path, seed: int = 0, **options: Any) -> Path:
    """Write a tiny model and its tokenizer so that `from_pretrained` loads them; return the folder."""
    tiny_model(kind, seed, **options).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
