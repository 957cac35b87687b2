"""One vector per example from a sentence-transformers model, which is independent of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dawgen.errors import ConfigError, ModelError
from dawgen.models.resolve import resolve_model
from dawgen.models.trust import code_options, weight_options
from dawgen.records import Example


class SentenceEncoder:
    """A sentence-transformers model, by folder or hub name.

    Raises ConfigError where the library is not installed, ModelError for a model that it cannot load.
    """

    def __init__(self, name: str, *, device: str) -> None:
        library, place = import_sentence_transformers(), resolve_model(name)
        code, weights = code_options(name), weight_options(name)
        try:
            self.name, self._model = (
                name,
                library.SentenceTransformer(
                    place, device=device, **code, model_kwargs={"use_safetensors": weights["use_safetensors"]}
                ),
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"--embedding {name}: expected a sentence-transformers folder or hub name, could not load it: {reason}"
            ) from error

    def embed(self, examples: Sequence[Example]) -> Tensor:
        """Return [u, v, |u - v|] of a pair's two sentence vectors (Reimers and Gurevych 2019), [N,3H]; of a single text
        u, [N,H]; in float32 on the CPU."""
        first = self._encode([example.text1 for example in examples])
        if examples[0].text2 is None:
            return first
        second = self._encode([example.text2 or "" for example in examples])
        return torch.cat([first, second, (first - second).abs()], 1)

    def _encode(self, texts: list[str]) -> Tensor:
        vectors: Tensor = self._model.encode(texts, convert_to_tensor=True, show_progress_bar=False)
        return vectors.float().cpu()


def import_sentence_transformers() -> Any:
    """Return the module.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import sentence_transformers
    except ImportError as error:
        raise ConfigError(
            "--embedding: expected the library sentence-transformers; install it with `pip install 'dawgen[audit]'`."
        ) from error
    return sentence_transformers
