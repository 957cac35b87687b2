"""Label-word log-probabilities: log Pr_theta([MASK] = y | [P;E]) of the paper's L_ce, over label words only.

The head is applied to K rows of its matrix, never to the whole vocabulary, at the one position that answers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.classifier import causal
from dawgen.errors import ModelError
from dawgen.models.load import Backbone
from dawgen.prompt.soft_prompt import join
from dawgen.prompt.template import SENTINEL, find_sentinel

# padded tokens, prompts included, of one evaluation batch
CPU_BUDGET = 1024  # the activations of this many fit into a core's caches
GPU_BUDGET = 8192


def score_batch(
    backbone: Backbone,
    ids: Tensor,
    mask: Tensor,
    word_ids: Sequence[int],
    prompt: Tensor,
    *,
    prompt_mask: Tensor | None = None,
    decoder_sentinel: bool = False,
) -> Tensor:
    """Return label-word log-probabilities [B,K] in float32, with gradient where the prompt has one.

    ids, mask: [B,T], right-padded. prompt: [P,H] or [B,P,H]; P may be 0. prompt_mask: [B,P] for prompts padded left.
    """
    hidden = read_state(backbone, ids, mask, prompt, prompt_mask=prompt_mask, decoder_sentinel=decoder_sentinel)
    return torch.log_softmax(score_words(backbone, hidden, word_ids), -1)


def read_state(
    backbone: Backbone,
    ids: Tensor,
    mask: Tensor,
    prompt: Tensor,
    *,
    prompt_mask: Tensor | None = None,
    decoder_sentinel: bool = False,
) -> Tensor:
    """Return the state [B,H] that answers: the decoder's first, or a causal model's last. Arguments: `score_batch`."""
    inputs, seen = join(prompt, prompt_mask, backbone.model.get_input_embeddings()(ids), mask)
    if backbone.kind == "seq2seq":
        return answer_seq2seq(backbone, inputs, seen, [decoder_sentinel] * len(inputs))
    return causal.answer(backbone, inputs, seen)


def score_behind(
    backbone: Backbone, ids: Tensor, mask: Tensor, word_ids: Sequence[int], shared: Sequence[Tensor]
) -> Tensor:
    """Return the same [B,K] as `score_batch`, from the keys and values of each row's prompt, [B,Hkv,P,dh] each."""
    seen = torch.cat([mask.new_ones(len(mask), shared[0].shape[2]), mask], 1)
    hidden = causal.answer(backbone, backbone.model.get_input_embeddings()(ids), seen, shared)
    return torch.log_softmax(score_words(backbone, hidden, word_ids), -1)


def score_words(backbone: Backbone, hidden: Tensor, word_ids: Sequence[int]) -> Tensor:
    """Return the words' logits [B,K] in float32 from the last hidden state [B,H]: h @ head[word_ids].T (+ bias).

    A T5 with `scale_decoder_outputs` multiplies h by d_model**-0.5 first, as its own head does.
    """
    config, head = backbone.model.config, backbone.model.get_output_embeddings()
    chosen = torch.tensor(list(word_ids), device=hidden.device)
    if getattr(config, "scale_decoder_outputs", False):  # T5 family only
        hidden = hidden * config.d_model**-0.5
    logits: Tensor = (hidden @ head.weight[chosen].T).float()
    if head.bias is not None:
        logits = logits + head.bias[chosen].float()
    extra = getattr(backbone.model, "final_logits_bias", None)  # BART family only
    if extra is not None:
        logits = logits + extra[0, chosen].float()
    return logits


def score_rows(
    backbone: Backbone,
    rows: Sequence[Sequence[int]],
    word_ids: Sequence[int],
    prompt: Tensor,
    *,
    prompt_mask: Tensor | None = None,
    decoder_sentinel: bool = False,
    token_budget: int | None = None,
) -> Tensor:
    """Return label-word log-probabilities [N,K] in float32 on the CPU, without gradient, in the order of the rows.

    rows: token ids. prompt: [P,H], or [N,P,H] with one for each row and then `prompt_mask` [N,P] where lengths differ.
    Rows of similar length share a batch of at most `token_budget` padded tokens; None chooses by device.
    """
    result = torch.empty(len(rows), len(word_ids))
    length, budget = prompt.shape[-2], token_budget or choose_budget(backbone.model.device.type)
    with torch.no_grad():
        shared = causal.prefill(backbone, prompt[None]) if prompt.dim() == 2 else None
        for batch in bucket([len(row) + length for row in rows], budget):
            ids, mask = pad([rows[row] for row in batch], backbone)
            if shared is not None:
                fronts = [part.expand(len(batch), -1, -1, -1) for part in shared]
                result[batch] = score_behind(backbone, ids, mask, word_ids, fronts).cpu()
                continue
            own = prompt if prompt.dim() == 2 else prompt[batch]
            own_mask = None if prompt_mask is None else prompt_mask[batch]
            result[batch] = score_batch(
                backbone, ids, mask, word_ids, own, prompt_mask=own_mask, decoder_sentinel=decoder_sentinel
            ).cpu()
    return result


def judge_scores(scores: Tensor, labels: Sequence[int]) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy in nats of label log-probabilities [N,K]."""
    targets = torch.tensor(labels)
    accuracy = float((scores.argmax(1) == targets).double().mean())
    return accuracy, float(-scores.gather(1, targets[:, None]).double().mean())


def choose_budget(device: str) -> int:
    """Return how many tokens an evaluation batch may have on a type of device."""
    return CPU_BUDGET if device == "cpu" else GPU_BUDGET


def bucket(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group row numbers by length: each group, padded to its longest row, holds at most `token_budget` tokens.

    A row longer than the budget gets a group of its own.
    """
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):  # longest first: memory peaks at once
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= token_budget:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def split(lengths: Sequence[int], token_budget: int, overhead: int) -> list[list[int]]:
    """Group row numbers by length so that padded tokens + overhead * groups are fewest, within the budget of `bucket`.

    overhead: what one more group costs, in tokens. Groups of rows sorted by length are best: cost(n) of the n longest
    rows is min over m < n of cost(m) + (n - m) * lengths[m] + overhead. Rows within a group stay in their order.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    costs, starts = [0], [0]
    for end in range(1, len(order) + 1):
        tokens = [(end - start) * lengths[order[start]] for start in range(end)]
        fits = [start for start in range(end) if tokens[start] <= token_budget or start == end - 1]
        best = min(fits, key=lambda start: costs[start] + tokens[start])
        costs.append(costs[best] + tokens[best] + overhead)
        starts.append(best)
    groups: list[list[int]] = []
    end = len(order)
    while end:
        groups.insert(0, sorted(order[starts[end] : end]))
        end = starts[end]
    return groups


def pad(rows: Sequence[Sequence[int]], backbone: Backbone) -> tuple[Tensor, Tensor]:
    """Return ids and mask [B,T] on the model's device, padded on the right."""
    longest = max(len(row) for row in rows)
    fill = backbone.tokenizer.pad_token_id
    ids = [[*row, *[fill] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    device = backbone.model.device
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def answer_seq2seq(backbone: Backbone, inputs: Tensor, mask: Tensor, sentinels: Sequence[bool]) -> Tensor:
    """Return the decoder's state [B,H] after [start] or, where a row's sentinel switch is on, [start] <extra_id_0>.

    inputs: [B,S,H], mask: [B,S]. The first position does not see the second: one decoder pass serves both.
    """
    model = backbone.model
    encoded = model.get_encoder()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    begin = [model.config.decoder_start_token_id]
    if any(sentinels):
        begin.append(_find_sentinel(backbone))
    start = torch.tensor([begin], device=inputs.device).expand(len(inputs), -1)
    states = model.get_decoder()(
        input_ids=start, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    if all(sentinels) or not any(sentinels):
        return states[:, -1]  # type: ignore[no-any-return]
    places = torch.tensor(sentinels, device=inputs.device).long()
    return states[torch.arange(len(states), device=inputs.device), places]  # type: ignore[no-any-return]


def _find_sentinel(backbone: Backbone) -> int:
    number = find_sentinel(backbone.tokenizer)
    if number is None:
        raise ModelError(f"{backbone.name}: expected {SENTINEL} in its vocabulary. Set decoder_sentinel to false.")
    return number
