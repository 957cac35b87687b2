"""One vector per example: from the target's own encoder, as what it can distinguish is what it can learn from, or from
a sentence encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dawgen.classifier.batches import bucket, choose_budget, pad
from dawgen.models.encoder import Encoder
from dawgen.models.load import Backbone
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example, list_texts


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


def embed_pairs(backbone: Backbone, examples: Sequence[Example], *, max_tokens: int = 256) -> Tensor:
    """Return [u, v, |u - v|, u * v] of the vectors of a pair's two texts, [N,4H]; of a single text u, [N,H].

    Each text stands alone, without template and prompt, and is passed through the target once.
    """
    first, second = _gather(
        examples,
        lambda texts: embed_examples(backbone, [Example(text) for text in texts], "{text1}", max_tokens=max_tokens),
    )
    return first if second is None else torch.cat([first, second, (first - second).abs(), first * second], 1)


def encode_rows(encoder: Encoder, examples: Sequence[Example]) -> NDArray[np.float32]:
    """Return [|u - v|, u * v] of the vectors of a pair's two texts, [N,2H] in float32; of a single text u, [N,H]."""
    first, second = _gather(examples, encoder.encode)
    rows = first if second is None else torch.cat([(first - second).abs(), first * second], 1)
    return rows.numpy()


def count_cut_texts(backbone: Backbone, examples: Sequence[Example], *, max_tokens: int = 256) -> int:
    """Return how many examples have a text of which `embed_pairs` reads the beginning only."""
    limit = limit_tokens(backbone, max_tokens, 0)
    alone = [Example(text) for text in dict.fromkeys(list_texts(examples))]
    rendered = render(alone, template="{text1}", backbone=backbone, max_tokens=limit)
    cut = {alone[row].text1 for row in rendered.cut_rows}
    return sum(bool(cut & {example.text1, example.text2}) for example in examples)


def average_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of states [B,T,H] over the places where mask [B,T] is 1, [B,H] in float32."""
    weights = mask[..., None].float()
    return (states.float() * weights).sum(1) / weights.sum(1)


def _gather(examples: Sequence[Example], encode: Callable[[list[str]], Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return the vectors [N,H] of the examples' first texts, and of their second ones where all have one; each text is
    encoded once."""
    places = {text: place for place, text in enumerate(dict.fromkeys(list_texts(examples)))}
    vectors = encode(list(places))
    seconds = [places[example.text2] for example in examples if example.text2 is not None]
    first = vectors[[places[example.text1] for example in examples]]
    return first, None if len(seconds) < len(examples) else vectors[seconds]


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
