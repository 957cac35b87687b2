"""Requests to a service with many prompts, and a client that keeps so many of them under way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from queue import SimpleQueue

import torch
from torch import Tensor

from benchmarks.speed.targets import FIRST_ID, draw_lengths, make_rows
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.pending import PendingRequest
from dawgen.models.load import Backbone
from dawgen.prompt.label_words import LabelWords
from dawgen.prompt.template import limit_tokens
from dawgen.rng import python_rng, torch_rng
from dawgen.tasks.task import GeneratorPrompts, Task

SHORTEST, LONGEST = 10, 60  # tokens of a request's text
FEWEST, MOST = 2, 5  # label words of a prompt


@dataclass(frozen=True)
class Request:
    """One text for one prompt. prompt: its number; ids: token ids."""

    prompt: int
    ids: list[int]


def make_loaded(backbone: Backbone, number: int, length: int) -> list[LoadedPrompt]:
    """Return so many random prompts [length,H], each of a task of its own."""
    return list(islice(draw_loaded(backbone, length), number))


def draw_loaded(backbone: Backbone, length: int) -> Iterator[LoadedPrompt]:
    """Yield random prompts [length,H] without end; their tasks have 2 to 5 label words in turn."""
    rng, words = python_rng(0, "label words of the prompts"), backbone.model.config.vocab_size
    width, device = backbone.model.config.hidden_size, backbone.model.device.type
    drawn = torch_rng(0, "prompts of the service", device=device)
    for number in count():
        ids = tuple(rng.sample(range(FIRST_ID, words), FEWEST + number % (MOST - FEWEST + 1)))
        prompt = torch.randn(length, width, generator=drawn, device=device) * width**-0.5
        yield make_one(backbone, f"task-{number}", prompt, ids)


def make_one(backbone: Backbone, name: str, prompt: Tensor, ids: tuple[int, ...]) -> LoadedPrompt:
    """Return a prompt [P,H] as the service holds it after loading a bundle."""
    labels = tuple(f"label {number}" for number in range(len(ids)))
    prompts = GeneratorPrompts(prompts=dict.fromkeys(labels, ""))
    task = Task(name=name, labels=labels, pair=False, template="{text1}", generator=prompts)
    classifier = PromptClassifier(backbone, task)
    classifier.task_, classifier.prompt_, classifier.temperature_ = task, prompt, 1.0
    limit = limit_tokens(backbone, classifier.max_tokens, len(prompt))
    classifier.scorer_ = Scorer(backbone, task.template, LabelWords.of(labels, ids), limit)
    return LoadedPrompt.of(classifier, name, "")


def draw_traffic(backbone: Backbone, number: int, prompts: int) -> list[Request]:
    """Return requests of 10 to 60 tokens in the order of their arrival, each for a prompt drawn at random."""
    rng = python_rng(0, "prompts asked for")
    lengths = draw_lengths(number, SHORTEST, LONGEST, "lengths of requests")
    return [Request(rng.randrange(prompts), ids) for ids in make_rows(backbone, lengths, "requests").ids]


def ask_batcher(
    batcher: Batcher, prompts: Sequence[LoadedPrompt], traffic: Sequence[Request], under_way: int
) -> list[Tensor]:
    """Return the answers [K] of all requests; a client for each of `under_way` asks again once it is answered."""
    done: SimpleQueue[int] = SimpleQueue()
    all_pending: list[PendingRequest] = []

    def ask() -> None:
        place, request = len(all_pending), traffic[len(all_pending)]
        all_pending.append(batcher.submit(prompts[request.prompt], [request.ids]))
        all_pending[place].future.add_done_callback(lambda _: done.put(place))

    while len(all_pending) < min(under_way, len(traffic)):
        ask()
    for _ in traffic:
        done.get()
        if len(all_pending) < len(traffic):
            ask()
    return [pending.future.result()[0] for pending in all_pending]
