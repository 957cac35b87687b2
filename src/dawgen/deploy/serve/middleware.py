"""The middleware: every request is checked and limited on its way in, logged and counted on its way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dawgen.deploy.serve.admission import RETRY_AFTER, Admission, ClosedError, CrowdedError
from dawgen.deploy.serve.auth import Refusal, find_refusal
from dawgen.deploy.serve.deadline import GoneError, LateError
from dawgen.deploy.serve.limits import TooLargeError, read_body, replay
from dawgen.deploy.serve.logs import RequestLog, log_event, name_error
from dawgen.deploy.serve.metrics import Metrics, name_method, name_route
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.deploy.serve.trace import ID, TRACE
from dawgen.web import HEADERS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HUNG_UP = 499  # what nginx logs when the client has closed the connection; it is never sent
WORK = "/v1/"  # paths that count as requests under way, and are refused while the service stops


class Middleware:
    """The outermost layer of the app, an ASGI middleware.

    Host, Origin and token are checked before a byte of the body is read. The body is read whole and counted before the
    app sees it; from then on only the app listens for a disconnect. The message of an unexpected error never leaves the
    service: it may quote a text.
    """

    def __init__(self, app: ASGIApp, *, admission: Admission, settings: ServeSettings, metrics: Metrics) -> None:
        """Wrap an app."""
        self.app, self.admission, self.settings, self.metrics = app, admission, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = read_headers(scope)
        log = RequestLog.begin(name_method(scope["method"]), name_route(scope["path"]), headers)
        scope.setdefault("state", {})["log"] = log

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.status = message["status"]
                message["headers"] = self._add_headers(message.get("headers", []), log)
            await send(message)

        try:
            await self._answer(scope, receive, tell, headers, log)
        except GoneError:
            log.status = HUNG_UP
        except Exception as error:
            log.error = name_error(error)
            if log.status:  # the answer has begun: break the connection, or half an answer would seem whole
                raise
            await refuse(Refusal(500, "error", f"The service failed; its log has more under {log.id}."), scope, tell)
        finally:
            self._note(log)

    async def _answer(
        self, scope: Scope, receive: Receive, tell: Send, headers: dict[str, str], log: RequestLog
    ) -> None:
        refusal = find_refusal(scope["path"], headers, self.settings)
        if refusal is None and scope["path"].startswith(WORK):
            try:
                self.admission.enter()
            except ClosedError:
                refusal = _wait(503, "stopping", "The service is stopping. Try another, or again later.")
            except CrowdedError:
                refusal = _wait(429, "requests", f"{self.admission.most} requests are under way. Try again.")
            else:
                try:
                    await self._work(scope, receive, tell, headers, log)
                finally:
                    self.admission.leave()
                return
        if refusal is None:
            await self.app(scope, receive, tell)
        else:
            await self._refuse(refusal, scope, tell)

    async def _work(self, scope: Scope, receive: Receive, tell: Send, headers: dict[str, str], log: RequestLog) -> None:
        most, seconds = self.settings.max_body, self.settings.timeout
        try:
            body = await read_body(receive, headers.get("content-length"), most, log.started + seconds)
        except TooLargeError:
            said = f"Expected a body of at most {most} bytes. Send the inputs in parts."
            await self._refuse(Refusal(413, "body", said), scope, tell)
        except LateError:
            said = f"The body did not arrive within {seconds:g} s."
            await self._refuse(Refusal(408, "slow", said, {"Connection": "close"}), scope, tell)
        else:
            await self.app(scope, replay(body, receive), tell)

    async def _refuse(self, refusal: Refusal, scope: Scope, tell: Send) -> None:
        self.metrics.refused.labels(refusal.reason).inc()
        await refuse(refusal, scope, tell)

    def _add_headers(self, headers: list[tuple[bytes, bytes]], log: RequestLog) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        added = HEADERS | {ID: log.id} | ({} if log.trace is None else {TRACE: log.trace})
        if self.admission.closed:  # clients that keep connections open must open new ones elsewhere
            added["Connection"] = "close"
        pairs = [(name.lower().encode(), value.encode()) for name, value in added.items()]
        return [*headers, *(pair for pair in pairs if pair[0] not in there)]

    def _note(self, log: RequestLog) -> None:
        if log.status == HUNG_UP:
            self.metrics.cancelled.inc()
        self.metrics.count_request(log.method, log.route, log.status, log.seconds())
        log_event("request", **log.describe())


def read_headers(scope: Scope) -> dict[str, str]:
    """Return a request's headers, with names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answer with a refusal; the rest of the body is not read."""
    from starlette.responses import JSONResponse

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await JSONResponse({"detail": refusal.detail}, refusal.status, refusal.headers)(scope, receive, send)


def _wait(status: int, reason: str, said: str) -> Refusal:
    return Refusal(status, reason, said, {"Retry-After": str(RETRY_AFTER)})
