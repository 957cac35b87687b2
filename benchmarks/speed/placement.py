"""The prompt behind the text: steps, whole trainings, a grid and the service, beside the prompt in front and PEFT.

Random Llamas of SmolLM2-135M's sizes. Every cost here is the same for each of its 30 layers, so that trainings and
grids run on a few of them.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from benchmarks.speed.harness import Result, Setup, compare_rates
from benchmarks.speed.prompt_step import PeftTuning
from benchmarks.speed.targets import Size, make_prompt, make_rows, make_scorer, make_target, ship
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.rows import Rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import Schedule, TargetConfig
from dawgen.models.load import Backbone, load_target
from dawgen.models.texts import ReadTexts
from dawgen.records import Example
from dawgen.tasks import Task

LENGTH = 20  # prompt tokens
MEMORY = 2**32  # bytes of read texts: all of them
# A training of 150 steps of 32 rows on 1,000 rows takes each row 4.8 times; so does this one.
STEPS, BATCH, ROWS, TESTED = 12, 2, 10, 10
# What each method of the grid trains on, of real and other rows; all are tested on the same.
GRID: tuple[Schedule, ...] = ("real", "synthetic", "pooled", "real_then_synthetic", "synthetic_then_real", "paired")
PROMPTS = 32  # of the service
TEXT = "two young women are walking with a dog in the park near the river, number"

Score = Callable[[], float]


@dataclass(frozen=True)
class Case:
    """A target that is asked both ways, a prompt's start, and rows."""

    backbone: Backbone
    start: Tensor
    real: Rows
    synthetic: Rows
    test: Rows

    @classmethod
    def of(cls, setup: Setup, size: Size, length: int, counts: tuple[int, int, int]) -> "Case":
        """Return a case with texts of this many tokens; counts: rows, real, synthetic and for tests."""
        backbone = make_target("llama", size, device=setup.device, dtype=setup.dtype)
        rows = [
            make_rows(backbone, [length] * count, f"{name} rows")
            for name, count in zip(("real", "synthetic", "test"), counts, strict=True)
        ]
        return cls(ship(backbone), make_prompt(backbone, LENGTH), *rows)

    def ask(self, *, behind: bool) -> Scorer:
        """Return a scorer with the prompt before or behind the text; no text was read yet."""
        scorer = make_scorer(self.backbone)
        return replace(scorer, placement="behind", texts=ReadTexts("speed", memory=MEMORY)) if behind else scorer


def run(setup: Setup) -> list[Result]:
    """Return the lines of steps at 60 and 250 tokens, of a training, a grid and the service."""
    return [
        *compare_steps(setup, "smollm2", 60, 4),
        *compare_steps(setup, "smollm2", 250, 2),
        compare_training(setup, "smollm2-short", 60),
        compare_grid(setup, "smollm2-short", 60),
        *([] if setup.big else [compare_service(setup, "mini-t5")]),
    ]


def compare_steps(setup: Setup, size: Size, length: int, half: int) -> list[Result]:
    """Return the lines of one paired step of 2 * `half` rows, whose texts were read before."""
    case = Case.of(setup, size, length, (half, half, 1))
    config = TargetConfig(steps=1, batch_size=half, decay="constant", epsilon=1.0, lr=0.3, patience=0)
    training = Training(case.real, case.synthetic, None, "paired", 0, config)
    peft = PeftTuning(replace(case.backbone), case.start, config)

    def step(scorer: Scorer) -> Score:
        def work() -> float:
            train_prompt(scorer, case.start, training)
            return 2 * half

        return work

    def step_with_peft() -> float:
        peft.step(case.real, case.synthetic)
        return 2 * half

    name = f"prompt step with surgery behind {length} tokens of text, SmolLM2's sizes, {LENGTH} prompt tokens"
    ours, target = step(case.ask(behind=True)), 3.0 if length < 100 else 8.0
    return [
        _judge(name, against, "examples/s", compare_rates(ours, theirs, setup), target)
        for against, theirs in (
            ("the prompt before the text", step(case.ask(behind=False))),
            ("PEFT without surgery", step_with_peft),
        )
    ]


def compare_training(setup: Setup, size: Size, length: int) -> Result:
    """Return the line of a whole training, in which the texts are read too."""
    case = Case.of(setup, size, length, (ROWS, 1, 1))
    ratios = compare_rates(
        lambda: train(case, case.ask(behind=True), "real"), lambda: train(case, case.ask(behind=False), "real"), setup
    )
    name = (
        f"training, 150 steps on 1,000 rows of {length} tokens read in it, a tenth of SmolLM2's layers, steps and rows"
    )
    return _judge(name, "the prompt before the text", "trainings/s", ratios, 2.0)


def compare_grid(setup: Setup, size: Size, length: int) -> Result:
    """Return the line of six methods on one task, each tested on the same rows."""
    half = ROWS // 2
    case = Case.of(setup, size, length, (half, ROWS - half, TESTED))

    def work(*, behind: bool) -> float:
        scorer = case.ask(behind=behind)  # whose texts all methods share
        for schedule in GRID:
            train(case, scorer, schedule)
            scorer.score(case.test.ids, case.start)
        return 1

    ratios = compare_rates(lambda: work(behind=True), lambda: work(behind=False), setup)
    name = f"grid of {len(GRID)} methods on one task, texts of {length} tokens read once, likewise"
    return _judge(name, "the prompt before the text", "grids/s", ratios, 3.0)


def train(case: Case, scorer: Scorer, schedule: Schedule) -> float:
    """Train one prompt; returns 1, a training."""
    config = TargetConfig(steps=STEPS, batch_size=BATCH, patience=0)
    train_prompt(scorer, case.start, Training(case.real, case.synthetic, None, schedule, 0, config))
    return 1


def compare_service(setup: Setup, model: str) -> Result:
    """Return the line of one text under many prompts: in one request, and in one for each."""
    with TemporaryDirectory() as folder, serve(model, Path(folder), setup.threads) as address:
        line = http.client.HTTPConnection(address)
        names, numbers = [f"p{number}" for number in range(PROMPTS)], cycle(range(10**6))

        def together() -> float:
            answers = ask(line, {"prompts": names, "inputs": [f"{TEXT} {next(numbers)}"]})["answers"]
            assert len(answers) == PROMPTS
            return 1

        def in_turn() -> float:
            text = f"{TEXT} {next(numbers)}"
            for name in names:
                ask(line, {"prompt": name, "inputs": [text]})
            return 1

        ratios = compare_rates(together, in_turn, setup)
        line.close()
    name = f"service: one text under {PROMPTS} prompts behind it in one request, {model}"
    return _judge(name, f"{PROMPTS} requests on one connection", "texts/s", ratios, 5.0)


def ask(line: http.client.HTTPConnection, body: dict[str, Any]) -> Any:
    """Return the service's answer to a request on a connection that stays open."""
    line.request("POST", "/v1/classify", json.dumps(body), {"Content-Type": "application/json"})
    reply = line.getresponse()
    said = json.loads(reply.read())
    assert reply.status == 200, said
    return said


@contextmanager
def serve(model: str, folder: Path, threads: int) -> Iterator[str]:
    """Yield host and port of a service, in a thread, with many prompts behind the text on one model."""
    import uvicorn

    from dawgen.deploy.serve.app import make_app
    from dawgen.deploy.serve.batcher import Batcher
    from dawgen.deploy.serve.registry import Registry
    from dawgen.deploy.serve.settings import ServeSettings
    from dawgen.web import open_socket

    backbone = load_target(model)
    rows = [Example(TEXT, None, label) for label in ("yes", "no")]
    task, registry = Task.from_examples(rows), Registry(backbone, allowed=folder)
    options: dict[str, Any] = {"prompt_length": LENGTH, "steps": 1, "init": "random", "schedule": "real"}
    for number in range(PROMPTS):
        classifier = PromptClassifier(backbone, task, placement="behind", seed=number, **options)
        classifier.fit(rows).save(folder / f"p{number}")
        registry.add(folder / f"p{number}", inside=False)
    listener = open_socket("127.0.0.1", 0)
    with Batcher(backbone, threads=threads) as batcher:
        app = make_app(registry, batcher, ServeSettings())
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _judge(name: str, against: str, unit: str, ratios: Sequence[float], target: float) -> Result:
    return Result.of(name, against, unit, ratios, target=target, side="at least")
