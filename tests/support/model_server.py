"""A stand-in for a model server on loopback: it answers as OpenAI's API does, and fails in every way it is told."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
NOUNS = ["otter", "lantern", "violin", "harbour", "teapot", "glacier", "bicycle", "orchard", "compass", "pigeon"]
VERBS = ["sings", "drifts", "glows", "waits", "turns", "breaks", "floats", "hums", "leans", "melts", "rolls"]
PLACES = ["attic", "valley", "kitchen", "station", "desert", "chapel", "tunnel", "garden", "market", "cellar"]


@dataclass
class ModelServer:
    """answer: from a request's body to the text, or a `Reply`. faults: what the first requests get instead, in order.

    delay: seconds before an answer, by the number of the request. requests: bodies as they came; headers: theirs.
    most: the most requests that waited for an answer at a time.
    """

    answer: Callable[[Body], Any] = lambda body: invent(body)
    faults: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    delay: Callable[[int], float] = lambda number: 0.0
    usage: bool = True
    echo: Callable[[str], list[tuple[str, float]]] | None = None  # tokens and log-probabilities of a prompt
    requests: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    most: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self.headers.append(dict(handler.headers))
            self.paths.append(handler.path)
            self._now += 1
            self.most = max(self.most, self._now)
            fault = self.faults.pop(0) if self.faults else None
        time.sleep(self.delay(number))
        with self._lock:
            self._now -= 1  # before the answer: who has it may be back before this thread goes on
        if fault is not None:
            fault(handler)
        elif body.get("echo"):
            self._score(handler, body)
        else:
            found = self.answer(body)
            if callable(found):
                found(handler)
            else:
                send(handler, 200, self._wrap(body, found))

    def _score(self, handler: BaseHTTPRequestHandler, body: Body) -> None:
        if self.echo is None:
            send(handler, 400, {"error": {"message": "echo is not available"}})
            return
        places, start = [], 0
        tokens = self.echo(body["prompt"])
        for token, _ in tokens:
            places.append(start)
            start += len(token)
        logprobs = {
            "tokens": [token for token, _ in tokens],
            "text_offset": places,
            "token_logprobs": [None, *(value for _, value in tokens[1:])],
        }
        choice = {"text": body["prompt"], "finish_reason": "length", "logprobs": logprobs}
        usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        send(handler, 200, {"model": "stand-in", "choices": [choice], "usage": usage})

    def _wrap(self, body: Body, found: Any) -> Body:
        text, finish = found if isinstance(found, tuple) else (found, "stop")
        chat = "messages" in body
        choice: Body = {"index": 0, "finish_reason": finish, "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        asked = body["messages"][0]["content"] if chat else body["prompt"]
        usage = {"prompt_tokens": len(asked.split()), "completion_tokens": len((text or "").split())}
        return {"model": "stand-in-1.0", "choices": [choice], **({"usage": usage} if self.usage else {})}


def invent(body: Body) -> str:
    """Return a sentence that depends on the request alone; others get others."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    nouns = [NOUNS[digest[i] % len(NOUNS)] for i in range(3)]
    verbs, places = VERBS[digest[3] % len(VERBS)], PLACES[digest[4] % len(PLACES)]
    return f"the {nouns[0]} number {digest[5]} {verbs} with a {nouns[1]} and {digest[6]} of {nouns[2]} in the {places}"


def send(handler: BaseHTTPRequestHandler, status: int, content: Any, **headers: str) -> None:
    """Send JSON, or bytes as they are."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def fail(status: int, content: Any = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a fault with a status."""
    return lambda handler: send(handler, status, content, **headers)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.wfile.flush()
    handler.close_connection = True


def hang(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a fault: silence, then the end of the connection."""

    def wait(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return wait


def drip(seconds: float, parts: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a fault: an answer that comes a byte at a time."""

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(parts + 1))
        handler.end_headers()
        for _ in range(parts):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(seconds)

    return trickle


@contextmanager
def run_server(**settings: Any) -> Iterator[ModelServer]:
    """Serve on a free port of this machine until the block ends."""
    server = ModelServer(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                server.serve(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = False  # so that all their sockets are closed at the end
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
