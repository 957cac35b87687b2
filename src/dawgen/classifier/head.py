"""The output head at chosen states: K rows of its matrix for label words, or all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.models.load import Backbone


def score_words(backbone: Backbone, hidden: Tensor, word_ids: Sequence[int] | None = None) -> Tensor:
    """Return the words' logits [...,K] in float32 from last hidden states [...,H]: h @ head[word_ids].T (+ bias).

    word_ids: [K], each from the vocabulary; None for all of it.

    A T5 with `scale_decoder_outputs` multiplies h by d_model**-0.5 first, as its own head does.
    """
    config, head = backbone.model.config, backbone.model.get_output_embeddings()
    chosen = slice(None) if word_ids is None else torch.tensor(list(word_ids), device=hidden.device)
    if getattr(config, "scale_decoder_outputs", False):  # T5 family only
        hidden = hidden * config.d_model**-0.5
    logits: Tensor = (hidden @ head.weight[chosen].T).float()
    if head.bias is not None:
        logits = logits + head.bias[chosen].float()
    extra = getattr(backbone.model, "final_logits_bias", None)  # BART family only
    if extra is not None:
        logits = logits + extra[0, chosen].float()
    return logits
