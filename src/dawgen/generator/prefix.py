"""The label-conditional prefix of a frozen causal model: Q = (key/value prefix, opening and infix embeddings).

Q_l is read from the key/value cache of the written prompt of label l, so that tuning starts from what the prompt says.
The control code's part is shared by all labels, kept apart and never tuned (FewGen). All of Q is in float32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from dawgen.errors import ModelError
from dawgen.generator.codec import Batch, Codec
from dawgen.generator.tune.likelihood import Likelihood, target_likelihood
from dawgen.models.cache import name_cache, read_cache

Q = Mapping[str, Tensor]


@dataclass(frozen=True)
class Prefix:
    """A frozen model with its tunable tensors.

    q: "prompt" [K,L,2,Hkv,P,dh], "inputs" [K,1+I,H] (opening, infix) and, where the model has no end token, "end" [H].
    control [L,2,Hkv,C,dh] is frozen. mask [K,C+P]: 0 where a label's prompt is shorter than the longest (left).
    rivals [K,M] int64: the labels that a text of each label is held against; None for all others.
    """

    model: Any
    q: dict[str, Tensor]
    control: Tensor
    mask: Tensor
    rivals: Tensor | None = None

    @property
    def labels(self) -> int:
        """K, the number of labels."""
        return self.mask.shape[0]

    @property
    def held(self) -> Tensor:
        """The labels [K,1+M] under which a text of each label is read: its own, then its rivals."""
        if self.rivals is None:
            return take_turns(self.labels, self.mask.device)
        return torch.cat([torch.arange(self.labels, device=self.rivals.device)[:, None], self.rivals], dim=1)

    @property
    def length(self) -> int:
        """C + P, the cache positions that every row starts with."""
        return self.mask.shape[1]

    @property
    def window(self) -> int | None:
        """The model's limit of positions, None where it has none."""
        return getattr(self.model.config, "max_position_embeddings", None)

    def prefill(self, batch: Batch, q: Q | None = None) -> tuple[Tensor, DynamicCache, Tensor, Tensor]:
        """Run the model once, each row after its own label's prefix.

        Returns hidden states [B,T,H], the grown cache, the full mask [B,C+P+T] and the next position ids [B].
        """
        q = q or self.q
        size = len(batch.labels)
        embeds = self.model.get_input_embeddings()(batch.inputs.clamp(min=0))
        learned = q["inputs"].to(embeds.dtype)[batch.labels[:, None], (-1 - batch.inputs).clamp(min=0)]
        embeds = torch.where((batch.inputs < 0)[..., None], learned, embeds)  # fresh: CTRL scales its input in place
        rows = q["prompt"][batch.labels]
        pairs = []
        for layer in range(rows.shape[1]):
            control = self.control[layer].expand(size, -1, -1, -1, -1)
            whole = torch.cat([control, rows[:, layer]], dim=-2).to(embeds.dtype)
            pairs.append((whole[:, 0], whole[:, 1]))
        cache = DynamicCache(pairs, config=self.model.config)  # every forward grows its cache: a new one each time
        mask = torch.cat([self.mask[batch.labels], batch.mask], dim=1)
        if mask.shape[1] != cache.get_seq_length() + batch.inputs.shape[1]:  # a shorter one gives wrong numbers
            raise ModelError(f"attention mask of {mask.shape[1]} positions for a cache of {cache.get_seq_length()}.")
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        output = self.model.base_model(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=positions[:, -batch.inputs.shape[1] :],
            use_cache=True,
            **{name_cache(self.model.base_model): cache},
        )
        return output.last_hidden_state, cache, mask, positions[:, -1] + 1

    def states(self, batch: Batch, q: Q | None = None) -> Tensor:
        """Return the last hidden states [N,H] at the positions that predict the targets."""
        return self.prefill(batch, q)[0][batch.rows, batch.columns]

    def logits(self, states: Tensor, q: Q | None = None) -> Tensor:
        """Return float32 logits [N,V] of states [N,H], or [N,V+1] where the end token is learned."""
        logits: Tensor = self.model.get_output_embeddings()(states).float()
        end = (q or self.q).get("end")
        return logits if end is None else torch.cat([logits, states.float() @ end[:, None]], dim=1)

    def likelihood(self, states: Tensor, targets: Tensor, q: Q | None = None) -> Likelihood:
        """Return log Pr(x_j | x_<j; Q) [N] of the targets with its slopes; the head sees target positions only."""
        return target_likelihood(states, self.model.get_output_embeddings(), (q or self.q).get("end"), targets)

    def log_probs(self, states: Tensor, targets: Tensor, q: Q | None = None) -> Tensor:
        """Return log Pr(x_j | x_<j; Q) [N] of the targets."""
        return self.likelihood(states, targets, q).log_probs


def take_turns(count: int, device: torch.device | str = "cpu") -> Tensor:
    """Return all labels [K,K] from each label on, in turn: (own + d) modulo K."""
    order = torch.arange(count, device=device)
    return (order[:, None] + order) % count


def read_prefix(model: Any, codec: Codec, prompts: Sequence[str], *, control_code: str, infix: str) -> Prefix:
    """Read the prefix of each label from the key/value cache of "<control code> <prompt>", and check it.

    In a chat template the two are the user's turn, and the opening of the assistant's stands behind them.

    Raises:
        ModelError: the model cannot work behind a key/value prefix, or all prompts are empty.
    """
    control = codec.start() + codec.encode(control_code)
    written = [codec.encode_prompt(prompt) for prompt in prompts]
    longest = max(map(len, written)) - 1
    if longest + len(control) == 0:
        raise ModelError("the written prompts have one token each: nothing to tune.\nGive the task longer prompts.")
    parts = [_read_cache(model, control + ids[:-1]) for ids in written]
    size = len(control)
    shift = [longest + 1 - len(ids) for ids in written]
    prompt = torch.stack([pad(part[..., size:, :], (0, 0, n, 0)) for part, n in zip(parts, shift, strict=True)])
    mask = torch.tensor([[1] * size + [0] * n + [1] * (longest - n) for n in shift], device=prompt.device)
    embed = model.get_input_embeddings().weight
    infix_ids = codec.encode(infix) if infix else []
    inputs = torch.stack([embed[torch.tensor([ids[-1], *infix_ids], device=embed.device)] for ids in written])
    q = {"prompt": prompt, "inputs": inputs.float()}
    if codec.learns_end:  # initialised as the full stop: untuned texts then end where they would have written one
        q["end"] = model.get_output_embeddings().weight[codec.encode(".")[-1]].float()
    prefix = Prefix(model, {name: tensor.clone() for name, tensor in q.items()}, parts[0][..., :size, :], mask)
    _check(prefix, [control + ids for ids in written])
    return prefix


@torch.no_grad()
def _read_cache(model: Any, ids: list[int]) -> Tensor:
    """Return the key/value cache [L,2,Hkv,n,dh] of a written text, in float32."""
    # A prompt of one token has no cache, as this token is the opening; no model reads an empty text, so it reads one
    # token, whose column is cut off below.
    read = ids or [0]
    output = model.base_model(input_ids=torch.tensor([read], device=model.device), use_cache=True)
    try:
        layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in read_cache(output).layers]
        return torch.stack(layers).float()[..., : len(ids), :]
    except (AttributeError, TypeError, RuntimeError) as error:  # no such cache, or layers of unlike shapes
        raise _unsupported(model) from error


@torch.no_grad()
def _check(prefix: Prefix, prompts: Sequence[Sequence[int]]) -> None:
    """Compare the opening's logits behind the prefix with the model's own logits for the same written prompt."""
    size, device = len(prompts), prefix.model.device
    opening = torch.full((size, 1), -1, device=device)
    order = torch.arange(size, device=device)
    batch = Batch(order, opening, torch.ones_like(opening), order, torch.zeros_like(order), order)
    states = prefix.states(batch)
    for i, ids in enumerate(prompts):
        own = prefix.model(input_ids=torch.tensor([ids], device=device)).logits[0, -1].float()
        ours = prefix.logits(states[i : i + 1])[0, : len(own)]
        tolerance = 1e-3 if prefix.model.dtype == torch.float32 else 0.2
        if (own - ours).abs().max() > tolerance * own.abs().max().clamp(min=1):
            raise _unsupported(prefix.model)


def _unsupported(model: Any) -> ModelError:
    return ModelError(
        f"a {model.config.model_type} model does not read a key/value prefix as it reads the written prompt.\n"
        "Use a family such as CTRL, GPT-2, Llama or Qwen as generator."
    )
