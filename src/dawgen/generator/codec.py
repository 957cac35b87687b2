"""Turns examples into token rows, and rows into right-padded batches of mixed labels.

A row reads: opening, text1, infix, text2, end (pairs) or opening, text, end (single texts). The opening is the last
token of the written prompt: a key/value prefix has no query, so without it the first token would get no distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dawgen.models.chat import NO_CHAT, Chat, find_end
from dawgen.records import Example


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Token ids of one example; a negative id -1-s stands for the s-th learned input (0: opening, 1...: infix)."""

    label: int
    context: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded rows; N counts the target tokens of all rows.

    labels [B] int64; inputs [B,T] int64, negative where learned; mask [B,T] int64; rows, columns, targets [N] int64:
    position (row, column) predicts the target token.
    """

    labels: Tensor
    inputs: Tensor
    mask: Tensor
    rows: Tensor
    columns: Tensor
    targets: Tensor

    def under(self, held: Tensor) -> "Batch":
        """Return the rows under the labels held[own] [M] of the table `held` [K,M], int64.

        The blocks follow each other, so that [M*N] results reshape to [M,N].
        """
        size, blocks = len(self.labels), held.shape[1]
        return Batch(
            labels=held[self.labels].T.flatten(),
            inputs=self.inputs.repeat(blocks, 1),
            mask=self.mask.repeat(blocks, 1),
            rows=torch.cat([self.rows + block * size for block in range(blocks)]),
            columns=self.columns.repeat(blocks),
            targets=self.targets.repeat(blocks),
        )


def collate(rows: Sequence[TokenRow], device: torch.device | str = "cpu") -> Batch:
    """Pad rows on the right to the longest. The end of a target is never an input, so T is one less than the tokens."""
    lengths = [len(row.context) + len(row.target) - 1 for row in rows]
    inputs, mask = torch.zeros(len(rows), max(lengths), dtype=torch.long), torch.zeros(len(rows), max(lengths)).long()
    where: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    for i, row in enumerate(rows):
        inputs[i, : lengths[i]] = torch.tensor((row.context + row.target)[: lengths[i]])
        mask[i, : lengths[i]] = 1
        where += [i] * len(row.target)
        columns += range(len(row.context) - 1, lengths[i])
        targets += row.target
    labels = torch.tensor([row.label for row in rows])
    tensors = (labels, inputs, mask, torch.tensor(where), torch.tensor(columns), torch.tensor(targets))
    return Batch(*(tensor.to(device) for tensor in tensors))


REQUEST = "Write an example."  # what the user of a chat model says before a written prompt


class Codec:
    """Text to token ids and back, as one tokenizer and one output head need it.

    chat: a template whose user asks for the text, and whose assistant writes it. end: the id that ends a text: the
    tokenizer's end token (in a chat template that of the assistant's turn), or, where it has none (Salesforce/ctrl),
    the extra column `vocabulary`, whose output embedding is learned. banned: ids that are never written: special
    tokens, line breaks, and padding rows of the output head.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, chat: Chat = NO_CHAT) -> None:
        self.tokenizer, self.vocabulary, self.chat = tokenizer, vocabulary, chat
        end = (find_end(tokenizer) if chat.front else None) or tokenizer.eos_token_id
        self.learns_end = end is None
        self.end: int = vocabulary if end is None else end
        special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        special |= set(tokenizer.all_special_ids) | set(range(len(tokenizer), vocabulary))
        breaks = {
            i
            for token, i in tokenizer.get_vocab().items()
            if any(sign in token for sign in ("\n", "\r", "Ċ", "č", "<0x0A>", "<0x0D>"))
            and any(sign in tokenizer.decode([i]) for sign in "\n\r")
        }
        self.banned = sorted((special | breaks) - {self.end})
        # Byte-level vocabularies mark a word's start by the space before it; others would keep a stray space token.
        self._space = " " if len(self._ids(" a")) == len(self._ids("a")) else ""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text in the middle of a line; line breaks become spaces."""
        words = " ".join(text.split())
        return self._ids(self._space + words) if words else []

    def encode_prompt(self, prompt: str) -> list[int]:
        """Return the ids of a label's written prompt, one or more; in a chat template up to the assistant's turn."""
        if not self.chat.front:
            return self.encode(prompt) or self.encode(":")
        return self.encode(f"{REQUEST} {prompt}") + self._ids(self.chat.closing)

    def start(self) -> list[int]:
        """Return what stands before all: the chat template's opening, or the begin token if the tokenizer puts one."""
        if self.chat.front:
            return list(self.chat.front)
        begin = self.tokenizer.bos_token_id
        return [begin] if begin is not None and self.tokenizer("a")["input_ids"][0] == begin else []

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of written ids, without special tokens and outer spaces."""
        kept = [i for i in ids if i < self.vocabulary]
        text: str = self.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text.strip()

    def encode_row(self, example: Example, label: int, *, infix: int, limit: int) -> tuple[TokenRow, bool]:
        """Return the example's row of at most `limit` tokens and whether it had to be cut, text1 first.

        infix: number of infix embeddings, for pairs only. A text2 that is cut loses its end token too.
        """
        if example.text2 is None:
            target = [*self.encode(example.text1), self.end]
            return TokenRow(label, (-1,), tuple(target[: limit - 1])), len(target) > limit - 1
        learned = [-2 - i for i in range(infix)]
        context, target = self.encode(example.text1), [*self.encode(example.text2), self.end]
        room = limit - 1 - infix
        cut = len(context) + len(target) > room
        target = target[:room]
        context = context[: room - len(target)]
        return TokenRow(label, (-1, *context, *learned), tuple(target)), cut

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids
