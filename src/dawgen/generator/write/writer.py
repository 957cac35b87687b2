"""Writing the candidates of a shard: first texts and labels in, texts with what decoding knows of them out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dawgen.config import DecodeConfig
from dawgen.generator.codec import Codec, TokenRow
from dawgen.generator.prefix import Prefix
from dawgen.generator.score import score_rows
from dawgen.generator.write.decode import Lots, Written, decode
from dawgen.generator.write.static_rows import Memory
from dawgen.records import Candidate, Example

Offer = tuple[int, str, str]  # number of a first text in its shard, the text, a label


@dataclass(frozen=True)
class Writer:
    """Writes the candidates of one shard with one prefix.

    labels: names in the prefix's order. infix: number of infix embeddings. limit: tokens of a row, as in tuning.
    pair: whether texts come in pairs. scored: whether candidates get log-likelihoods. memory: what shards share on a
    GPU.
    """

    prefix: Prefix
    codec: Codec
    labels: Sequence[str]
    infix: int
    limit: int
    pair: bool
    decode: DecodeConfig
    seed: int
    scored: bool = False
    memory: Memory = field(default_factory=Memory)

    @property
    def room(self) -> int:
        """Tokens that text1 may have."""
        return find_room(self.limit, self.infix, self.decode)

    @property
    def shard_texts(self) -> int:
        """First texts of a shard: with more labels than a text is held against fewer, so that its rows stay as many."""
        ways, labels = self.prefix.held.shape[1], len(self.labels)
        return max(1, self.decode.shard_texts * ways // labels) if ways < labels else self.decode.shard_texts

    def write_first_texts(self, shard: int) -> list[str]:
        """Have the generator write texts, labels evenly mixed, and return the first sentence of each.

        Always by sampling: greedy rows of one label would all be the same text. Contrast is off.
        """
        count = self.shard_texts
        first = 0 if count == self.decode.shard_texts else shard * count  # few texts go round the labels
        rows = [TokenRow((first + i) % len(self.labels), (-1,), ()) for i in range(count)]
        config = self.decode.model_copy(update={"strategy": "sample", "contrast": 0.0})
        texts = self._continue(rows, config, f"generator/first/{shard}")
        sentences = [_first_sentence(self.codec.decode(text.ids), text.finished) for text in texts]
        return list(dict.fromkeys(sentence for sentence in sentences if sentence))

    def write(self, shard: int, first_texts: Sequence[str], labels: Sequence[str]) -> list[Candidate]:
        """Offer every first text to every given label; single-text tasks write whole texts instead."""
        return self.write_cells(shard, [(i, text, label) for i, text in enumerate(first_texts) for label in labels])

    def write_cells(self, shard: int, offers: Sequence[Offer]) -> list[Candidate]:
        """Return one candidate for each offer of a first text to a label.

        A row's random numbers depend on shard, text and label only, not on what else is offered. Where candidates are
        to be scored, those have log-likelihoods that decoding knows them of; `score` does the others.
        """
        known = {label: number for number, label in enumerate(self.labels)}
        cells = [(i, text, known[label]) for i, text, label in offers]
        rows = [self._make_row(text, label) for _, text, label in cells]
        numbers = [i * len(self.labels) + label for i, _, label in cells]
        written = self._continue(rows, self.decode, f"generator/write/{shard}", numbers)
        made, held = [], self.prefix.held.tolist()
        for (_, text, label), row, result in zip(cells, rows, written, strict=True):
            new, name = self.codec.decode(result.ids), self.labels[label]
            example = Example(text, new, name) if self.pair else Example(new, None, name)
            candidate = Candidate(example, result.finished, len(result.ids) + result.finished)
            if self.scored and result.logp is not None and result.finished:
                # The likelihood is that of the text as it is read, which other ids than those written may spell.
                written_row = replace(row, target=(*result.ids, self.codec.end))
                if self._encode(example, label) == written_row:
                    candidate = replace(candidate, logp=self._spread(held[label], result.logp))
            made.append(candidate)
        return made

    def score(self, candidates: Sequence[Candidate], chosen: Sequence[bool] | None = None) -> list[Candidate]:
        """Return the candidates, the chosen ones (None: all) with log-likelihoods where they have none.

        Each is read under its own label and its rivals.
        """
        places = [i for i, one in enumerate(candidates) if one.logp is None and (chosen is None or chosen[i])]
        known = {label: number for number, label in enumerate(self.labels)}
        numbers = [known[str(candidates[i].example.label)] for i in places]
        rows = [self._encode(candidates[i].example, own) for i, own in zip(places, numbers, strict=True)]
        scores = score_rows(self.prefix, rows, self.prefix.held)
        scored, held = list(candidates), self.prefix.held.tolist()
        for i, own, found in zip(places, numbers, scores.tolist(), strict=True):
            scored[i] = replace(candidates[i], logp=self._spread(held[own], found))
        return scored

    def _spread(self, held: Sequence[int], found: Sequence[float]) -> tuple[float | None, ...]:
        """Return log-likelihoods under some labels as one entry per label of the task."""
        logp: list[float | None] = [None] * len(self.labels)
        for label, value in zip(held, found, strict=True):
            logp[label] = value
        return tuple(logp)

    def _encode(self, example: Example, label: int) -> TokenRow:
        return self.codec.encode_row(example, label, infix=self.infix, limit=self.limit)[0]

    def _continue(
        self, rows: Sequence[TokenRow], config: DecodeConfig, purpose: str, numbers: Sequence[int] | None = None
    ) -> list[Written]:
        return decode(self.prefix, self.codec, rows, config, Lots(self.seed, purpose, numbers), self.memory)

    def _make_row(self, text: str, label: int) -> TokenRow:
        if not self.pair:
            return TokenRow(label, (-1,), ())
        learned = [-2 - i for i in range(self.infix)]
        return TokenRow(label, (-1, *self.codec.encode(text)[: self.room], *learned), ())


def find_room(limit: int, infix: int, decode: DecodeConfig) -> int:
    """Return the tokens of a row that text1 may have, so that the new text has its own, or at least half of the row."""
    return max(1, limit - 1 - infix - min(decode.max_new_tokens, limit // 2))


def _first_sentence(text: str, finished: bool) -> str:
    """Return the text up to its first full stop, question or exclamation mark; "" for an unfinished piece without."""
    ends = [text.index(sign) for sign in ".?!" if sign in text]
    if ends:
        return text[: min(ends) + 1].strip()
    return text.strip() if finished else ""
