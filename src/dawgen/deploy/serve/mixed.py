"""Rows of different prompts in one forward pass of the frozen model: [P_i;E_i] and label words for each row.

Prompt and text of a row stand side by side, with the padding behind both: relative distances, positions and windows are
then those of the row alone. Only stored keys and values of a causal model's prompts are padded, on their left.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.classifier import causal
from dawgen.classifier.head import score_words
from dawgen.classifier.scorer import pad
from dawgen.classifier.seq2seq import answer_seq2seq
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.models.load import Backbone

Rows = Sequence[Sequence[int]]


def score_mixed(backbone: Backbone, rows: Rows, prompts: Sequence[LoadedPrompt]) -> list[Tensor]:
    """Return label-word log-probabilities of each row under its own prompt, [K_i] in float32 on the CPU, in order.

    rows: N lists of token ids, not empty. prompts: N, one for each row, of any length, labels and sentinel switch.
    One batch: N times the longest [P_i;E_i] has to fit into memory.
    """
    distinct, owners = number_prompts(prompts)
    with torch.inference_mode():
        if any(loaded.shared is not None for loaded in distinct):
            hidden = _read_behind(backbone, rows, distinct, owners)
        else:
            hidden = _read_joined(backbone, rows, distinct, owners)
        words, columns = index_words(distinct)
        logits = score_words(backbone, hidden, words).cpu()
    # Outside inference mode, so that callers get ordinary tensors. [N,longest K]; the added column of -inf stands for
    # the labels that a row's prompt does not have.
    own = torch.cat([logits, logits.new_full((len(rows), 1), -torch.inf)], 1).gather(1, columns[owners])
    scores = torch.log_softmax(own, -1)
    return [line[: len(loaded.scorer.words.ids)] for line, loaded in zip(scores, prompts, strict=True)]


def number_prompts(prompts: Sequence[LoadedPrompt]) -> tuple[list[LoadedPrompt], list[int]]:
    """Return the different prompts in order of appearance, and which of them each row has, [N]."""
    places: dict[LoadedPrompt, int] = {}
    owners = [places.setdefault(loaded, len(places)) for loaded in prompts]
    return list(places), owners


def index_words(prompts: Sequence[LoadedPrompt]) -> tuple[list[int], Tensor]:
    """Return the ids of all label words, each once, and where each prompt's are among them, [G,longest K].

    A prompt with fewer labels than another has the number behind the last in its remaining columns.
    """
    places: dict[int, int] = {}
    own = [[places.setdefault(word, len(places)) for word in loaded.scorer.words.ids] for loaded in prompts]
    longest = max(map(len, own))
    return list(places), torch.tensor([[*line, *[len(places)] * (longest - len(line))] for line in own])


def _read_joined(backbone: Backbone, rows: Rows, distinct: Sequence[LoadedPrompt], owners: Sequence[int]) -> Tensor:
    """Return the states [N,H] that answer, from prompt and text of each row side by side."""
    fronts = [len(distinct[owner].prompt) for owner in owners]
    fill = int(backbone.tokenizer.pad_token_id)
    # the prompts' places hold the padding token until its embeddings are overwritten
    ids, mask = pad([[fill] * front + list(row) for front, row in zip(fronts, rows, strict=True)], backbone)
    inputs = backbone.model.get_input_embeddings()(ids)
    if any(fronts):
        places, sources = index_prompts(fronts, distinct, owners, ids.shape[1])
        bank = torch.cat([loaded.prompt for loaded in distinct]).to(inputs)
        device = inputs.device
        inputs.flatten(0, 1).index_copy_(0, places.to(device), bank.index_select(0, sources.to(device)))
    if backbone.kind == "causal":
        return causal.answer(backbone, inputs, mask)
    sentinels = [distinct[owner].scorer.decoder_sentinel for owner in owners]
    return answer_seq2seq(backbone, inputs, mask, sentinels)


def index_prompts(
    fronts: Sequence[int], distinct: Sequence[LoadedPrompt], owners: Sequence[int], width: int
) -> tuple[Tensor, Tensor]:
    """Return, for all prompt positions of N rows of this width: their places among N * width, and their sources among
    the different prompts one behind the other."""
    starts = [0]
    for loaded in distinct:
        starts.append(starts[-1] + len(loaded.prompt))
    places = [torch.arange(row * width, row * width + front) for row, front in enumerate(fronts)]
    sources = [torch.arange(starts[owner], starts[owner + 1]) for owner in owners]
    return torch.cat(places), torch.cat(sources)


def _read_behind(backbone: Backbone, rows: Rows, distinct: Sequence[LoadedPrompt], owners: Sequence[int]) -> Tensor:
    """Return the states [N,H] of a causal model that answer, from the prompts' stored keys and values.

    Different prompts are stacked once, and every row takes its own.
    """
    ids, mask = pad(rows, backbone)
    stored, front = stack_stored(distinct)
    which = torch.tensor(owners, device=mask.device)
    own = stored.expand(len(rows), *stored.shape[1:]) if len(distinct) == 1 else stored.index_select(0, which)
    seen = torch.cat([front.to(mask)[which], mask], 1)
    return causal.answer(backbone, backbone.model.get_input_embeddings()(ids), seen, own.unbind(1))


def stack_stored(prompts: Sequence[LoadedPrompt]) -> tuple[Tensor, Tensor]:
    """Stack keys and values of G prompts, of which one at least has some, to [G,2L,Hkv,P,dh] with a mask [G,P].

    Shorter ones are padded on the left, so that a text follows its prompt; one of no length is all padding.
    """
    longest = max(len(loaded.prompt) for loaded in prompts)
    like = next(loaded.shared for loaded in prompts if loaded.shared is not None)
    stored = like.new_zeros(len(prompts), *like.shape[:2], longest, like.shape[-1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=like.device)
    for place, loaded in enumerate(prompts):
        if loaded.shared is not None:
            stored[place, :, :, longest - len(loaded.prompt) :] = loaded.shared
            mask[place, longest - len(loaded.prompt) :] = 1
    return stored, mask
