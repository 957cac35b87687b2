"""Runs the service: it answers probes while the model loads, then requests, and stops in good order when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from dawgen.deploy.serve.admission import RETRY_AFTER, Admission
from dawgen.deploy.serve.auth import Refusal
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.logs import log_event, start_logs
from dawgen.deploy.serve.middleware import read_headers, refuse
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.trace import ID, read_id
from dawgen.errors import DawgenError
from dawgen.web import HEADER_BYTES, Limits, make_protocol

if TYPE_CHECKING:
    import socket

    import uvicorn
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

FLUSH = 5  # seconds that slow clients have to read the last answers
LINGER = 0.5  # seconds, at least, in which late requests still get a 503 instead of a closed port
MODEL_THREADS = ("load", "batcher")  # threads that may be inside the model when time is up
SWITCH = 0.001  # seconds until a busy thread yields to the worker: with Python's 5 ms the model would wait for its turn


@dataclass(frozen=True, slots=True)
class Service:
    """The app with its prompts and its batcher, once they are loaded."""

    app: FastAPI
    registry: Registry
    batcher: Batcher

    @property
    def admission(self) -> Admission:
        """Return the app's admission control, which counts the requests under way."""
        admission: Admission = self.app.state.admission
        return admission


class LoadingApp:
    """Stands in for an app that is still loading: alive, but not ready."""

    def __init__(self) -> None:
        """Start without the app."""
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the app, once it is there."""
        if self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/healthz":
            from starlette.responses import JSONResponse

            await JSONResponse({"status": "ok"})(scope, receive, send)
        elif scope["type"] == "http":
            said, given = "The service is loading its model.", read_id(read_headers(scope))
            headers = {"Retry-After": str(RETRY_AFTER)} | ({} if given is None else {ID: given})
            await refuse(Refusal(503, "loading", said, headers), scope, send)


class Stop:
    """Notes signals: the first asks for a good end, the second for an end at once.

    A context: signals are noted from its beginning, before the server listens, to its end, after it has closed.
    """

    def __init__(self, server: uvicorn.Server) -> None:
        """Replace the server's own handler, which would refuse connections at once, also of requests on their way."""
        self._asked, self._server = asyncio.Event(), server
        self._loop = asyncio.get_running_loop()
        server.handle_exit = self._note  # type: ignore[method-assign]

    def __enter__(self) -> Self:
        """Install the signal handlers."""
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Restore the signal handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, sig: int, frame: FrameType | None) -> None:
        if self._asked.is_set():
            self._server.should_exit = self._server.force_exit = True
        self._loop.call_soon_threadsafe(self._asked.set)

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._asked.wait()


def run_service(
    load: Callable[[], Service],
    listener: socket.socket,
    drain: float,
    tell: Callable[[Service], None],
    limits: Limits | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted.

    load: called in a thread of its own while probes are answered already. drain: seconds that accepted requests have
    to finish. tell: called once the service is ready. limits: of its
    connections.

    Raises:
        DawgenError: what `load` raises; or accepted requests were not answered in time.
    """
    start_logs()
    sys.setswitchinterval(SWITCH)
    lost = asyncio.run(_serve(load, listener, drain, tell, limits or Limits()))
    said = f"{lost} accepted requests were not answered within {drain:g} s (--drain)." if lost else ""
    if any(thread.name in MODEL_THREADS for thread in threading.enumerate()):
        leave_at_once(said)
    if said:
        raise DawgenError(said)


def leave_at_once(error: str) -> None:
    """End the process although threads compute: PyTorch would abort when the interpreter shuts down under them."""
    if error:
        sys.stderr.write(f"dawgen: {error}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if error else 0)


async def _serve(
    load: Callable[[], Service],
    listener: socket.socket,
    drain: float,
    tell: Callable[[Service], None],
    limits: Limits,
) -> int:
    import uvicorn

    late = LoadingApp()
    config = uvicorn.Config(
        late,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=make_protocol(limits),
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=FLUSH,
    )
    server = uvicorn.Server(config)
    with Stop(server) as stop:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        loading = asyncio.wrap_future(_start_thread(load))
        try:
            if not await _is_first(loading, stop.wait(), serving):
                return 0
            service = loading.result()
            late.app = service.app
            tell(service)
            log_event("ready", prompts=len(service.registry.list()))
            await _is_first(stop.wait(), serving)
            await _is_first(finish(service, drain), serving)  # a second signal ends the server before that
            lost = service.admission.inside
            await asyncio.to_thread(service.batcher.close)  # rows that still wait get a StoppedError
            log_event("stopped", unanswered=lost)
            return lost
        finally:
            server.should_exit = True
            loading.cancel()
            await serving


async def finish(service: Service, drain: float) -> None:
    """Admit no more requests, and wait at most `drain` seconds for those under way."""
    end = time.monotonic() + drain
    service.admission.close()
    log_event("stopping", requests=service.admission.inside, rows=service.batcher.stats().queued)
    await asyncio.sleep(min(LINGER, drain))
    await service.admission.empty(end - time.monotonic())


async def _is_first(wanted: Awaitable[Any], *others: Awaitable[Any]) -> bool:
    """Wait until one of them is done, cancel the others' tasks, and return whether `wanted` is done."""
    tasks = {one: asyncio.ensure_future(one) for one in (wanted, *others)}
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        return tasks[wanted].done()
    finally:
        for one, task in tasks.items():
            if one is not task:
                task.cancel()


def _start_thread(load: Callable[[], Service]) -> Future[Service]:
    """Return the future of `load`, run in a daemon thread, which does not keep a stopping process alive."""
    future: Future[Service] = Future()
    future.set_running_or_notify_cancel()  # a cancelled future would raise when `load` sets its result

    def work() -> None:
        try:
            future.set_result(load())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name=MODEL_THREADS[0], daemon=True).start()
    return future
