"""The data of a run in tokens: measured on the data at hand, or assumed from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.classifier.names import plant
from dawgen.config import RunConfig
from dawgen.generator.codec import Codec, TokenRow
from dawgen.generator.write.writer import find_room
from dawgen.models.chat import find_chat
from dawgen.models.load import Backbone
from dawgen.prompt.label_words import resolve_label_words
from dawgen.prompt.question import settle_length
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example
from dawgen.tasks import Task

KEPT = 0.8  # share of judged candidates that curation keeps; 0.74 to 0.89 on six tasks (experiments/LOG.md)
TEMPLATE = 10  # tokens that a template adds to a text, if there is no data to measure
PROMPT = 12  # tokens of a written prompt with its control code, likewise
INFIX = 4
MEASURED = 512  # most texts of one kind that are tokenised: enough for their lengths


@dataclass(frozen=True, slots=True)
class Workload:
    """What a prediction needs to know about the data.

    labels: K. prefix: C + P. prompt: rows in front of a text, F + P. shots: the rows that tune the generator, with
    filler tokens. contexts: tokens in front of each new text (opening, text1, infix). train, dev, test: tokens of
    rendered rows. rows: how many test rows there are. given: synthetic rows that the user brings, None where they are
    written. oracle: whether kinds of generators are judged. kept: share of candidates that curation keeps. learns_end:
    whether the end token is a learned column. names: tokens of label words that are read behind each row, 0 where each
    label has one token.
    """

    labels: int
    prefix: int
    prompt: int
    shots: tuple[TokenRow, ...]
    contexts: tuple[int, ...]
    train: tuple[int, ...]
    dev: tuple[int, ...]
    test: tuple[int, ...]
    given: int | None = None
    oracle: bool = False
    kept: float = KEPT
    names: int = 0

    @property
    def written(self) -> tuple[int, ...]:
        """Expected tokens of new texts, end included: those of the real ones."""
        return tuple(len(row.target) for row in self.shots)


@dataclass(frozen=True, slots=True)
class Data:
    """What a run has at hand.

    first_texts: None where the shots serve. given: synthetic rows that the user brings. oracle: whether one knows the
    task's labels.
    """

    train: Sequence[Example]
    dev: Sequence[Example] = ()
    test: Sequence[Example] = ()
    first_texts: Sequence[str] | None = None
    given: int | None = None
    oracle: bool = False


def measure_workload(
    config: RunConfig, task: Task, target: Backbone, generator: Backbone | None, data: Data, *, kept: float = KEPT
) -> Workload:
    """Return the workload of the data at hand; of each backbone only tokenizer and configuration are used."""
    chat = find_chat(target.tokenizer, config.target.chat)
    length = len(chat.front) + settle_length(config.target, target.tokenizer, task.ask()).length
    settled = config.target.model_copy(update={"prompt_length": length})
    config = config.model_copy(update={"target": settled})
    rendered = {
        name: _measure_rows(rows, task, target, config)
        for name, rows in (("train", data.train), ("dev", data.dev), ("test", data.test))
    }
    words = resolve_label_words(target.tokenizer, task.labels, task.label_words, spaced=chat.spaced)
    prefix, shots, contexts = 0, tuple[TokenRow, ...](), tuple[int, ...]()
    if generator is not None:
        prefix, shots, contexts = _measure_texts(config, task, generator, data.train, data.first_texts)
    return Workload(
        labels=len(task.labels),
        prefix=prefix,
        prompt=length,
        shots=shots,
        contexts=contexts,
        given=data.given,
        oracle=data.oracle,
        kept=kept,
        names=plant(words.ids).size,
        **rendered,
    )


def assume_workload(
    config: RunConfig, *, labels: int, length: int, test_rows: int, kept: float = KEPT, given: int | None = None
) -> Workload:
    """Return a workload of pairs of `length` tokens in all, half of them written, and no oracle."""
    half = max(1, length // 2)
    context = 1 + half + INFIX
    shots = tuple(
        TokenRow(label, (-1,) * context, (0,) * (length - half + 1))
        for label in range(labels)
        for _ in range(config.shots)
    )
    row = length + TEMPLATE
    return Workload(
        labels=labels,
        prefix=PROMPT,
        prompt=settle_length(config.target).length,
        shots=shots,
        contexts=(context,),
        train=(row,) * (labels * config.shots),
        dev=(row,) * (labels * config.shots),
        test=(row,) * test_rows,
        given=given,
        kept=kept,
    )


def _measure_rows(rows: Sequence[Example], task: Task, target: Backbone, config: RunConfig) -> tuple[int, ...]:
    limit = limit_tokens(target, config.target.max_tokens, config.target.length)
    some = rows[:MEASURED]
    chat = find_chat(target.tokenizer, config.target.chat)
    ids = render(some, template=task.template, backbone=target, max_tokens=limit, chat=chat).ids if some else []
    return tuple(len(ids[i % len(ids)]) for i in range(len(rows)))


def _measure_texts(
    config: RunConfig, task: Task, generator: Backbone, train: Sequence[Example], first_texts: Sequence[str] | None
) -> tuple[int, tuple[TokenRow, ...], tuple[int, ...]]:
    model_config: Any = generator.model.config
    chat = find_chat(generator.tokenizer, config.generator.chat, "generator.chat")
    codec = Codec(generator.tokenizer, model_config.vocab_size, chat)
    words = task.generator
    control = codec.start() + codec.encode(words.control_code)
    prompts = [codec.encode_prompt(words.prompts[label]) for label in task.labels]
    prefix = len(control) + max(map(len, prompts)) - 1
    infix = len(codec.encode(words.infix)) if task.pair else 0
    window = getattr(model_config, "max_position_embeddings", None)
    limit = config.generator.max_tokens if window is None else min(config.generator.max_tokens, window - prefix)
    shots = tuple(
        codec.encode_row(example, task.labels.index(str(example.label)), infix=infix, limit=limit)[0]
        for example in train
    )
    if not task.pair:
        return prefix, shots, (1,)
    texts = list(first_texts) if first_texts else list(dict.fromkeys(example.text1 for example in train))
    room = find_room(limit, infix, config.decode)
    contexts = tuple(1 + infix + min(room, len(codec.encode(text))) for text in texts[:MEASURED])
    return prefix, shots, contexts
