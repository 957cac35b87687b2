"""One vector per example from a sentence-transformers model, which is independent of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dawgen.models.encoder import find_encoder, load_encoder, read_layout
from dawgen.models.library import load_library
from dawgen.records import Example


class SentenceEncoder:
    """A sentence-transformers model, by short name (minilm), folder or hub name.

    One that pools by mean or first token needs transformers alone; any other the library sentence-transformers. Raises
    ConfigError where that is not installed, ModelError for a model that it cannot load.
    """

    def __init__(self, name: str, *, device: str) -> None:
        self.name, place = name, find_encoder(name)
        plain = Path(place).is_dir() and read_layout(Path(place)) is not None
        self._encode: Callable[[list[str]], Tensor]
        if plain:
            self._encode = load_encoder(name, device=device).encode
        else:
            self._encode = partial(_encode_with, load_library(name, place, device=device))

    def embed(self, examples: Sequence[Example]) -> Tensor:
        """Return [u, v, |u - v|] of a pair's two sentence vectors (Reimers and Gurevych 2019), [N,3H]; of a single text
        u, [N,H]; in float32 on the CPU."""
        first = self._encode([example.text1 for example in examples])
        if examples[0].text2 is None:
            return first
        second = self._encode([example.text2 or "" for example in examples])
        return torch.cat([first, second, (first - second).abs()], 1)


def _encode_with(model: Any, texts: list[str]) -> Tensor:
    vectors: Tensor = model.encode(texts, convert_to_tensor=True, show_progress_bar=False)
    return vectors.float().cpu()
