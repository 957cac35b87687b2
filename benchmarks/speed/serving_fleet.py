"""The other way to serve many prompts: one process for each, with a model of its own.

Each loads the same safetensors file as transformers does, which maps it into memory, so that the system holds the pages
of the weights once for all. A process answers all that waits for it in one go, by `Scorer.score`, with one thread;
at most as many work at a time as there are threads to compare with, so that both sides have the same cores.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging

from benchmarks.speed.serving_traffic import Request
from benchmarks.speed.targets import make_scorer
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.models.fuse import fuse
from dawgen.models.load import Backbone
from dawgen.models.resolve import resolve_model

Start = Literal["forkserver", "spawn"]
Prompt = tuple[Any, tuple[int, ...]]  # what a process is given of each prompt: [P,H] as an array, ids of label words


class Fleet:
    """Processes that hold prompts, `groups` saying which ones each of them has. Leaves with its processes ended.

    start: "spawn" for fresh interpreters, as of programs started by themselves; "forkserver" for copies of one that had
    imported everything, which takes a tenth of the time for the same speed.
    """

    def __init__(
        self,
        folder: Path,
        prompts: Sequence[LoadedPrompt],
        groups: Sequence[Sequence[int]],
        start: Start = "forkserver",
    ) -> None:
        """Start all; folder: the saved model."""
        context: Any = multiprocessing.get_context(start)
        if start == "forkserver":
            context.set_forkserver_preload(["benchmarks.speed.serving_fleet"])
        self._pipes: list[Connection] = []
        self._processes = []
        self._home = {number: place for place, group in enumerate(groups) for number in group}
        for group in groups:
            ours, theirs = context.Pipe()
            held = {number: (prompts[number].prompt.numpy(), prompts[number].scorer.words.single) for number in group}
            process = context.Process(target=answer, args=(theirs, folder, held), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()  # ready

    def ask(self, traffic: Sequence[Request], under_way: int, at_work: int) -> list[Tensor]:
        """Return the answers [K] of all requests, of which `under_way` wait or run at a time, in `at_work` processes.

        The process whose oldest request has waited longest is next.
        """
        answers: dict[int, Tensor] = {}
        waiting: dict[int, list[int]] = {}  # by process, in the order of their oldest request
        running: dict[Connection, tuple[int, list[int]]] = {}
        asked = 0
        while len(answers) < len(traffic):
            while asked < len(traffic) and asked - len(answers) < under_way:
                waiting.setdefault(self._home[traffic[asked].prompt], []).append(asked)
                asked += 1
            busy = {place for place, _ in running.values()}
            for place in [place for place in waiting if place not in busy][: at_work - len(running)]:
                sent = waiting.pop(place)
                self._pipes[place].send([traffic[number] for number in sent])
                running[self._pipes[place]] = (place, sent)
            for pipe in cast(list[Connection], wait(list(running))):
                _, sent = running.pop(pipe)
                scores = pipe.recv()
                answers |= {number: torch.tensor(row) for number, row in zip(sent, scores, strict=True)}
        return [answers[number] for number in range(len(traffic))]

    def measure_memory(self) -> int:
        """Return the bytes that all processes hold (Linux); what they share, libraries and weights, counts once."""
        sizes = [read_memory(process.pid or 0) for process in self._processes]
        return sum(own for own, _ in sizes) + max(shared for _, shared in sizes)

    def __enter__(self) -> Self:
        """Return the fleet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all processes: each ends when its pipe closes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.terminate()


def answer(pipe: Connection, folder: Path, held: dict[int, Prompt]) -> None:
    """Be one of the processes: load the model, then answer lists of requests until the pipe closes."""
    torch.set_num_threads(1)
    backbone = load_saved(folder)
    prompts = {number: torch.from_numpy(prompt) for number, (prompt, _) in held.items()}
    pipe.send("ready")
    while True:
        try:
            requests = pipe.recv()
        except (EOFError, OSError):
            return
        scores: dict[int, list[float]] = {}
        for number in {request.prompt for request in requests}:
            places = [place for place, request in enumerate(requests) if request.prompt == number]
            rows = [requests[place].ids for place in places]
            found = make_scorer(backbone, held[number][1]).score(rows, prompts[number])
            scores |= dict(zip(places, found.tolist(), strict=True))
        pipe.send([scores[place] for place in range(len(requests))])


def save_model(backbone: Backbone, folder: Path) -> None:
    """Write an encoder-decoder for `load_saved`."""
    backbone.model.config.tie_word_embeddings = False
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    backbone.model.save_pretrained(folder)
    if bars:
        logging.enable_progress_bar()


def load_saved(folder: Path) -> Backbone:
    """Return a saved encoder-decoder as `load_target` hands it out, its weights mapped from the file."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval().requires_grad_(False)
    fuse(model)
    tokenizer = AutoTokenizer.from_pretrained(resolve_model("mini-t5"))  # for its pad token only
    return Backbone(model, tokenizer, "seq2seq", "random t5", None, "random")


def read_memory(process: int) -> tuple[int, int]:
    """Return a process's resident bytes: those that it alone has, and those that others have mapped as well (Linux)."""
    text = _find_map(process).read_text()
    sizes = {name: 1024 * int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    return sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Shared_Clean"] + sizes["Shared_Dirty"]


def can_read_memory() -> bool:
    """Whether the system tells what `read_memory` asks."""
    return _find_map(os.getpid()).exists()


def _find_map(process: int) -> Path:
    return Path(f"/proc/{process}/smaps_rollup")
