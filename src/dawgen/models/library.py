"""Sentence encoders as the library sentence-transformers loads them: any pooling, and trainable."""

from __future__ import annotations

from typing import Any

from dawgen.errors import ConfigError, ModelError
from dawgen.models.known import advise_known
from dawgen.models.quiet import silence
from dawgen.models.trust import code_options, weight_options


def load_library(name: str, place: str, *, device: str) -> Any:
    """Return the SentenceTransformer of a place that `find_encoder` found.

    Raises:
        ConfigError: the library is not installed. ModelError: it cannot load the model.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ConfigError(
            f'{name}: expected the library sentence-transformers; install it with `pip install "dawgen[audit]"`.'
        ) from error
    code, weights = code_options(name), weight_options(name)
    try:
        with silence():
            return SentenceTransformer(
                place, device=device, **code, model_kwargs={"use_safetensors": weights["use_safetensors"]}
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        advice = advise_known(name)
        raise ModelError(
            f"{name}: expected a sentence-transformers folder or hub name, could not load it: {reason}"
            + (f"\n{advice}" if advice else "")
        ) from error
