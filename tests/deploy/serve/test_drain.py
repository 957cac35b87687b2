"""Ends that come at a bad time: clients that hang up, prompts that leave, a service that is told to stop."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dawgen.classifier.scorer import Scorer
from dawgen.deploy.serve.answer import PART
from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.server import LoadingApp, Service, finish, run_service
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import ConfigError
from dawgen.web import open_socket
from support.calls import Call, wait_for
from support.services import PAIR
from support.targets import make_backbone, make_pairs


@pytest.fixture
def still(bundles: Path) -> Iterator[Service]:
    """A service without a worker: rows wait until the test computes them."""
    registry = Registry(make_backbone(), allowed=bundles)
    registry.add("pairs")
    with Batcher(make_backbone(), most_rows=8, start=False) as batcher:
        yield Service(make_app(registry, batcher, ServeSettings(timeout=20)), registry, batcher)


@pytest.fixture
def slow_reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Tokenising that waits: `begun` is set when it has begun, it goes on once `go` is; `parts`: how often it began."""
    found = SimpleNamespace(begun=threading.Event(), go=threading.Event(), parts=0)
    render = Scorer.render

    def wait(self: Scorer, *arguments: Any) -> Any:
        if not threading.current_thread().name.startswith("render"):  # a bundle that is loaded, not a request
            return render(self, *arguments)
        found.parts += 1
        found.begun.set()
        assert found.go.wait(20)
        return render(self, *arguments)

    monkeypatch.setattr(Scorer, "render", wait)
    yield found
    found.go.set()


def ask(service: Service, inputs: int = 1, prompt: str = "pairs") -> Call:
    return Call(service.app, "POST", "/v1/classify", {"prompt": prompt, "inputs": [PAIR] * inputs})


def test_rows_of_a_client_that_hangs_up_leave_the_queue(still: Service) -> None:
    async def send() -> None:
        gone, stays = ask(still, 3), ask(still, 2)
        await wait_for(lambda: still.batcher.stats().queued == 5)
        gone.hang_up()
        await gone.end()
        assert (gone.status, gone.body, still.batcher.stats().queued) == (0, b"", 2)
        assert still.batcher.step() == 2
        assert (await stays.end()).status == 200

    asyncio.run(send())
    assert still.admission.inside == 0
    metrics = still.app.state.metrics
    assert metrics.cancelled._value.get() == 1
    assert metrics.requests.labels("POST", "/v1/classify", "499")._value.get() == 1


def test_a_client_that_hangs_up_while_its_text_is_read_sends_no_row_to_the_queue(
    still: Service, slow_reading: SimpleNamespace
) -> None:
    async def send() -> None:
        call = ask(still, 2 * PART)
        await wait_for(slow_reading.begun.is_set)
        call.hang_up()
        await call.end()
        assert (call.status, still.admission.inside) == (0, 0)
        slow_reading.go.set()
        assert await asyncio.to_thread(still.batcher.step) == 0
        after = ask(still)
        await wait_for(lambda: still.batcher.stats().queued == 1)
        still.batcher.step()
        assert (await after.end()).status == 200
        await asyncio.sleep(0.05)
        assert slow_reading.parts == 2  # the first half of the one, and all of the other

    asyncio.run(send())


def test_time_is_up_while_a_text_is_read(bundles: Path, slow_reading: SimpleNamespace) -> None:
    registry = Registry(make_backbone(), allowed=bundles)
    registry.add("pairs")
    with Batcher(make_backbone(), start=False) as batcher:
        service = Service(make_app(registry, batcher, ServeSettings(timeout=0.1)), registry, batcher)

        async def send() -> None:
            assert (await ask(service).end()).status == 504
            slow_reading.go.set()

        asyncio.run(send())
        assert (batcher.stats().queued, service.admission.inside) == (0, 0)


def test_a_server_that_gives_a_request_up_takes_its_rows_out(still: Service) -> None:
    async def send() -> None:
        call = ask(still, 3)
        await wait_for(lambda: still.batcher.stats().queued == 3)
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.task
        assert still.batcher.stats().queued == 0

    asyncio.run(send())
    assert still.admission.inside == 0


def test_a_prompt_that_leaves_answers_what_it_was_asked_before(still: Service) -> None:
    async def send() -> None:
        old = still.registry.get("pairs")
        call = ask(still, 2)
        await wait_for(lambda: still.batcher.stats().queued == 2)
        assert (await Call(still.app, "DELETE", "/v1/prompts/pairs").end()).status == 204
        assert (await ask(still).end()).status == 404
        again = await Call(still.app, "POST", "/v1/prompts", {"folder": "topics", "name": "pairs"}).end()
        assert again.status == 201
        still.batcher.step()
        answer = (await call.end()).json()
        assert answer["digest"] == old.digest != again.json()["digest"]
        assert set(answer["results"][0]["probabilities"]) == set(old.labels)

    asyncio.run(send())


def test_when_told_to_stop_with_a_full_queue_all_that_was_accepted_is_answered(still: Service) -> None:
    async def send() -> None:
        calls = [ask(still, 2) for _ in range(4)]
        await wait_for(lambda: still.batcher.stats().queued == 8)
        assert (await ask(still).end()).status == 429
        ending = asyncio.create_task(finish(still, 20))
        await wait_for(lambda: still.admission.closed)
        for path in ("/v1/classify", "/v1/prompts", "/readyz"):
            late = await Call(still.app, "GET", path).end()
            assert (late.status, late.asked, late.headers["retry-after"]) == (503, 0, "1")
            assert late.headers["connection"] == "close"
        assert (await Call(still.app, "GET", "/healthz").end()).status == 200
        assert not ending.done()
        while still.batcher.step():
            pass
        assert [(await call.end()).status for call in calls] == [200] * 4
        await asyncio.wait_for(ending, 5)

    asyncio.run(send())


def test_a_request_whose_text_is_still_read_when_told_to_stop_is_answered(
    still: Service, slow_reading: SimpleNamespace
) -> None:
    async def send() -> None:
        call = ask(still)
        await wait_for(slow_reading.begun.is_set)
        ending = asyncio.create_task(finish(still, 20))
        await asyncio.sleep(0.05)
        slow_reading.go.set()
        await wait_for(lambda: still.batcher.stats().queued == 1)
        still.batcher.step()
        assert (await call.end()).status == 200
        await asyncio.wait_for(ending, 5)

    asyncio.run(send())


def test_what_is_not_answered_in_time_is_told_so(still: Service) -> None:
    async def send() -> None:
        call = ask(still, 2)
        await wait_for(lambda: still.batcher.stats().queued == 2)
        await finish(still, 0.1)
        assert still.admission.inside == 1
        await asyncio.to_thread(still.batcher.close)
        await call.end()
        assert (call.status, call.headers["retry-after"]) == (503, "1")

    asyncio.run(send())


def test_while_it_loads_it_lives_but_is_not_ready(still: Service) -> None:
    async def send() -> None:
        late = LoadingApp()
        assert (await Call(late, "GET", "/healthz").end()).json() == {"status": "ok"}
        for path in ("/readyz", "/v1/prompts", "/"):
            call = await Call(late, "GET", path).end()
            assert (call.status, call.headers["retry-after"]) == (503, "1")
            assert "loading" in call.json()["detail"]
        late.app = still.app
        assert (await Call(late, "GET", "/readyz").end()).status == 200

    asyncio.run(send())


def test_many_that_come_and_go_leave_nothing_behind(bundles: Path) -> None:
    """Clients hang up at any moment, and prompts come and go, while a worker computes."""
    registry = Registry(make_backbone(), allowed=bundles)
    registry.add("pairs")
    row = make_pairs(1)[0]
    with Batcher(make_backbone(), max_wait=0.001) as batcher:
        service = Service(make_app(registry, batcher), registry, batcher)

        async def send() -> list[int]:
            calls = []
            for number in range(120):
                prompt = "pairs" if number % 3 else "other"
                call = ask(service, 1 + number % 4, prompt)
                calls.append(call)
                if number % 10 == 0:
                    adding = Call(service.app, "POST", "/v1/prompts", {"folder": "pairs", "name": "other"})
                    calls.append(adding)
                if number % 10 == 5:
                    await adding.end()  # there is one to remove now
                    calls.append(Call(service.app, "DELETE", "/v1/prompts/other"))
                if number % 4 == 0:
                    await asyncio.sleep(0.0005 * (number % 7))
                    call.hang_up()
            return [(await call.end()).status for call in calls]

        statuses = asyncio.run(send())
        assert {200, 201, 204} <= set(statuses) <= {0, 200, 201, 204, 404, 409}
        assert 0 in statuses
        assert (service.admission.inside, batcher.stats().queued) == (0, 0)
        alone = registry.get("pairs").scorer.render([row]).ids
        assert batcher.submit(registry.get("pairs"), alone).future.result(20).shape == (1, 2)


def test_told_to_stop_while_the_model_loads_it_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would wait for the loading, or PyTorch abort the process that Python takes apart around it."""
    monkeypatch.setattr("dawgen.deploy.serve.server.start_logs", lambda: None)
    ends: list[str] = []
    monkeypatch.setattr("dawgen.deploy.serve.server.leave_at_once", ends.append)
    go = threading.Event()

    def load() -> Service:
        os.kill(os.getpid(), signal.SIGTERM)
        go.wait(20)
        raise AssertionError("nobody waits for this")

    begin = time.monotonic()
    run_service(load, open_socket("127.0.0.1", 0), 20, lambda service: None)
    assert ends == [""]
    assert time.monotonic() - begin < 10
    go.set()


def test_an_error_of_loading_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.deploy.serve.server.start_logs", lambda: None)

    def load() -> Service:
        raise ConfigError("a reason")

    with pytest.raises(ConfigError, match="a reason"):
        run_service(load, open_socket("127.0.0.1", 0), 20, lambda service: None)
