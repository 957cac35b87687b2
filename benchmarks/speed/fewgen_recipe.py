"""FewGen's tuning step (Meng et al. 2023), written anew from its paper and its public code, to be timed against.

What is as there: a deep copy of the model that takes over the whole state_dict at every step; three forwards under all
labels, each row padded to 128 tokens, with logits at every position; the virtual step by double backward
(create_graph=True), `.backward()` of the discriminative loss through both graphs; own-label cross-entropy at every
position, masked afterwards; dropout of 0.1 on the prefix, the embeddings and the layers; AdamW with clipping for the
prefix, Adam for the weight net, both with linear decay. The attention is the plain one, as at its time; the fused
kernels cannot be differentiated twice.

What is DawGen's: the losses themselves (`Objective`'s formulas, so that both sides can be compared number by number):
log-probabilities instead of raw logits in the discriminative loss, L_dist, the weight net's input and its start.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, pad
from transformers import DynamicCache

from dawgen.config import SEED, GeneratorConfig
from dawgen.generator.codec import Batch
from dawgen.generator.prefix import Prefix
from dawgen.generator.tune.alignment import alignment_loss, compare
from dawgen.generator.tune.weighting import WeightNet, token_disc_loss, weighted_nll
from dawgen.models.cache import name_cache
from dawgen.rng import torch_rng

LENGTH = 128  # max_seq_length of its scripts
IGNORED = -100


class PrefixModel(nn.Module):
    """The language model with a prefix of every label as its parameters: all that the state_dict copies."""

    def __init__(self, prefix: Prefix) -> None:
        super().__init__()
        self.language = prefix.model
        self.language.set_attn_implementation("eager")
        self.q = nn.ParameterDict({name: value.detach().clone() for name, value in prefix.q.items()})
        self.control = nn.Parameter(prefix.control.detach().clone(), requires_grad=False)
        self.register_buffer("mask", prefix.mask)

    def forward(self, inputs: Tensor, mask: Tensor, q: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return states [K,B,T,H] and logits [K,B,T,V] of rows [B,T] under every label."""
        labels, size = len(q["prompt"]), len(inputs)
        embeds = self.language.get_input_embeddings()(inputs.clamp(min=0)).expand(labels, -1, -1, -1)
        learned = q["inputs"][:, (-1 - inputs).clamp(min=0)].to(embeds.dtype)
        embeds = torch.where((inputs < 0)[..., None], learned, embeds).flatten(0, 1)
        prompt = torch.cat([self.control.expand(labels, -1, -1, -1, -1, -1), q["prompt"]], dim=-2)
        prompt = prompt[:, None].expand(-1, size, -1, -1, -1, -1, -1).flatten(0, 1)
        prompt = dropout(prompt, self.language.config.embd_pdrop, self.training).to(embeds.dtype)
        cache = DynamicCache([(layer[:, 0], layer[:, 1]) for layer in prompt.unbind(1)], config=self.language.config)
        whole = torch.cat([self.mask.repeat_interleave(size, 0), mask.repeat(labels, 1)], dim=1)
        positions = (whole.cumsum(1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
        base = self.language.base_model
        states = base(
            inputs_embeds=embeds, attention_mask=whole, position_ids=positions, **{name_cache(base): cache}
        ).last_hidden_state
        logits = self.language.get_output_embeddings()(states)
        if "end" in q:
            logits = torch.cat([logits, (states.float() @ q["end"][:, None]).to(logits.dtype)], dim=-1)
        return states.unflatten(0, (labels, size)), logits.unflatten(0, (labels, size))


class FewGen:
    """The recipe on a prefix, which it copies: its own is `model.q`."""

    def __init__(self, prefix: Prefix, config: GeneratorConfig, *, seed: int = SEED, drop: bool = True) -> None:
        self.config = config
        self.model = PrefixModel(prefix).train(drop)
        self.meta = copy.deepcopy(self.model)
        width = prefix.q["inputs"].shape[-1] if config.weight_input == "hidden" else 1
        self.net = WeightNet(width, torch_rng(seed, "generator/weights")).to(prefix.model.device)
        self.optimizer = torch.optim.AdamW(self.model.q.values(), lr=config.lr, weight_decay=0.0)
        self.weight_optimizer = torch.optim.Adam(self.net.parameters(), lr=config.weight_lr, weight_decay=1e-4)

    def step(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Take step `number`; return its scalars."""
        left = 1 - number / self.config.steps
        self.optimizer.param_groups[0]["lr"] = self.config.lr * left
        self.weight_optimizer.param_groups[0]["lr"] = self.config.weight_lr * left
        rows = _Padded(batch, self.config, len(self.model.mask))
        self.meta.load_state_dict(self.model.state_dict())
        q = {name: value.detach().clone().requires_grad_() for name, value in self.meta.q.items()}
        inner = rows.inner(*self.meta(rows.inputs, rows.mask, q), self.net, learn=True)
        gradients = torch.autograd.grad(inner, list(q.values()), create_graph=True)
        moved = {
            name: value - self.config.meta_lr * gradient
            for (name, value), gradient in zip(q.items(), gradients, strict=True)
        }
        disc = rows.disc(self.meta(rows.inputs, rows.mask, moved)[1]).mean()
        self.weight_optimizer.zero_grad()
        disc.backward()
        self.weight_optimizer.step()
        del inner, gradients, moved, q
        inner = rows.inner(*self.model(rows.inputs, rows.mask, dict(self.model.q)), self.net, learn=False)
        self.optimizer.zero_grad()
        inner.backward()
        nn.utils.clip_grad_norm_(self.model.q.values(), self.config.clip)
        self.optimizer.step()
        return {"loss": inner.detach(), "disc_loss": disc.detach()}


class _Padded:
    """A batch as the recipe sees it: rows [B,128] and a target at every position, IGNORED where there is none."""

    def __init__(self, batch: Batch, config: GeneratorConfig, labels: int) -> None:
        self.config, self.batch = config, batch
        missing = LENGTH - batch.inputs.shape[1]
        self.inputs, self.mask = pad(batch.inputs, (0, missing)), pad(batch.mask, (0, missing))
        self.targets = torch.full_like(self.inputs, IGNORED)
        self.targets[batch.rows, batch.columns] = batch.targets
        self.order = (batch.labels + torch.arange(labels, device=batch.labels.device)[:, None]) % labels  # own first
        self.triples = compare(batch.labels, config.alignment, others=labels - 1) if config.kind == "dawgen" else None

    def disc(self, logits: Tensor) -> Tensor:
        """Return the discriminative loss [N] of the target tokens from logits [K,B,T,V]."""
        batch = self.batch
        shifted = logits[..., :-1, :].contiguous()  # the last position predicts nothing
        chosen = shifted[:, batch.rows, batch.columns].float()  # [K,N,V]
        scored = chosen.gather(2, batch.targets.expand(len(chosen), -1)[..., None]).squeeze(2)
        log_probs = (scored - chosen.logsumexp(2)).gather(0, self.order[:, batch.rows])  # own label first
        return token_disc_loss(log_probs, self.config.disc_loss)

    def inner(self, states: Tensor, logits: Tensor, net: WeightNet, *, learn: bool) -> Tensor:
        """Return L_DawGen of states [K,B,T,H] and logits [K,B,T,V], with a graph of the weight net or without."""
        batch, config = self.batch, self.config
        rows = torch.arange(len(self.inputs), device=logits.device)
        tokens = states[self.order, rows][:, batch.rows, batch.columns]  # [K,N,H], own label first
        weights = net(tokens[0].float() if config.weight_input == "hidden" else self.disc(logits)[:, None])
        weights = weights if learn else weights.detach()
        own = logits[..., :-1, :].contiguous()[batch.labels, rows].float()
        targets = self.targets[:, :-1].flatten()
        nll = cross_entropy(own.flatten(0, 1), targets, reduction="none", ignore_index=IGNORED)
        loss = weighted_nll(weights, -nll[targets != IGNORED])
        if self.triples is None:
            return loss
        tokens = tokens if config.alignment == "B" else tokens[:1]
        options: Any = {"margin": config.margin, "reading": config.alignment}
        return loss + config.dist_weight * alignment_loss(tokens, weights, batch.rows, self.triples, **options)
