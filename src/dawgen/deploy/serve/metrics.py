"""What the service counts, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dawgen.deploy.serve.batcher import Batcher, BatchFacts
from dawgen.deploy.serve.registry import Shelf, UnknownPromptError

ROUTES = ("/v1/classify", "/v1/prompts", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/")
ONE_PROMPT = "/v1/prompts/{name}"
METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")
OTHER = "other"  # whatever else a client sends: what it makes up must not make new series
REMOVED = "(removed)"  # no prompt can have this name

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def name_route(path: str) -> str:
    """Return the route of a path as metrics and logs name it: one of a few, whatever the client made up."""
    if path in ROUTES:
        return path
    if path.startswith("/static/"):
        return "/static"
    return ONE_PROMPT if path.startswith("/v1/prompts/") else OTHER


def name_method(method: str) -> str:
    """Return an HTTP method as metrics and logs name it."""
    return method if method in METHODS else OTHER


class Metrics:
    """All counters of one service, in a registry of its own."""

    def __init__(self, shelf: Shelf, batcher: Batcher) -> None:
        """Count for a shelf and a batcher, whose state is read when the metrics are asked for."""
        import prometheus_client as prometheus

        self.registry = registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Any:
            return prometheus.Counter(f"dawgen_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Any:
            return prometheus.Histogram(f"dawgen_{name}", text, labels, buckets=buckets, registry=registry)

        def gauge(name: str, text: str, read: Callable[[], float]) -> None:
            prometheus.Gauge(f"dawgen_{name}", text, registry=registry).set_function(read)

        self.requests = counter("requests", "Requests by method, route and status", "method", "route", "status")
        self.seconds = histogram("request_seconds", "Time from request to answer", _SECONDS, "route")
        self.refused = counter("refused", "Requests that were refused, by reason", "reason")
        self.cancelled = counter("cancelled", "Requests whose client hung up before the answer")
        self.rows = counter("rows", "Rows answered, by prompt", "prompt")
        self.cut = counter("cut_rows", "Rows that had a text cut")
        self.batch_rows = histogram("batch_rows", "Rows of a batch", _ROWS)
        self.batch_prompts = histogram("batch_prompts", "Prompts of a batch", _ROWS)
        self.batch_seconds = histogram("batch_seconds", "Time of a batch in the model", _SECONDS)
        self.padding = histogram("batch_padding_share", "Share of padding in a batch's positions", _SHARES)
        self.waited = histogram("batch_wait_seconds", "Time that a batch's first row had waited", _SECONDS)
        gauge("queue_rows", "Rows that wait", lambda: batcher.stats().queued)
        gauge("running_rows", "Rows of the batch under way", lambda: batcher.stats().running)
        gauge("prompts", "Prompts on the shelf", lambda: len(shelf.list()))
        gauge("prompt_bytes", "Memory of the prompts", lambda: sum(served.nbytes for served in shelf.list()))
        self._shelf, self._lock = shelf, threading.Lock()

    def observe_batch(self, facts: BatchFacts) -> None:
        """Count a finished batch; called by the batcher's worker."""
        self.batch_rows.observe(facts.rows)
        self.batch_prompts.observe(facts.prompts)
        self.batch_seconds.observe(facts.seconds)
        self.padding.observe(1 - facts.real_tokens / max(facts.padded_tokens, 1))
        self.waited.observe(facts.waited)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request, or one whose client has gone (status 499)."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def count_rows(self, prompt: str, rows: int, cut: int) -> None:
        """Count rows that were answered, under their prompt's name as long as it is on the shelf."""
        with self._lock:
            self.rows.labels(prompt if self._is_shelved(prompt) else REMOVED).inc(rows)
        self.cut.inc(cut)

    def forget(self, prompt: str) -> None:
        """Drop the series of a prompt that has left the shelf; those that are answered later count as removed."""
        with self._lock:
            if not self._is_shelved(prompt):  # it may be back already
                self.rows.remove(prompt)

    def write(self) -> bytes:
        """Return all metrics as text."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)

    def _is_shelved(self, prompt: str) -> bool:
        try:
            self._shelf.get(prompt)
        except UnknownPromptError:
            return False
        return True
