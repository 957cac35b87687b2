"""The HTTP status of each error, and the sentence that goes with it: always {"detail": "text"}."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dawgen.deploy.serve.admission import RETRY_AFTER
from dawgen.deploy.serve.auth import Refusal
from dawgen.deploy.serve.deadline import LateError
from dawgen.deploy.serve.limits import describe_faults
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.pending import QueueFullError, StoppedError
from dawgen.deploy.serve.registry import NameTakenError, OutsideError, UnknownPromptError
from dawgen.errors import BundleError, ConfigError, DataError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

REFUSALS: dict[type[Exception], tuple[int, str]] = {
    UnknownPromptError: (404, "prompt"),
    OutsideError: (403, "folder"),
    NameTakenError: (409, "name"),
    QueueFullError: (429, "queue"),
    StoppedError: (503, "stopping"),
    LateError: (504, "timeout"),
    BundleError: (422, "bundle"),
    ConfigError: (422, "input"),
    DataError: (422, "input"),
}
SILENT = "The service could not answer this request"  # where an error has no words of its own
HTTP = {404: "There is no such page.", 405: "This address does not take that method."}


def explain(error: Exception) -> Refusal:
    """Return the refusal for an error of `REFUSALS`.

    Any other is raised again: it is a fault of the service, whose message must not leave it.
    """
    for kind, (status, reason) in REFUSALS.items():
        if isinstance(error, kind):
            headers = {"Retry-After": _wait(error)} if status in (429, 503) else {}
            return Refusal(status, reason, _make_sentence(str(error)), headers)
    raise error


def add_handlers(app: FastAPI, metrics: Metrics) -> None:
    """Make the app answer errors as `explain` says, and those of the libraries in the same form."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def answer(refusal: Refusal) -> Any:
        metrics.refused.labels(refusal.reason).inc()
        return JSONResponse({"detail": refusal.detail}, refusal.status, refusal.headers)

    async def tell(request: Request, error: Exception) -> Any:
        return answer(explain(error))

    async def tell_shape(request: Request, error: Any) -> Any:
        return answer(Refusal(422, "input", describe_faults(error.errors())))

    async def tell_http(request: Request, error: Any) -> Any:
        if error.status_code == 400:  # FastAPI's for a body that it cannot decode
            return answer(Refusal(422, "input", "Expected JSON in UTF-8, nested a few levels deep."))
        said = HTTP.get(error.status_code, str(error.detail))
        return answer(Refusal(error.status_code, "address", said, dict(error.headers or {})))

    for kind in REFUSALS:
        app.add_exception_handler(kind, tell)
    app.add_exception_handler(RequestValidationError, tell_shape)
    app.add_exception_handler(HTTPException, tell_http)


def _wait(error: Exception) -> str:
    return str(max(1, math.ceil(getattr(error, "retry_after", RETRY_AFTER))))


def _make_sentence(text: str) -> str:
    """Return an error as one line with a full stop, and without halves of surrogate pairs, which have no UTF-8."""
    line = " ".join(text.split()).encode("utf-8", "replace").decode() or SILENT
    if line.partition(" ")[0].isalpha():
        line = line[0].upper() + line[1:]
    return line if line.endswith((".", "?", "!")) else line + "."
