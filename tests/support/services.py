"""Bundles on one tiny base model, and services of them: the app, the app on a port, and `dawgen serve` in a process."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.models.load import Backbone, load_target
from dawgen.records import Example
from dawgen.tasks.task import GeneratorPrompts, Task
from dawgen.web import make_address, open_socket
from support.targets import make_pairs, make_task
from support.tiny import save_tiny

TOPICS = {"music": "music", "sport": "sport", "food": "food", "travel": "travel"}
TEXT = "the family is cooking a meal"
PAIR = {"text1": "a man is sleeping", "text2": "somebody is asleep"}


def make_topic_task() -> Task:
    """Return a task on single texts with four labels."""
    return Task(
        name="topics",
        labels=tuple(TOPICS),
        label_words=TOPICS,
        pair=False,
        template="{text1} topic {mask}",
        generator=GeneratorPrompts(prompts={label: label for label in TOPICS}),
    )


def save_bundles(backbone: Backbone, folder: Path) -> Path:
    """Write two bundles, `pairs` of two texts and `topics` of one; returns the folder."""
    topics = [Example(TEXT, None, label) for label in TOPICS]
    for name, task, rows in (("pairs", make_task(), make_pairs(8)), ("topics", make_topic_task(), topics)):
        PromptClassifier(backbone, task, prompt_length=4, steps=2, eval_every=2).fit(rows).save(folder / name)
    return folder


@contextmanager
def open_service(backbone: Backbone, bundles: Path, settings: ServeSettings | None = None) -> Iterator[Any]:
    """Yield app, registry and batcher of a service that has the bundle `pairs`, and may add others of the folder."""
    registry = Registry(backbone, allowed=bundles)
    registry.add(bundles / "pairs", inside=False)
    with Batcher(backbone, max_wait=0.0) as batcher:
        yield SimpleNamespace(app=make_app(registry, batcher, settings), registry=registry, batcher=batcher)


def make_files(folder: Path) -> Path:
    """Write a tiny base model and bundles on it for a process of its own; returns the folder of the bundles."""
    base = save_tiny("t5", folder / "base")
    return save_bundles(load_target(str(base)), folder / "bundles")


@contextmanager
def run_service(*arguments: object) -> Iterator[str]:
    """Run `dawgen serve` in a process, on a free port; yields its link once it is ready."""
    call = [sys.executable, "-m", "dawgen", "serve", *map(str, arguments), "--port", "0", "--threads", "1"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            line = process.stdout.readline()
            assert line, f"the service ended before it began: {said}"
            said += line
        yield found[0]
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serve_app(app: Any) -> Iterator[str]:
    """Serve an app in a thread, on a free port; yields its link."""
    listener = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield make_address("127.0.0.1", listener.getsockname()[1]).rstrip("/")
    finally:
        server.should_exit = True
        thread.join()
