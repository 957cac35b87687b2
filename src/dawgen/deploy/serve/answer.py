"""From texts to labels: tokenised off the event loop, scored by the batcher, given up once the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.deadline import Deadline
from dawgen.deploy.serve.limits import read_examples
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.logs import RequestLog
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.pending import PendingRequest
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.schemas import Answer, Answers, Question, Result
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import DataError, ModelError
from dawgen.prompt.template import Rendered
from dawgen.records import Example

if TYPE_CHECKING:
    from starlette.types import Receive

PART = 16  # examples of a request that are tokenised before it is another's turn
PART_SIGNS = 20_000  # and characters of them, some 20 ms; one longer example is a part of its own
READERS = 2  # threads that tokenise: a long text does not delay short ones, and the model keeps its cores


class Answerer:
    """Answers requests with the prompts of a registry."""

    def __init__(self, registry: Registry, batcher: Batcher, settings: ServeSettings, metrics: Metrics) -> None:
        """Take the prompts, the batcher that scores rows, the limits, and the counters."""
        self.registry, self.batcher, self.settings, self.metrics = registry, batcher, settings, metrics
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="render")

    async def answer(self, question: Question, receive: Receive, log: RequestLog) -> Answer | Answers:
        """Return the answer, or those of all prompts that are named. A prompt is looked up once: it answers even if the
        registry drops it meanwhile.

        receive: the request's messages after its body.

        Raises:
            UnknownPromptError: no such prompt. DataError: inputs that the task or the limits refuse.
            QueueFullError: no room in the queue. StoppedError: the service is stopping.
            LateError, GoneError: the time is up, or the client has gone; the request's rows have left the queue.
        """
        prompts = [self.registry.get(name) for name in read_names(question)]
        log.prompt = prompts[0].name if question.prompts is None else f"({len(prompts)} prompts)"
        log.inputs = len(question.inputs)
        check_below(question, prompts)
        examples = [read_examples(question.inputs, pair, self.settings) for pair in {one.task.pair for one in prompts}]
        pending = list[PendingRequest]()
        try:
            async with Deadline(receive, log.started, self.settings.timeout) as deadline:
                rendered = await self._render_all(prompts, examples[0], deadline)
                pending = self.batcher.submit_all(
                    [(one, rows.ids) for one, rows in zip(prompts, rendered, strict=True)]
                )
                scores = [await deadline.wait(asyncio.wrap_future(one.future)) for one in pending]
        finally:
            for one in pending:  # those that are answered stay so
                one.cancel()
        answers = []
        for loaded, rows, found in zip(prompts, rendered, scores, strict=True):
            results = make_results(found, loaded, rows.cut_rows, question)
            self.metrics.count_rows(loaded.name, len(rows.ids), rows.cut, sum(one.abstained for one in results))
            answers.append(Answer(prompt=loaded.name, digest=loaded.digest, results=results))
        return answers[0] if question.prompts is None else Answers(answers=answers)

    async def _render_all(
        self, prompts: Sequence[LoadedPrompt], examples: Sequence[Example], deadline: Deadline
    ) -> list[Rendered]:
        """Return the rows of each prompt; those that ask alike share them. Raises as `Deadline.wait`.

        Only one part of a request is in the readers' queue at a time: parts of others come between two of its own, and
        nothing more of it is read once it was given up.
        """
        known: dict[tuple[object, ...], Rendered] = {}
        found = []
        for loaded in prompts:
            scorer = loaded.scorer
            manner = (scorer.template, scorer.max_tokens, scorer.chat, scorer.placement)
            if manner not in known:
                ids, cut = list[list[int]](), list[int]()
                for part in cut_parts(examples):
                    reading = self._readers.submit(scorer.render, part)
                    rendered = await deadline.wait(asyncio.wrap_future(reading))
                    cut += [len(ids) + row for row in rendered.cut_rows]
                    ids += rendered.ids
                known[manner] = Rendered(ids, cut)
            found.append(known[manner])
        return found


def cut_parts(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """Cut examples into parts of at most `PART` examples and `PART_SIGNS` characters; a longer one is alone."""
    part, signs = list[Example](), 0
    for example in examples:
        own = len(example.text1) + len(example.text2 or "")
        if part and (len(part) == PART or signs + own > PART_SIGNS):
            yield part
            part, signs = [], 0
        part.append(example)
        signs += own
    if part:
        yield part


def read_names(question: Question) -> list[str]:
    """Return the names of the prompts that are asked. Raises DataError where none, both kinds or one twice is given."""
    if question.prompts is None:
        if question.prompt is None:
            raise DataError("The field prompt is missing.")
        return [question.prompt]
    if question.prompt is not None:
        raise DataError("expected prompt, a name, or prompts, a list of names, found both.")
    if len(set(question.prompts)) < len(question.prompts):
        raise DataError("prompts: expected different names, found one twice.")
    return question.prompts


def check_below(question: Question, prompts: Sequence[LoadedPrompt]) -> None:
    """Raise DataError for one of `below` and `else` without the other, or an `else` that could not be told from a
    label."""
    if (question.below is None) != (question.instead is None):
        raise DataError('expected below and else together, such as "below": 0.7, "else": "unsure", found one.')
    if any(question.instead in loaded.labels for loaded in prompts):
        raise DataError("else: expected a word that is no label of a prompt that is asked.")


def make_results(scores: Tensor, loaded: LoadedPrompt, cut_rows: Sequence[int], question: Question) -> list[Result]:
    """Return a result for each row of log-probabilities [N,K], softmax(scores / T) for each label.

    The probabilities sum to 1 in double precision; the likeliest label is that of the scores.

    Raises:
        ModelError: a score is NaN, as when the model's dtype overflows.
    """
    if bool(torch.isnan(scores).any()):
        raise ModelError("expected log-probabilities, the model's answer is not a number. Load it in float32.")
    cut, results = set(cut_rows), list[Result]()
    rows = torch.softmax(scores.double() / loaded.temperature, 1).tolist()
    for place, (row, best) in enumerate(zip(rows, scores.argmax(1).tolist(), strict=True)):
        label, abstained = loaded.labels[best], question.below is not None and row[best] < question.below
        results.append(
            Result(
                label=question.instead if abstained and question.instead is not None else label,
                probabilities=dict(zip(loaded.labels, row, strict=True)) if question.all else {label: row[best]},
                cut=place in cut,
                abstained=abstained,
            )
        )
    return results
