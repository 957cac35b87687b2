"""The frozen target as a task asks it: log Pr_theta([MASK] = y | [P;E]) of the paper's L_ce, over label words only.

Everything that scores texts takes one `Scorer`: classifier, training, in-context learning, trained weights, shards, the
service. Where every label has one token the head is applied to K rows of its matrix, never to the whole vocabulary, at
the one position that answers; names of several tokens are scored in `names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dawgen.classifier import causal
from dawgen.classifier.batches import bucket, choose_budget, pad
from dawgen.classifier.behind import Reading, ask, check_behind, gather, make_inputs, read_apart, read_together
from dawgen.classifier.context import Context, read_causal, read_seq2seq
from dawgen.classifier.head import score_words
from dawgen.classifier.names import score_names
from dawgen.classifier.seq2seq import answer_seq2seq
from dawgen.config import Placement, TargetConfig
from dawgen.models.chat import NO_CHAT, Chat, find_chat
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts
from dawgen.prompt.label_words import LabelWords, resolve_label_words
from dawgen.prompt.soft_prompt import join
from dawgen.prompt.template import Rendered, encode_tail, limit_tokens, render
from dawgen.records import Example
from dawgen.tasks.task import Task

Ids = Sequence[Sequence[int]]  # token ids of some rows
KEPT_SHARE = 8  # positions of a kept text that cost as much as one that is computed


@dataclass(frozen=True)
class Scorer:
    """A frozen model, asked with one template for the words of each label.

    words: in the order of the task's labels. max_tokens: of a rendered example, already limited to what the model's
    window leaves beside the prompt (`limit`). decoder_sentinel: whether <extra_id_0> stands before the label word.
    chat: the chat template around prompt and text, so that the model reads [E(front); P; E(text)].
    placement: behind, it reads [E(front); E(text); P; E(tail)], an encoder-decoder [P] in its decoder (`behind`).
    texts: keeps what the model has read of texts before a prompt behind them; None reads them anew each time.

        scorer = Scorer.of(backbone, task, TargetConfig(), prompt_length=len(prompt))
        scores = scorer.score(scorer.render(examples).ids, prompt)  # [N,K]
    """

    backbone: Backbone
    template: str
    words: LabelWords
    max_tokens: int
    decoder_sentinel: bool = False
    chat: Chat = NO_CHAT
    placement: Placement = "before"
    texts: ReadTexts | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, backbone: Backbone, task: Task, config: TargetConfig, *, prompt_length: int = 0) -> Scorer:
        """Return the scorer of a task, for texts beside a prompt of so many rows. Texts before a prompt are kept with
        the backbone.

        Raises:
            ConfigError: a label word that the tokenizer does not have, a prompt that leaves no room for a text, a
                chat template that is wanted and not there, or a model that cannot have its prompt behind a text.
        """
        chat = find_chat(backbone.tokenizer, config.chat)
        words = resolve_label_words(backbone.tokenizer, task.labels, task.label_words, spaced=chat.spaced)
        texts = None
        if config.placement == "behind":
            check_behind(backbone)
            texts = backbone.texts
        scorer = cls(
            backbone, task.template, words, config.max_tokens, config.decoder_sentinel, chat, config.placement, texts
        )
        return scorer.limit(prompt_length)

    def limit(self, prompt_length: int) -> Scorer:
        """Return the scorer with `max_tokens` limited to what the window leaves beside a prompt of so many rows.

        Raises:
            ConfigError: it leaves no room for a text.
        """
        inside = self.placement == "behind" and self.backbone.kind == "seq2seq"  # its decoder
        beside = len(self.front) + (0 if inside else prompt_length) + len(self.tail)
        limit = limit_tokens(
            self.backbone,
            self.max_tokens - len(self.tail),
            beside,
            self.words.inputs,
            decoded=prompt_length if inside else 0,
        )
        return replace(self, max_tokens=limit)

    @property
    def front(self) -> tuple[int, ...]:
        """Token ids in front of the prompt: a chat template's opening."""
        return self.chat.front

    @cached_property
    def tail(self) -> tuple[int, ...]:
        """Token ids behind a prompt that stands behind the text, `encode_tail`."""
        return encode_tail(self.template, self.backbone, self.chat) if self.placement == "behind" else ()

    def render(self, examples: Sequence[Example]) -> Rendered:
        """Return the examples' token ids, each at most `max_tokens`, and which of them had a text cut. A text with the
        prompt behind it is without front and tail.

        Raises:
            DataError: a pair where the template has one text, or the reverse.
        """
        return render(
            examples,
            template=self.template,
            backbone=self.backbone,
            max_tokens=self.max_tokens,
            chat=self.chat,
            behind=self.placement == "behind",
        )

    def score_examples(self, examples: Sequence[Example], prompt: Tensor) -> NDArray[np.float32]:
        """Return log-probabilities [N,K] over the label words; prompt: [P,H], P may be 0."""
        return np.asarray(self.score(self.render(examples).ids, prompt).numpy(), dtype=np.float32)

    def put_front(self, prompt: Tensor) -> Tensor:
        """Return [E(front); P], as prompt [F+P,H] or prompts [B,F+P,H], in their dtype: all in front of a text. A
        prompt behind the text stays as it is, since the front is read with the text."""
        if not self.front or self.placement == "behind":
            return prompt
        ids = torch.tensor(self.front, device=self.backbone.model.device)
        front = self.backbone.model.get_input_embeddings()(ids).to(prompt)
        return torch.cat([front.expand(*prompt.shape[:-2], -1, -1), prompt], -2)

    def score(self, rows: Ids, prompt: Tensor, *, token_budget: int | None = None, alone: bool = False) -> Tensor:
        """Return label-word log-probabilities [N,K] in float32 on the CPU, without gradient, in the order of the rows.

        prompt: [P,H]. Rows of similar length share a batch of at most `token_budget` padded tokens; None chooses by
        device. alone: read each text in front of a prompt by itself, as training does, so that the bits do not depend
        on what was read before.
        """
        result = torch.empty(len(rows), len(self.words.ids))
        budget = token_budget or choose_budget(self.backbone.model.device.type)
        with torch.no_grad():
            shared = self.prefill(prompt[None])
            for batch in bucket([self.weigh(row, len(prompt)) for row in rows], budget):
                own = [rows[row] for row in batch]
                if shared is None:
                    result[batch] = self.score_batch(own, prompt, alone=alone).cpu()
                else:
                    fronts = [part.expand(len(batch), -1, -1, -1) for part in shared]
                    result[batch] = self.score_behind(own, fronts).cpu()
        return result

    def prefill(self, prompts: Tensor) -> list[Tensor] | None:
        """Return keys and values of [E(front); P] for prompts [G,P,H], which all rows of a prompt share; None where
        they share none, see `causal.prefill`: among others where the prompt stands behind the text."""
        return None if self.placement == "behind" else causal.prefill(self.backbone, self.put_front(prompts))

    def weigh(self, row: Sequence[int], length: int) -> int:
        """Return how many positions the model computes for a row with a prompt of this length that is not shared.

        A text that is kept only has to be copied and attended to: an estimate, by which rows of like length meet.
        """
        whole = len(self.front) + len(row)
        if self.placement == "before":
            return whole + length
        return length + len(self.tail) + (whole if self.texts is None else -(-whole // KEPT_SHARE))

    def score_batch(self, rows: Ids, prompt: Tensor, *, alone: bool = True) -> Tensor:
        """Return label-word log-probabilities [B,K] of one batch in float32, with gradient where the prompt has one.

        prompt: [P,H], or [B,P,H] with one for each row; P may be 0. alone: as in `score`.
        """
        if self.placement == "behind":
            context = self._ask(rows, prompt, alone)
            if self.words.single is None:
                return score_names(context, self.words.ids)
            return torch.log_softmax(score_words(self.backbone, context.state, self.words.single), -1)
        if self.words.single is None:
            inputs, seen = self._embed(rows, prompt)
            if self.backbone.kind == "seq2seq":
                context = read_seq2seq(self.backbone, inputs, seen, sentinel=self.decoder_sentinel)
            else:
                context = read_causal(self.backbone, inputs, seen)
            return score_names(context, self.words.ids)
        hidden = self.read_state(rows, prompt)
        return torch.log_softmax(score_words(self.backbone, hidden, self.words.single), -1)

    def score_behind(self, rows: Ids, shared: Sequence[Tensor]) -> Tensor:
        """Return the same [B,K] as `score_batch`, from the keys and values of each row's prompt, [B,Hkv,P,dh] each."""
        ids, mask = pad(rows, self.backbone)
        seen = torch.cat([mask.new_ones(len(mask), shared[0].shape[2]), mask], 1)
        inputs = self.backbone.model.get_input_embeddings()(ids)
        if self.words.single is None:
            return score_names(read_causal(self.backbone, inputs, seen, shared), self.words.ids)
        hidden = causal.answer(self.backbone, inputs, seen, shared)
        return torch.log_softmax(score_words(self.backbone, hidden, self.words.single), -1)

    def read_state(self, rows: Ids, prompt: Tensor) -> Tensor:
        """Return the state [B,H] that answers: the decoder's first, or a causal model's last; see `score_batch`."""
        inputs, seen = self._embed(rows, prompt)
        if self.backbone.kind == "seq2seq":
            return answer_seq2seq(self.backbone, inputs, seen, [self.decoder_sentinel] * len(inputs))
        return causal.answer(self.backbone, inputs, seen)

    def read(self, rows: Ids, *, alone: bool = True) -> Reading:
        """Return what the model keeps of texts in front of a prompt; of those that were read before it is there."""
        whole = [(*self.front, *row) for row in rows]
        if self.texts is None:
            return read_together(self.backbone, *pad(whole, self.backbone))
        parts = self.texts.take(whole, partial(read_apart, self.backbone, alone=alone))
        return gather(parts, self.backbone.model.device)

    def _ask(self, rows: Ids, prompt: Tensor, alone: bool) -> Context:
        """Return rows that were read up to the answer, with the prompt behind their text."""
        prompts = prompt.expand(len(rows), -1, -1) if prompt.dim() == 2 else prompt
        inputs = make_inputs(self.backbone, prompts, self.tail, sentinel=self.decoder_sentinel)
        if inputs.shape[1] == 0:  # nothing stands behind the text: its own last state answers
            ids, mask = pad([(*self.front, *row) for row in rows], self.backbone)
            return read_causal(self.backbone, self.backbone.model.get_input_embeddings()(ids), mask)
        return ask(self.backbone, self.read(rows, alone=alone), inputs)

    def _embed(self, rows: Ids, prompt: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs [B,F+P+T,H] and their mask [B,F+P+T]."""
        ids, mask = pad(rows, self.backbone)
        return join(self.put_front(prompt), self.backbone.model.get_input_embeddings()(ids), mask)
