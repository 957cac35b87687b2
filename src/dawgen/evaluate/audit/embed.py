"""One vector per example from the target's own encoder: what the target can distinguish is what it can learn from.

Or from a sentence-transformers model, which is independent of the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dawgen.classifier.batches import bucket, choose_budget, pad
from dawgen.errors import ConfigError, ModelError
from dawgen.models.load import Backbone, resolve_name
from dawgen.models.trust import code_options, weight_options
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example


def embed_examples(backbone: Backbone, examples: Sequence[Example], template: str, *, max_tokens: int = 256) -> Tensor:
    """Return the mean last hidden state over each example's tokens, [N,H] in float32 on the CPU.

    An encoder-decoder gives its encoder's states, a causal model its own. The texts stand in the template without a
    soft prompt. Raises DataError for an example that does not fit the template.
    """
    limit = limit_tokens(backbone, max_tokens, 0)
    rows = render(examples, template=template, backbone=backbone, max_tokens=limit).ids
    vectors = torch.empty(len(rows), backbone.model.get_input_embeddings().embedding_dim)
    with torch.no_grad():
        for batch in bucket([len(row) for row in rows], choose_budget(backbone.model.device.type)):
            ids, mask = pad([rows[row] for row in batch], backbone)
            vectors[batch] = average_tokens(_encode(backbone, ids, mask), mask).cpu()
    return vectors


class SentenceEncoder:
    """A sentence-transformers model, by folder or hub name.

    Raises ConfigError where the library is not installed, ModelError for a model that it cannot load.
    """

    def __init__(self, name: str, *, device: str) -> None:
        library, place = import_sentence_transformers(), resolve_name(name)
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


def average_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of states [B,T,H] over the places where mask [B,T] is 1, [B,H] in float32."""
    weights = mask[..., None].float()
    return (states.float() * weights).sum(1) / weights.sum(1)


def _encode(backbone: Backbone, ids: Tensor, mask: Tensor) -> Tensor:
    model = backbone.model
    inputs = model.get_input_embeddings()(ids)
    if backbone.kind == "seq2seq":
        encoded: Tensor = model.get_encoder()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        return encoded
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    states: Tensor = model.base_model(
        inputs_embeds=inputs, attention_mask=mask, position_ids=positions, use_cache=False
    ).last_hidden_state
    return states
