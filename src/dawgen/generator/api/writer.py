"""Writing the candidates of a shard by a server's model: as `generator.write.writer`, a request in a text's place.

A request is a function of settings, seed, shard, first text and label; its answer is stored under its hash. So a killed
run asks for what is missing only, and comes to the same candidates in whatever order answers arrive.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any

from dawgen.config import DecodeConfig, GeneratorConfig
from dawgen.errors import ConfigError, ServerError
from dawgen.generator.api.answers import Answer, Answers, read_answer
from dawgen.generator.api.clean import clean_answer
from dawgen.generator.api.client import Client, RefusedError, UnusableError
from dawgen.generator.api.prompts import ask_for_first, ask_for_text, begin_first, begin_text, find_names
from dawgen.generator.write.writer import Offer
from dawgen.records import Candidate, Example, generated_text
from dawgen.rng import derive_seed, python_rng
from dawgen.tasks.task import Task

CUT = frozenset({"length", "max_tokens"})  # endings of texts that are not whole


@dataclass(frozen=True)
class Request:
    """A request: its path and body, and its text, by whose length tokens are estimated."""

    path: str
    body: Mapping[str, Any]
    text: str

    @property
    def key(self) -> str:
        """The name of its answer."""
        said = json.dumps([self.path, self.body], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class ApiWriter:
    """Writes the candidates of one shard after another.

    shots: real rows by label. scored: whether candidates get log-likelihoods, which the server must give.
    """

    task: Task
    shots: Mapping[str, Sequence[Example]]
    settings: GeneratorConfig
    decode: DecodeConfig
    seed: int
    client: Client
    answers: Answers
    scored: bool = False

    @property
    def labels(self) -> Sequence[str]:
        """Names in the task's order."""
        return self.task.labels

    @property
    def pair(self) -> bool:
        """Whether texts come in pairs."""
        return self.task.pair

    @property
    def shard_texts(self) -> int:
        """First texts of a shard; with many labels fewer, so that its rows stay as many."""
        ways, labels = self.settings.rivals + 1, len(self.labels)
        return max(1, self.decode.shard_texts * ways // labels) if ways < labels else self.decode.shard_texts

    def write_first_texts(self, shard: int) -> list[str]:
        """Have the server write texts like the shots' first ones."""
        rows = [shot for label in self.labels for shot in self.shots[label]]
        requests = []
        for number in range(self.shard_texts):
            purpose = f"generator/api/first/{shard}"
            shots = self._draw(rows, purpose, number)
            chat = self.settings.endpoint == "chat"
            text = ask_for_first(self.task, shots, self.settings.instruction) if chat else begin_first(self.task, shots)
            requests.append(self._make_request(text, derive_seed(self.seed, purpose, number)))
        texts = [clean_answer(one.text) for one in self._ask_all(requests) if one.finish not in CUT]
        return list(dict.fromkeys(text for text in texts if text))

    def write(self, shard: int, first_texts: Sequence[str], labels: Sequence[str]) -> list[Candidate]:
        """Offer every first text to every given label; single-text tasks write whole texts instead."""
        return self.write_cells(shard, [(i, text, label) for i, text in enumerate(first_texts) for label in labels])

    def write_cells(self, shard: int, offers: Sequence[Offer]) -> list[Candidate]:
        """Return one candidate for each offer of a first text to a label, in their order."""
        answers = self._ask_all([self._offer(shard, *offer) for offer in offers])
        made = []
        for (_, text, label), answer in zip(offers, answers, strict=True):
            new = clean_answer(answer.text, [find_names(self.task, label).text2] if self.pair else [])
            example = Example(text, new, label) if self.pair else Example(new, None, label)
            made.append(Candidate(example, answer.finish not in CUT, answer.written))
        return made

    def score(self, candidates: Sequence[Candidate], chosen: Sequence[bool] | None = None) -> list[Candidate]:
        """Return the candidates, the chosen ones (None: all) with log-likelihoods where they have none.

        Each is held against its own label and `rivals` others, drawn by its text.

        Raises:
            ServerError: the server no longer gives log-probabilities.
        """
        places = [i for i, one in enumerate(candidates) if one.logp is None and (chosen is None or chosen[i])]
        held = [self._choose_rivals(candidates[i].example) for i in places]
        requests = [
            self.make_scoring(candidates[i].example, label)
            for i, labels in zip(places, held, strict=True)
            for label in labels
        ]
        found = iter(self._ask_all(requests))
        scored = list(candidates)
        for i, labels in zip(places, held, strict=True):
            known = {label: next(found).logp for label in labels}
            scored[i] = replace(candidates[i], logp=tuple(known.get(label) for label in self.labels))
        return scored

    def can_score(self) -> bool:
        """Return whether the server gives the log-probabilities of a given text; asks it once, with a shot."""
        shot = self.shots[self.labels[0]][0]
        request = self.make_scoring(shot, self.labels[0])
        try:
            return self._ask(request, threading.Event()).logp is not None
        except (ServerError, ConfigError) as error:
            if "no connection" in str(error) or "let in" in str(error):  # which is no answer to the question
                raise
            return False

    def make_scoring(self, example: Example, label: str) -> Request:
        """Return the request for log p(text2 | text1, label), for single texts that of the whole text: the server reads
        the text behind the label's prompt, and writes one token that nobody needs."""
        shots = self._draw(self.shots[label], f"generator/api/score/{label}", 0)
        text = begin_text(self.task, label, shots, example.text1 if self.pair else "")
        body = {
            "model": self.settings.model,
            "prompt": f"{text} {generated_text(example)}",
            "max_tokens": 1,
            "temperature": 0,
            "echo": True,
            "logprobs": 1,
        }
        return Request("completions", body, text)

    def _choose_rivals(self, example: Example) -> list[str]:
        own = str(example.label)
        others = [label for label in self.labels if label != own]
        if len(others) > self.settings.rivals:
            drawn = python_rng(self.seed, f"generator/api/rivals/{generated_text(example)}")
            others = drawn.sample(others, self.settings.rivals)
        return [own, *others]

    def _offer(self, shard: int, number: int, text: str, label: str) -> Request:
        purpose = f"generator/api/{shard}/{label}"
        # A shot with the same first text would be copied.
        rows = [shot for shot in self.shots[label] if not self.pair or shot.text1 != text]
        shots = self._draw(rows, purpose, number)
        if self.settings.endpoint == "chat":
            asked = ask_for_text(self.task, label, shots, text, self.settings.instruction)
        else:
            asked = begin_text(self.task, label, shots, text)
        return self._make_request(asked, derive_seed(self.seed, purpose, number))

    def _draw(self, rows: Sequence[Example], purpose: str, number: int) -> list[Example]:
        count = min(self.settings.prompt_shots, len(rows))
        return python_rng(self.seed, f"{purpose}/shots", number).sample(list(rows), count)

    def _make_request(self, text: str, seed: int) -> Request:
        greedy = self.decode.strategy == "greedy"
        body: dict[str, Any] = {
            "model": self.settings.model,
            "max_tokens": self.decode.max_new_tokens,
            "temperature": 0 if greedy else self.decode.temperature,
            "seed": seed % 2**31,  # servers take what C calls an int
        }
        if not greedy and self.decode.top_p < 1:
            body["top_p"] = self.decode.top_p
        if self.settings.endpoint == "chat":
            return Request("chat/completions", body | {"messages": [{"role": "user", "content": text}]}, text)
        return Request("completions", body | {"prompt": text, "stop": ["\n"]}, text)

    def _ask_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the answers in the order of the requests, `concurrency` of them at a time.

        Where one fails, or the user ends it, none is begun any more, and those on their way are waited for and stored:
        they are paid for.
        """
        missing = {one.key: one for one in requests if self.answers.find(one.key) is None}
        stop, pool = threading.Event(), ThreadPoolExecutor(min(self.settings.concurrency, max(1, len(missing))))
        futures = [pool.submit(self._ask, one, stop) for one in missing.values()]
        try:
            for future in as_completed(futures):
                future.result()
        finally:
            stop.set()
            try:
                pool.shutdown(wait=True, cancel_futures=True)
            except KeyboardInterrupt:  # a second time: they are given up
                self.client.close()
                raise
        found = [self.answers.find(one.key) for one in requests]
        return [one for one in found if one is not None]

    def _ask(self, request: Request, stop: threading.Event) -> Answer:
        scoring = bool(request.body.get("echo"))
        most = int(request.body["max_tokens"])
        asked = str(request.body.get("prompt", request.text))
        read = self.answers.estimate(asked)

        def find(reply: Any) -> Answer:
            try:
                answer = read_answer(reply, asked, most, request.path.startswith("chat"))
            except ValueError as error:
                raise UnusableError(str(error)) from None
            return replace(answer, text="", logp=read_score(reply, request.text, asked)) if scoring else answer

        with self.answers.reserve(read, most):
            try:
                answer = self.client.ask(request.path, request.body, find, stop)
            except RefusedError as error:
                answer = Answer("", str(error), 0, 0, counted=False)
            if scoring and answer.logp is None:
                raise ServerError(
                    f"{self.client.host}: expected log-probabilities of a given text (echo), got none.\n"
                    "Set generator.logprobs=false, and curate.judge for a judge in their place."
                )
            if answer.counted:
                self.answers.learn(len(asked), answer.read)
            self.answers.add(request.key, answer)
        return answer


def read_score(reply: Any, prompt: str, whole: str) -> float | None:
    """Return the sum of log-probabilities, in nats, of the tokens behind the prompt and inside the whole text.

    None where the server gives none: each token needs its place (text_offset) and, but for the text's first, a number.
    """
    try:
        given = reply["choices"][0]["logprobs"]
        tokens = list(zip(given["text_offset"], given["token_logprobs"], strict=True))
        found = [float(value) for place, value in tokens if len(prompt) <= place < len(whole)]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return sum(found) if found else None
