"""What a request may bring and how long it may take; each limit leaves nothing behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.limits import describe_faults
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.settings import ServeSettings
from support.calls import Call, wait_for
from support.services import PAIR, save_bundles
from support.targets import make_backbone


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    bundles: Path = save_bundles(make_backbone(), tmp_path_factory.mktemp("bundles"))
    registry = Registry(make_backbone())
    registry.add(bundles / "pairs", inside=False)
    return registry


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    """A batcher without a worker: rows wait until the test computes them."""
    with Batcher(make_backbone(), most_rows=4, start=False) as batcher:
        yield batcher


def ask(app: Any, inputs: int = 1, **options: Any) -> Call:
    return Call(app, "POST", "/v1/classify", {"prompt": "pairs", "inputs": [PAIR] * inputs}, **options)


def test_a_long_body_is_refused_at_the_part_that_is_too_much(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher, ServeSettings(max_body=100))

    async def send() -> None:
        call = Call(app, "POST", "/v1/classify", None)
        for _ in range(9):
            call.give(b" " * 60, more=True)
        await call.end()
        assert (call.status, call.asked) == (413, 2)
        said = Call(app, "POST", "/v1/classify", None, {"content-length": "101"})
        await said.end()
        assert (said.status, said.asked) == (413, 0)
        for odd in ("-1", "1e9", "9" * 30, "x"):  # then the bytes are counted
            call = Call(app, "POST", "/v1/classify", b"{}", {"content-length": odd})
            assert (await call.end()).status == 422

    asyncio.run(send())
    assert app.state.admission.inside == 0


def test_nothing_is_read_from_those_who_may_not_ask(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher, ServeSettings(token=SecretStr("x" * 16)))

    async def send() -> None:
        for headers, status in (({}, 401), ({"host": "evil.example"}, 403)):
            call = await ask(app, headers=headers).end()
            assert (call.status, call.asked) == (status, 0)

    asyncio.run(send())


def test_a_body_that_does_not_come(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher, ServeSettings(timeout=0.1))

    async def send() -> None:
        slow, gone = (Call(app, "POST", "/v1/classify", None) for _ in range(2))
        for call in (slow, gone):
            call.give(b'{"prompt": ', more=True)
        gone.hang_up()
        await gone.end()
        await slow.end()
        assert (slow.status, slow.headers["connection"]) == (408, "close")
        assert "0.1 s" in slow.json()["detail"]
        assert gone.status == 0

    asyncio.run(send())
    assert app.state.admission.inside == 0


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher)

    async def send() -> None:
        first = ask(app, 3)
        await wait_for(lambda: batcher.stats().queued == 3)
        refused = await ask(app, 2).end()
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert "3 are waiting" in refused.json()["detail"]
        assert batcher.stats().queued == 3
        more = ask(app, 1)
        await wait_for(lambda: batcher.stats().queued == 4)
        while batcher.step():
            pass
        assert (await first.end()).status == (await more.end()).status == 200
        never = await ask(app, 5).end()
        assert (never.status, "1 to 4 rows" in never.json()["detail"]) == (422, True)

    asyncio.run(send())
    assert app.state.metrics.refused.labels("queue")._value.get() == 1


def test_requests_under_way_are_bounded(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher, ServeSettings(max_requests=2))

    async def send() -> None:
        inside = [ask(app), Call(app, "POST", "/v1/classify", None)]
        await wait_for(lambda: app.state.admission.inside == 2)
        refused = await ask(app).end()
        assert (refused.status, refused.asked, refused.headers["retry-after"]) == (429, 0, "1")
        assert (await Call(app, "GET", "/healthz").end()).status == 200
        inside[1].hang_up()
        await inside[1].end()
        third = ask(app)
        await wait_for(lambda: batcher.stats().queued == 2)
        batcher.step()
        assert (await inside[0].end()).status == (await third.end()).status == 200

    asyncio.run(send())


def test_an_answer_that_takes_too_long_leaves_no_row_in_the_queue(registry: Registry, batcher: Batcher) -> None:
    app = make_app(registry, batcher, ServeSettings(timeout=0.15))

    async def send() -> None:
        call = ask(app, 2)
        await wait_for(lambda: batcher.stats().queued == 2)
        assert (await call.end()).status == 504
        assert call.json()["detail"].startswith("Expected an answer within 0.15 s, it takes longer. Send fewer")
        assert batcher.stats().queued == 0
        assert batcher.step() == 0

    asyncio.run(send())
    assert app.state.admission.inside == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"type": "extra_forbidden", "loc": ("body", "x" * 99), "msg": ""}, f"Unknown field {'x' * 40}."),
        ({"type": "missing", "loc": ("body", "prompt"), "msg": ""}, "The field prompt is missing."),
        ({"type": "string_type", "loc": ("body", "inputs", 3, "str"), "msg": ""}, "inputs[3]: expected a text"),
        ({"type": "string_type", "loc": ("body", "prompts", 2), "msg": "Not text"}, "prompts[2]: Not text."),
        ({"type": "missing", "loc": ("body",), "msg": ""}, "Expected a JSON object"),
    ],
)
def test_faults_in_words(fault: dict[str, Any], said: str) -> None:
    assert describe_faults([fault]).startswith(said)
