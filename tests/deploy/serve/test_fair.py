"""One heavy request does not hold up a small one: texts are read in parts, and every request has its turn."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.classifier.scorer import Scorer
from dawgen.deploy.serve.answer import PART, PART_SIGNS, READERS, cut_parts
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.records import Example
from support.calls import Call, wait_for
from support.fuzz import draw
from support.services import TEXT, open_service
from support.targets import make_backbone

SIGNS = 10_000
LONG = (f"{TEXT} " * SIGNS)[:SIGNS]
INPUTS = 20
HEAVY = 4  # requests: more than there are threads that read


@pytest.fixture
def app(bundles: Path) -> Iterator[Any]:
    with open_service(make_backbone(), bundles, ServeSettings(timeout=120)) as service:
        service.registry.add("topics")
        yield service.app


def ask(app: Any, *texts: str) -> Call:
    return Call(app, "POST", "/v1/classify", {"prompt": "topics", "inputs": list(texts)})


@draw(50)
@given(st.lists(st.tuples(st.integers(0, 2 * PART_SIGNS), st.integers(0, 9)), max_size=3 * PART))
def test_parts_are_the_examples_in_order_and_bounded(sizes: list[tuple[int, int]]) -> None:
    examples = [Example("x" * first, None if second == 0 else "y" * second) for first, second in sizes]
    parts = list(cut_parts(examples))
    assert [example for part in parts for example in part] == examples
    for part in parts:
        signs = sum(len(example.text1) + len(example.text2 or "") for example in part)
        assert 1 <= len(part) <= PART and (signs <= PART_SIGNS or len(part) == 1)


def test_what_is_read_in_parts_is_answered_as_what_is_read_at_once(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [LONG if row % 7 == 0 else f"{TEXT} {row}" for row in range(2 * PART)]

    async def send() -> list[Any]:
        found = (await ask(app, *texts).end()).json()["results"]
        monkeypatch.setattr("dawgen.deploy.serve.answer.cut_parts", lambda examples: [examples])
        whole = (await ask(app, *texts).end()).json()["results"]
        return [found, whole]

    found, whole = asyncio.run(send())
    assert [row["cut"] for row in found] == [row["cut"] for row in whole] == [row % 7 == 0 for row in range(2 * PART)]
    for one, other in zip(found, whole, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_a_small_request_waits_for_one_part_of_each_heavy_one_at_most(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, render, lock = list[str](), Scorer.render, threading.Lock()

    def note(self: Scorer, examples: Any) -> Any:
        with lock:
            begun.append("heavy" if len(examples[0].text1) == SIGNS else "small")
        time.sleep(0.01)
        return render(self, examples)

    monkeypatch.setattr(Scorer, "render", note)

    async def send() -> None:
        heavies = [ask(app, *[LONG] * INPUTS) for _ in range(HEAVY)]
        await wait_for(lambda: len(begun) > HEAVY)
        before = len(begun)
        small = await ask(app, TEXT).end()
        assert small.status == 200
        assert begun.index("small") - before <= HEAVY + 2 * READERS
        assert not any(heavy.task.done() for heavy in heavies)
        for heavy in heavies:
            assert (await heavy.end()).status == 200

    asyncio.run(send())
    assert begun.count("heavy") == HEAVY * INPUTS * SIGNS // PART_SIGNS


def test_a_small_request_is_answered_long_before_the_heavy_ones_beside_it(app: Any) -> None:
    async def send() -> SimpleNamespace:
        await ask(app, TEXT).end()
        begin, waited = time.perf_counter(), list[float]()
        heavies = [ask(app, *[LONG] * INPUTS) for _ in range(HEAVY)]
        await asyncio.sleep(0.05)
        while not any(heavy.task.done() for heavy in heavies):
            since = time.perf_counter()
            await ask(app, TEXT).end()
            waited.append(time.perf_counter() - since)
        for heavy in heavies:
            assert (await heavy.end()).status == 200
        return SimpleNamespace(heavy=time.perf_counter() - begin, small=sorted(waited))

    found = asyncio.run(send())
    assert len(found.small) >= 4  # answers while all the heavy ones were under way
    assert found.small[len(found.small) // 2] < found.heavy / 5


def test_the_event_loop_is_free_while_texts_are_read(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    render, readers = Scorer.render, set[str]()

    def note(self: Scorer, examples: Any) -> Any:
        readers.add(threading.current_thread().name)
        return render(self, examples)

    monkeypatch.setattr(Scorer, "render", note)

    async def send() -> None:
        assert (await ask(app, *[LONG] * 4).end()).status == 200

    asyncio.run(send())
    assert readers and all(name.startswith("render") for name in readers)
