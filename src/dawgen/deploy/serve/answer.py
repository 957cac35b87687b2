"""From texts to labels: tokenised off the event loop, scored by the batcher, given up once the client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dawgen.classifier.scorer import Scorer
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.deadline import Deadline
from dawgen.deploy.serve.limits import read_examples
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.logs import RequestLog
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.pending import PendingRequest, StoppedError
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.schemas import Answer, Answers, Question, Result
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import DataError, ModelError
from dawgen.prompt.template import Rendered
from dawgen.records import Example

if TYPE_CHECKING:
    from starlette.types import Receive

PART = 16  # examples that are tokenised between two checks whether the request was given up
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
        examples = [read_examples(question.inputs, pair, self.settings) for pair in {one.task.pair for one in prompts}]
        given_up, pending = Event(), list[PendingRequest]()
        try:
            async with Deadline(receive, log.started, self.settings.timeout) as deadline:
                reading = self._readers.submit(render_all, prompts, examples[0], given_up)
                rendered = await deadline.wait(asyncio.wrap_future(reading))
                pending = self.batcher.submit_all(
                    [(one, rows.ids) for one, rows in zip(prompts, rendered, strict=True)]
                )
                scores = [await deadline.wait(asyncio.wrap_future(one.future)) for one in pending]
        finally:
            given_up.set()
            for one in pending:  # those that are answered stay so
                one.cancel()
        answers = []
        for loaded, rows, found in zip(prompts, rendered, scores, strict=True):
            self.metrics.count_rows(loaded.name, len(rows.ids), rows.cut)
            results = make_results(found, loaded.labels, rows.cut_rows)
            answers.append(Answer(prompt=loaded.name, digest=loaded.digest, results=results))
        return answers[0] if question.prompts is None else Answers(answers=answers)


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


def render_all(prompts: Sequence[LoadedPrompt], examples: Sequence[Example], given_up: Event) -> list[Rendered]:
    """Return the rows of each prompt; those that ask alike share them. Raises as `render_parts`."""
    known: dict[tuple[object, ...], Rendered] = {}
    found = []
    for loaded in prompts:
        scorer = loaded.scorer
        manner = (scorer.template, scorer.max_tokens, scorer.chat, scorer.placement)
        if manner not in known:
            known[manner] = render_parts(scorer, examples, given_up)
        found.append(known[manner])
    return found


def render_parts(scorer: Scorer, examples: Sequence[Example], given_up: Event) -> Rendered:
    """Return what `Scorer.render` does, a few examples at a time, and stop once the request is given up.

    Raises:
        StoppedError: the request was given up.
    """
    ids, cut = list[list[int]](), list[int]()
    for start in range(0, len(examples), PART):
        if given_up.is_set():
            raise StoppedError("nobody waits for this request any more.")
        rendered = scorer.render(examples[start : start + PART])
        ids += rendered.ids
        cut += [start + row for row in rendered.cut_rows]
    return Rendered(ids, cut)


def make_results(scores: Tensor, labels: Sequence[str], cut_rows: Sequence[int]) -> list[Result]:
    """Return a result for each row of log-probabilities [N,K]; the probabilities sum to 1 in double precision.

    Raises:
        ModelError: a score is NaN, as when the model's dtype overflows.
    """
    if bool(torch.isnan(scores).any()):
        raise ModelError("expected log-probabilities, the model's answer is not a number. Load it in float32.")
    cut = set(cut_rows)
    rows = torch.softmax(scores.double(), 1).tolist()
    return [
        Result(
            label=labels[max(range(len(row)), key=row.__getitem__)],
            probabilities=dict(zip(labels, row, strict=True)),
            cut=place in cut,
        )
        for place, row in enumerate(rows)
    ]
