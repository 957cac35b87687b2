"""Rows of different prompts in one forward pass of the frozen model: [P_i;E_i] and label words for each row.

Prompt and text of a row stand side by side, with the padding behind both: relative distances, positions and windows are
then those of the row alone. Only stored keys and values of a causal model's prompts are padded, on their left. Prompts
behind the text are read in a pass of their own, padded behind; each text is read once, under however many it stands.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dawgen.classifier import causal
from dawgen.classifier.batches import pad
from dawgen.classifier.behind import ask, gather, read_apart
from dawgen.classifier.context import Context, read_causal, read_seq2seq
from dawgen.classifier.head import score_words
from dawgen.classifier.names import score_names
from dawgen.classifier.seq2seq import answer_seq2seq
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts

Rows = Sequence[Sequence[int]]


def score_mixed(
    backbone: Backbone, rows: Rows, prompts: Sequence[LoadedPrompt], texts: ReadTexts | None = None
) -> list[Tensor]:
    """Return label-word log-probabilities of each row under its own prompt, [K_i] in float32 on the CPU, in order.

    rows: N lists of token ids, not empty. prompts: N, one for each row, of any length, labels and sentinel switch.
    texts: keeps what was read of texts in front of prompts; None for this batch only.
    One batch: N times the longest [P_i;E_i] has to fit into memory.
    """
    found: dict[int, Tensor] = {}
    kept = ReadTexts("one batch", memory=0) if texts is None else texts
    for places in group_rows(prompts):
        own, asked = [rows[place] for place in places], [prompts[place] for place in places]
        score = _score_tokens if asked[0].scorer.words.single else _score_names
        found |= zip(places, score(backbone, own, asked, kept), strict=True)
    return [found[place] for place in range(len(rows))]


def group_rows(prompts: Sequence[LoadedPrompt]) -> list[list[int]]:
    """Return the rows that are read together: those with label words of one token; and the others, by the sentinel.
    Prompts behind the text are apart, and names behind them by their length too, since a decoder goes on with them
    without gaps."""
    groups: dict[tuple[bool, Any], list[int]] = {}
    for place, loaded in enumerate(prompts):
        kind = None if loaded.scorer.words.single else loaded.scorer.decoder_sentinel
        size = None if loaded.asked is None or kind is None else len(loaded.asked)
        groups.setdefault((loaded.asked is not None, (kind, size)), []).append(place)
    return list(groups.values())


def _score_tokens(backbone: Backbone, rows: Rows, prompts: Sequence[LoadedPrompt], texts: ReadTexts) -> list[Tensor]:
    """Score rows whose label words are one token each: one product with the words of all prompts."""
    distinct, owners = number_prompts(prompts)
    with torch.inference_mode():
        if distinct[0].asked is not None:
            hidden = _ask(backbone, rows, distinct, owners, texts).state
        elif any(loaded.shared is not None for loaded in distinct):
            hidden = causal.answer(backbone, *_put_behind(backbone, rows, distinct, owners))
        elif backbone.kind == "causal":
            hidden = causal.answer(backbone, *_join(backbone, rows, distinct, owners))
        else:
            sentinels = [loaded.scorer.decoder_sentinel for loaded in prompts]
            hidden = answer_seq2seq(backbone, *_join(backbone, rows, distinct, owners), sentinels)
        words, columns = index_words(distinct)
        logits = score_words(backbone, hidden, words).cpu()
    # Outside inference mode, so that callers get ordinary tensors. [N,longest K]; the added column of -inf stands for
    # the labels that a row's prompt does not have.
    own = torch.cat([logits, logits.new_full((len(rows), 1), -torch.inf)], 1).gather(1, columns[owners])
    scores = torch.log_softmax(own, -1)
    return [line[: len(loaded.scorer.words.ids)] for line, loaded in zip(scores, prompts, strict=True)]


def _score_names(backbone: Backbone, rows: Rows, prompts: Sequence[LoadedPrompt], texts: ReadTexts) -> list[Tensor]:
    """Score rows whose label words are names: all are read together, then each prompt's rows go on with its names."""
    distinct, owners = number_prompts(prompts)
    found: dict[int, Tensor] = {}
    with torch.inference_mode():
        if distinct[0].asked is not None:
            context = _ask(backbone, rows, distinct, owners, texts)
        elif any(loaded.shared is not None for loaded in distinct):
            context = read_causal(backbone, *_put_behind(backbone, rows, distinct, owners))
        elif backbone.kind == "causal":
            context = read_causal(backbone, *_join(backbone, rows, distinct, owners))
        else:
            sentinel = prompts[0].scorer.decoder_sentinel
            context = read_seq2seq(backbone, *_join(backbone, rows, distinct, owners), sentinel=sentinel)
        for number, loaded in enumerate(distinct):
            own = [row for row, owner in enumerate(owners) if owner == number]
            part = context.take(torch.tensor(own, device=context.mask.device))
            found |= zip(own, score_names(part, loaded.scorer.words.ids).cpu(), strict=True)
    return [found[row].clone() for row in range(len(rows))]  # outside inference mode: ordinary tensors


def number_prompts(prompts: Sequence[LoadedPrompt]) -> tuple[list[LoadedPrompt], list[int]]:
    """Return the different prompts in order of appearance, and which of them each row has, [N]."""
    places: dict[LoadedPrompt, int] = {}
    owners = [places.setdefault(loaded, len(places)) for loaded in prompts]
    return list(places), owners


def index_words(prompts: Sequence[LoadedPrompt]) -> tuple[list[int], Tensor]:
    """Return the ids of label words of one token, each once, and where each prompt's are among them, [G,longest K].

    A prompt with fewer labels than another has the number behind the last in its remaining columns.
    """
    places: dict[int, int] = {}
    own = [[places.setdefault(word, len(places)) for word in loaded.scorer.words.single or ()] for loaded in prompts]
    longest = max(map(len, own))
    return list(places), torch.tensor([[*line, *[len(places)] * (longest - len(line))] for line in own])


def _ask(
    backbone: Backbone, rows: Rows, distinct: Sequence[LoadedPrompt], owners: Sequence[int], texts: ReadTexts
) -> Context:
    """Return rows that were read up to the answer, with their own prompts behind their texts."""
    whole = [(*distinct[owner].scorer.front, *row) for owner, row in zip(owners, rows, strict=True)]
    parts = texts.take(whole, partial(read_apart, backbone, alone=False))
    device = backbone.model.device
    asked = [loaded.asked for loaded in distinct if loaded.asked is not None]
    inputs = pad_sequence(asked, batch_first=True)
    lengths = torch.tensor([len(part) for part in asked], device=device)
    seen = (torch.arange(inputs.shape[1], device=device) < lengths[:, None]).long()
    which = torch.tensor(owners, device=device)
    return ask(backbone, gather(parts, device), inputs.index_select(0, which), seen.index_select(0, which))


def _join(
    backbone: Backbone, rows: Rows, distinct: Sequence[LoadedPrompt], owners: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return inputs [N,S,H] and mask [N,S]: prompt and text of each row side by side."""
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
    return inputs, mask


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


def _put_behind(
    backbone: Backbone, rows: Rows, distinct: Sequence[LoadedPrompt], owners: Sequence[int]
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Return inputs [N,T,H], their mask [N,P+T], and the stored keys and values of each row's prompt, [N,Hkv,P,dh].

    Different prompts are stacked once, and every row takes its own.
    """
    ids, mask = pad(rows, backbone)
    stored, front = stack_stored(distinct)
    which = torch.tensor(owners, device=mask.device)
    own = stored.expand(len(rows), *stored.shape[1:]) if len(distinct) == 1 else stored.index_select(0, which)
    seen = torch.cat([front.to(mask)[which], mask], 1)
    return backbone.model.get_input_embeddings()(ids), seen, own.unbind(1)


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
