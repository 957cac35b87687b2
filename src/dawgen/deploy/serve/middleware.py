"""What every request passes on its way in and out: who asks, how much it brings, and what is logged and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dawgen.deploy.serve.admission import RETRY_AFTER, ClosedError, CrowdedError, Gate
from dawgen.deploy.serve.auth import Refusal, find_refusal
from dawgen.deploy.serve.deadline import GoneError, LateError
from dawgen.deploy.serve.limits import TooLargeError, read_body, replay
from dawgen.deploy.serve.logs import Visit, log_event, name_error
from dawgen.deploy.serve.metrics import Metrics, name_method, name_route
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.web import HEADERS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HUNG_UP = 499  # as nginx logs a client that did not wait; nobody receives it
WORK = "/v1/"  # what counts as a request under way, and is refused while the service stops


class Door:
    """The outermost layer of the app, as ASGI has it.

    Host, origin and token are looked at before a byte of the body is read; the body is read whole, counted, before the
    app sees it; then the app alone listens for the client's hanging up. Nothing that goes wrong inside leaves with a
    message: it may quote a text.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, settings: ServeSettings, metrics: Metrics) -> None:
        """Stand before an app."""
        self.app, self.gate, self.settings, self.metrics = app, gate, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = Visit(name_method(scope["method"]), name_route(scope["path"]))
        scope.setdefault("state", {})["visit"] = visit

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                message["headers"] = self._add_headers(message.get("headers", []), visit)
            await send(message)

        try:
            await self._answer(scope, receive, tell, visit)
        except GoneError:
            visit.status = HUNG_UP
        except Exception as error:
            visit.error = name_error(error)
            if visit.status:  # the answer has begun: the connection must break, or it would seem whole
                raise
            await refuse(Refusal(500, "error", f"The service failed; its log has more under {visit.id}."), scope, tell)
        finally:
            self._note(visit)

    async def _answer(self, scope: Scope, receive: Receive, tell: Send, visit: Visit) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = find_refusal(scope["path"], headers, self.settings)
        if refusal is None and scope["path"].startswith(WORK):
            try:
                self.gate.enter()
            except ClosedError:
                refusal = _wait(503, "stopping", "The service is stopping. Try another, or again later.")
            except CrowdedError:
                refusal = _wait(429, "requests", f"{self.gate.most} requests are under way. Try again.")
            else:
                try:
                    await self._work(scope, receive, tell, headers, visit)
                finally:
                    self.gate.leave()
                return
        if refusal is None:
            await self.app(scope, receive, tell)
        else:
            await self._refuse(refusal, scope, tell)

    async def _work(self, scope: Scope, receive: Receive, tell: Send, headers: dict[str, str], visit: Visit) -> None:
        most, seconds = self.settings.max_body, self.settings.timeout
        try:
            body = await read_body(receive, headers.get("content-length"), most, visit.started + seconds)
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

    def _add_headers(self, headers: list[tuple[bytes, bytes]], visit: Visit) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in headers}
        added = HEADERS | {"X-Request-Id": visit.id}
        if self.gate.closed:  # clients that keep connections open learn to go elsewhere
            added["Connection"] = "close"
        pairs = [(name.lower().encode(), value.encode()) for name, value in added.items()]
        return [*headers, *(pair for pair in pairs if pair[0] not in there)]

    def _note(self, visit: Visit) -> None:
        if visit.status == HUNG_UP:
            self.metrics.cancelled.inc()
        self.metrics.count_request(visit.method, visit.route, visit.status, visit.seconds())
        log_event("request", **visit.describe())


async def refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answer with a refusal; what is left of the body is not read."""
    from starlette.responses import JSONResponse

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await JSONResponse({"detail": refusal.detail}, refusal.status, refusal.headers)(scope, receive, send)


def _wait(status: int, reason: str, said: str) -> Refusal:
    return Refusal(status, reason, said, {"Retry-After": str(RETRY_AFTER)})
