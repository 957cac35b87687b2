"""Connections that ask nothing, half a header, or read nothing: they end in time, and do not keep others out."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from dawgen.web import HEADER_BYTES, Limits, make_protocol, open_socket

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SOON = Limits(connections=50, headers=0.3, idle=0.6)
NEVER = Limits(connections=50, headers=30, idle=30)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once; /slow once the test lets it; /large with more than fits into any buffer."""
    path = scope["path"]
    if path == "/slow":
        while not scope["state"]["go"].is_set():
            await scope["state"]["sleep"](0.01)
    body = bytes(64 << 20) if path == "/large" else b"done"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serve(limits: Limits) -> Iterator[SimpleNamespace]:
    """Serve `answer` in a thread; yields what opens a connection, the open ones, and what lets slow answers go."""
    import asyncio

    go = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"go": go, "sleep": asyncio.sleep}
        await answer(scope, receive, send)

    listener = open_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan="off",
        ws="none",
        http=make_protocol(limits),
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    opened = list[socket.socket]()

    def connect() -> socket.socket:
        opened.append(socket.create_connection(listener.getsockname(), timeout=20))
        return opened[-1]

    try:
        yield SimpleNamespace(connect=connect, open=server.server_state.connections, go=go)
    finally:
        go.set()
        for one in opened:
            one.close()
        server.should_exit = True
        thread.join()


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    said = b""
    try:
        while part := connection.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


def read_one(connection: socket.socket) -> bytes:
    said = b""
    while not said.endswith(b"done"):
        part = connection.recv(65536)
        assert part, said
        said += part
    return said


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_connection_that_says_nothing_is_closed() -> None:
    with serve(SOON) as server:
        begin = time.monotonic()
        assert read_all(server.connect()) == b""
        assert time.monotonic() - begin >= SOON.headers * 0.9


@pytest.mark.parametrize("first", [False, True], ids=["first request", "second request"])
def test_half_a_header_is_answered_with_408(first: bool) -> None:
    with serve(SOON) as server:
        connection = server.connect()
        if first:
            connection.sendall(ASK)
            read_one(connection)
        connection.sendall(ASK[:-2])
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 Request Timeout") and b"Connection: close" in head
        assert json.loads(body) == {"detail": "The request's header did not arrive within 0.3 s."}


def test_a_byte_at_a_time_does_not_prolong_it() -> None:
    with serve(SOON) as server:
        connection = server.connect()
        begin = time.monotonic()
        connection.sendall(ASK[:-4])
        try:
            while time.monotonic() - begin < 15 and server.open:
                connection.sendall(b"\r\nX: y")
                time.sleep(0.05)
        except OSError:  # it is closed
            pass
        assert time.monotonic() - begin < 15
        wait_for(lambda: not server.open)


def test_a_body_that_comes_slowly_behind_its_answer_ends_too() -> None:
    with serve(SOON) as server:
        connection = server.connect()
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        read_one(connection)
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < 15 and server.open:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            pass
        wait_for(lambda: not server.open)


def test_a_connection_is_kept_between_requests_for_a_while() -> None:
    with serve(Limits(connections=50, headers=0.3, idle=2.0)) as server:
        connection = server.connect()
        for _ in range(3):
            connection.sendall(ASK)
            assert read_one(connection).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)  # longer than a header may take
        begin = time.monotonic()
        assert read_all(connection) == b""
        assert time.monotonic() - begin < 15


def test_an_answer_may_take_longer_than_a_header() -> None:
    with serve(SOON) as server:
        connection = server.connect()
        connection.sendall(ASK.replace(b"/ ", b"/slow ", 1))
        threading.Timer(1.0, server.go.set).start()
        assert read_one(connection).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_ends() -> None:
    with serve(SOON) as server:
        connection = server.connect()
        connection.sendall(ASK.replace(b"/ ", b"/large ", 1))
        wait_for(lambda: not server.open)


def test_one_more_takes_the_place_of_the_one_that_has_rested_longest() -> None:
    with serve(Limits(connections=3, headers=30, idle=30)) as server:
        busy = server.connect()
        busy.sendall(ASK.replace(b"/ ", b"/slow ", 1))
        first, second = server.connect(), server.connect()
        for connection in (first, second):
            connection.sendall(ASK)
            read_one(connection)
        third = server.connect()
        third.sendall(ASK)
        assert read_one(third).startswith(b"HTTP/1.1 200")
        assert read_all(first) == b""
        second.sendall(ASK)
        assert read_one(second).startswith(b"HTTP/1.1 200")
        fourth = server.connect()  # the third has now rested longer than the second
        assert read_all(third) == b""
        fourth.sendall(ASK)
        assert read_one(fourth).startswith(b"HTTP/1.1 200")
        server.go.set()
        assert read_one(busy).startswith(b"HTTP/1.1 200")


def test_where_all_are_busy_one_more_is_refused() -> None:
    with serve(Limits(connections=2, headers=30, idle=30)) as server:
        busy = [server.connect() for _ in range(2)]
        for connection in busy:
            connection.sendall(ASK.replace(b"/ ", b"/slow ", 1))
        wait_for(lambda: all(one.is_busy() for one in list(server.open)) and len(server.open) == 2)
        head, _, body = read_all(server.connect()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and "in use" in json.loads(body)["detail"]
        server.go.set()
        for connection in busy:
            assert read_one(connection).startswith(b"HTTP/1.1 200")


def test_a_flood_of_silent_connections_keeps_nobody_out() -> None:
    with serve(NEVER) as server:
        flood = [server.connect() for _ in range(3 * NEVER.connections)]
        for _ in range(5):
            connection = server.connect()
            connection.sendall(ASK)
            assert read_one(connection).startswith(b"HTTP/1.1 200")
        assert len(server.open) <= NEVER.connections
        assert read_all(flood[0]) == b""


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 99999]
)
def test_what_is_no_request_is_refused_in_json(sent: bytes) -> None:
    with serve(NEVER) as server:
        connection = server.connect()
        try:
            connection.sendall(sent)
        except OSError:
            return  # closed while it was still being sent
        said = read_all(connection)
        head, _, body = said.partition(b"\r\n\r\n")
        assert not said or (head.startswith(b"HTTP/1.1 400") and "HTTP/1.1" in json.loads(body)["detail"])
