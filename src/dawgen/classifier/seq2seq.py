"""Encoder-decoder targets: one pass of the encoder, and the state of the decoder that answers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.errors import ModelError
from dawgen.models.load import Backbone
from dawgen.prompt.template import SENTINEL, find_sentinel


def answer_seq2seq(backbone: Backbone, inputs: Tensor, mask: Tensor, sentinels: Sequence[bool]) -> Tensor:
    """Return the decoder's state [B,H] after [start] or, where a row's sentinel switch is on, [start] <extra_id_0>.

    inputs: [B,S,H], mask: [B,S]. The first position does not see the second: one decoder pass serves both.
    """
    model = backbone.model
    encoded = model.get_encoder()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    begin = find_begin(backbone, sentinel=any(sentinels))
    start = torch.tensor([begin], device=inputs.device).expand(len(inputs), -1)
    states = model.get_decoder()(
        input_ids=start, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    if all(sentinels) or not any(sentinels):
        return states[:, -1]  # type: ignore[no-any-return]
    places = torch.tensor(sentinels, device=inputs.device).long()
    return states[torch.arange(len(states), device=inputs.device), places]  # type: ignore[no-any-return]


def find_begin(backbone: Backbone, *, sentinel: bool) -> tuple[int, ...]:
    """Return what a decoder reads before the answer: [start], or [start] <extra_id_0>.

    Raises:
        ModelError: the sentinel is asked for, but the vocabulary has none.
    """
    start = int(backbone.model.config.decoder_start_token_id)
    if not sentinel:
        return (start,)
    number = find_sentinel(backbone.tokenizer)
    if number is None:
        raise ModelError(f"{backbone.name}: expected {SENTINEL} in its vocabulary. Set decoder_sentinel to false.")
    return (start, number)
