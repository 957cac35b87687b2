"""From texts to labels: rendered off the event loop, scored in the batcher, given up when nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.deadline import Patience
from dawgen.deploy.serve.limits import read_examples
from dawgen.deploy.serve.loaded_prompt import Served
from dawgen.deploy.serve.logs import Visit
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.pending import StoppedError
from dawgen.deploy.serve.registry import Shelf
from dawgen.deploy.serve.schemas import Answer, Question, Result
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import ModelError
from dawgen.models.load import Backbone
from dawgen.prompt.template import Rendered
from dawgen.records import Example

if TYPE_CHECKING:
    from starlette.types import Receive

PART = 16  # examples that are tokenised between two looks at whether anybody waits
READERS = 2  # threads that tokenise: a long text does not hold up short ones, and the model keeps its cores


class Answerer:
    """Answers questions with the prompts of a shelf."""

    def __init__(self, shelf: Shelf, batcher: Batcher, settings: ServeSettings, metrics: Metrics) -> None:
        """Answer from a shelf, through a batcher."""
        self.shelf, self.batcher, self.settings, self.metrics = shelf, batcher, settings, metrics
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="render")

    async def answer(self, question: Question, receive: Receive, visit: Visit) -> Answer:
        """Return the answer. The prompt that the name has now answers, even if it leaves the shelf meanwhile.

        receive: the request's messages after its body.

        Raises:
            UnknownPromptError: no such prompt. DataError: inputs that the task or the limits refuse.
            QueueFullError, StoppedError: no room. LateError, GoneError: nobody waits; no row is left in the queue.
        """
        served = self.shelf.get(question.prompt)
        visit.prompt, visit.inputs = served.name, len(question.inputs)
        examples = read_examples(question.inputs, served.task.pair, self.settings)
        given_up = Event()
        try:
            async with Patience(receive, visit.started + self.settings.timeout) as patience:
                reading = self._readers.submit(render_parts, served, self.shelf.backbone, examples, given_up)
                rendered = await patience.wait(asyncio.wrap_future(reading))
                ticket = self.batcher.submit(served, rendered.ids)
                scores = await patience.wait(asyncio.wrap_future(ticket.future))
        finally:
            given_up.set()
        self.metrics.count_rows(served.name, len(examples), rendered.cut)
        results = make_results(scores, served.labels, rendered.cut_rows)
        return Answer(prompt=served.name, digest=served.digest, results=results)


def render_parts(served: Served, backbone: Backbone, examples: Sequence[Example], given_up: Event) -> Rendered:
    """Return what `served.render` does, a few examples at a time: no more of them once the request is given up.

    Raises:
        StoppedError: it was given up.
    """
    ids, cut = list[list[int]](), list[int]()
    for start in range(0, len(examples), PART):
        if given_up.is_set():
            raise StoppedError("nobody waits for this request any more.")
        rendered = served.render(backbone, examples[start : start + PART])
        ids += rendered.ids
        cut += [start + row for row in rendered.cut_rows]
    return Rendered(ids, cut)


def make_results(scores: Tensor, labels: Sequence[str], cut_rows: Sequence[int]) -> list[Result]:
    """Return a result for each row of log-probabilities [N,K]; the probabilities sum to 1 in double precision.

    Raises:
        ModelError: the model's answer is not a number, as when its dtype overflows.
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
