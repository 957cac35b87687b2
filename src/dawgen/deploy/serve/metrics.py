"""The counters of the service, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dawgen.deploy.serve.batcher import Batcher, BatchStats
from dawgen.deploy.serve.registry import Registry, UnknownPromptError

ROUTES = ("/v1/classify", "/v1/prompts", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/")
ONE_PROMPT = "/v1/prompts/{name}"
METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")
OTHER = "other"  # anything else: what a client makes up must not create new series
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
    """All counters of one service, in a Prometheus registry of their own."""

    def __init__(self, registry: Registry, batcher: Batcher) -> None:
        """Count for a registry of prompts and a batcher; their state is read when the metrics are requested."""
        import prometheus_client as prometheus

        self.collectors = collectors = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=collectors)

        def counter(name: str, text: str, *labels: str) -> Any:
            return prometheus.Counter(f"dawgen_{name}", text, labels, registry=collectors)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Any:
            return prometheus.Histogram(f"dawgen_{name}", text, labels, buckets=buckets, registry=collectors)

        def gauge(name: str, text: str, read: Callable[[], float]) -> None:
            prometheus.Gauge(f"dawgen_{name}", text, registry=collectors).set_function(read)

        self.requests = counter("requests", "Requests by method, route and status", "method", "route", "status")
        self.seconds = histogram("request_seconds", "Time from request to answer", _SECONDS, "route")
        self.refused = counter("refused", "Requests that were refused, by reason", "reason")
        self.cancelled = counter("cancelled", "Requests whose client hung up before the answer")
        self.rows = counter("rows", "Rows answered, by prompt", "prompt")
        self.cut = counter("cut_rows", "Rows that had a text cut")
        self.abstained = counter("abstained_rows", "Rows whose likeliest label was below the probability asked for")
        self.batch_rows = histogram("batch_rows", "Rows of a batch", _ROWS)
        self.batch_prompts = histogram("batch_prompts", "Prompts of a batch", _ROWS)
        self.batch_seconds = histogram("batch_seconds", "Time of a batch in the model", _SECONDS)
        self.padding = histogram("batch_padding_share", "Share of padding in a batch's positions", _SHARES)
        self.waited = histogram("batch_wait_seconds", "Time that a batch's first row had waited", _SECONDS)
        self.texts_read = counter("texts_read", "Texts that were read in front of a prompt")
        self.texts_found = counter("texts_found", "Texts in front of a prompt that had been read before")
        gauge("text_bytes", "Memory of texts that were read", lambda: batcher.texts.nbytes)
        gauge("queue_rows", "Rows that wait", lambda: batcher.stats().queued)
        gauge("running_rows", "Rows of the batch under way", lambda: batcher.stats().running)
        gauge("prompts", "Prompts that are loaded", lambda: len(registry.list()))
        gauge("prompt_bytes", "Memory of the prompts", lambda: sum(loaded.nbytes for loaded in registry.list()))
        self._registry, self._lock = registry, threading.Lock()

    def observe_batch(self, stats: BatchStats) -> None:
        """Count a finished batch; called by the batcher's worker."""
        self.batch_rows.observe(stats.rows)
        self.batch_prompts.observe(stats.prompts)
        self.batch_seconds.observe(stats.seconds)
        self.padding.observe(1 - stats.real_tokens / max(stats.padded_tokens, 1))
        self.waited.observe(stats.waited)
        self.texts_read.inc(stats.read)
        self.texts_found.inc(stats.found)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request, or one whose client has gone (status 499)."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def count_rows(self, prompt: str, rows: int, cut: int, abstained: int = 0) -> None:
        """Count answered rows under their prompt's name, or as removed if the prompt was removed meanwhile."""
        with self._lock:
            self.rows.labels(prompt if self._is_registered(prompt) else REMOVED).inc(rows)
        self.cut.inc(cut)
        self.abstained.inc(abstained)

    def forget(self, prompt: str) -> None:
        """Drop the series of a prompt that was removed; rows that are answered later count as removed."""
        with self._lock:
            if not self._is_registered(prompt):  # another may have taken the name already
                self.rows.remove(prompt)

    def write(self) -> bytes:
        """Return all metrics as text."""
        from prometheus_client import generate_latest

        return generate_latest(self.collectors)

    def _is_registered(self, prompt: str) -> bool:
        try:
            self._registry.get(prompt)
        except UnknownPromptError:
            return False
        return True
