"""A tiny random BERT as a sentence-transformers folder."""

import json
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from support.tiny import tiny_tokenizer


def save_sentence_model(
    folder: Path, *, mode: str = "mean_tokens", normalise: bool = True, more: str = "", seed: int = 5
) -> Path:
    """Write the folder. more: the kind of a further module, which dawgen does not know."""
    config = BertConfig(
        vocab_size=len(tiny_tokenizer()),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalise else []), *([more] if more else [])]
    paths = ["", "1_Pooling", "2_Normalize", "3_More"]
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(zip(kinds, paths, strict=False))
    ]
    write(folder / "modules.json", modules)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 32} | {f"pooling_mode_{name}": name == mode for name in modes},
    )
    return folder


def write(path: Path, value: object) -> None:
    """Write JSON into a folder that may be new."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
