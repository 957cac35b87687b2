"""Tiny GGUF files: a random Llama of two layers with a byte-level tokenizer, some 200 kB."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tokenizers import pre_tokenizers

WIDTH, HEADS, LAYERS, INNER = 64, 4, 2, 96
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = ("t h", "th e", "Ġ the", "Ġ a")
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


def write_gguf(
    path: Path,
    *,
    seed: int = 0,
    form: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q8_0,
    architecture: str = "llama",
    change: dict[str, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Write a file; returns its matrices by name as they are before they are quantised.

    change: tensors to write instead, None leaves one out.
    """
    rng, tokens = np.random.default_rng(seed), list_tokens()
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny llama")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{form.name}" if form.name != "F32" else "ALL_F32"])
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges(list(MERGES))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd.weight": (len(tokens), WIDTH)}
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k.weight": (WIDTH // 2, WIDTH),
            f"blk.{layer}.attn_v.weight": (WIDTH // 2, WIDTH),
            f"blk.{layer}.attn_output.weight": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_gate.weight": (INNER, WIDTH),
            f"blk.{layer}.ffn_up.weight": (INNER, WIDTH),
            f"blk.{layer}.ffn_down.weight": (WIDTH, INNER),
        }
    matrices = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    norms = [f"blk.{layer}.{part}_norm.weight" for layer in range(LAYERS) for part in ("attn", "ffn")]
    plain = {name: np.ones(WIDTH, np.float32) for name in (*norms, "output_norm.weight")}
    for name, values in ({**matrices, **plain} | (change or {})).items():
        if values is None:
            continue
        used = gguf.GGMLQuantizationType.F32 if values.ndim == 1 else form
        writer.add_tensor(name, gguf.quantize(values, used), raw_dtype=used)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return matrices


def list_tokens() -> list[str]:
    """Return the vocabulary: special tokens, every byte, and what the merges make."""
    return [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
