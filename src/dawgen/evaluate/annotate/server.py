"""The form's server: the page, and its requests under /api.

It holds no state: every answer is on the disk before it is acknowledged, and a server that starts again on the same
folder continues where the last one ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.guard import COOKIE, find_fault
from dawgen.evaluate.annotate.guide import read_guide
from dawgen.evaluate.annotate.ratings import check_name, parse_answer
from dawgen.evaluate.annotate.session import Session
from dawgen.web import HEADERS, guess_type, import_fastapi, list_static, read_static

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

PACKAGE = "dawgen.evaluate.annotate"  # whose static files the page is
SENT = ("id", "annotator", "item", "ratings", "seconds")  # what the page says of an answer; the time is the server's


def make_app(session: Session, *, key: str | None = None) -> FastAPI:
    """Return the form of a session. key: what links to it hold; None where it is served to this machine alone.

    Raises ConfigError where FastAPI is not installed.
    """
    fastapi = import_fastapi("annotate")
    app: FastAPI = fastapi.FastAPI(title="dawgen annotate", docs_url=None, redoc_url=None, openapi_url=None)
    pages = {"": ("text/html", read_static(PACKAGE, "page.html"))}
    pages |= {name: (guess_type(name), read_static(PACKAGE, name)) for name in list_static(PACKAGE)}
    _guard(app, key)
    _answer_errors(app)

    @app.get("/api/about")
    def tell_about() -> dict[str, Any]:
        return describe_session(session)

    @app.get("/api/items")
    def list_items(annotator: str) -> dict[str, Any]:
        # Ana and ana are one person, who should not be compared with herself.
        return describe_items(session, check_name(annotator, "annotator").casefold())

    @app.post("/api/answers")
    def store(fields: dict[str, Any]) -> dict[str, Any]:
        _check_session(session, fields)
        answer = parse_answer(
            {name: value for name, value in fields.items() if name in SENT}, "answer", session.questions
        )
        return {"new": session.ratings.append(answer)}

    @app.post("/api/undo")
    def undo(fields: dict[str, Any]) -> dict[str, Any]:
        _check_session(session, fields)
        number, annotator, answer = (_take_text(fields, name) for name in ("id", "annotator", "answer"))
        return {"undone": session.ratings.undo(check_name(annotator, "undo"), number, answer) is not None}

    @app.get("/")
    @app.get("/{name}")
    def show(name: str = "") -> Any:
        kind, body = pages.get(name, ("", b""))
        if not kind:
            raise fastapi.HTTPException(404, "There is no such page.")
        return fastapi.Response(body, media_type=kind)

    return app


def describe_session(session: Session) -> dict[str, Any]:
    """Return the content of the page before rating, as JSON values without the sources of rows."""
    return {
        "key": session.key,
        "kind": session.kind,
        "task": session.task,
        "pair": session.pair,
        "rows": len(session.items),
        "questions": [
            {
                "name": question.name,
                "text": question.of_pair if session.pair else question.of_text,
                "values": list(question.values),
                "low": question.low,
                "high": question.high,
            }
            for question in session.questions
        ],
        **read_guide(session.folder),
    }


def describe_items(session: Session, annotator: str) -> dict[str, Any]:
    """Return the items in the annotator's order, and what of this annotator's answers stands, in order of rating."""
    answers = [asdict(answer) for answer in session.ratings.read().values() if answer.annotator == annotator]
    return {
        "annotator": annotator,
        "items": [item.show() for item in session.list_items(annotator)],
        "answers": [{"kind": "answer", **{name: answer[name] for name in SENT}} for answer in answers],
    }


def _guard(app: FastAPI, key: str | None) -> None:
    """Refuse what `find_fault` finds, turn the link's key into a cookie, and put the headers on every response."""
    from fastapi.responses import JSONResponse, RedirectResponse

    @app.middleware("http")
    async def check(request: Request, call_next: Any) -> Any:
        given = request.query_params.get("key") if key is not None and request.url.path == "/" else None
        cookie = given or request.cookies.get(COOKIE)
        response: Any
        if fault := find_fault(request.method, request.headers, key, cookie):
            response = JSONResponse({"detail": fault[1]}, fault[0])
        elif given:
            response = RedirectResponse("/", 303)
            response.set_cookie(COOKIE, given, httponly=True, samesite="strict", max_age=90 * 24 * 3600)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response


def _answer_errors(app: FastAPI) -> None:
    """Answer errors in plain words: 422 for a request that can never succeed, 503 for one that may be repeated."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    async def refuse(request: Request, error: Exception) -> Any:
        later = isinstance(error, ConfigError | OSError) or isinstance(error.__cause__, OSError)
        return JSONResponse({"detail": str(error)}, 503 if later else 422)

    async def refuse_shape(request: Request, error: Exception) -> Any:
        return JSONResponse({"detail": "Expected an object in JSON, or an annotator."}, 422)

    for kind in (DataError, ConfigError, OSError):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(RequestValidationError, refuse_shape)


def _check_session(session: Session, fields: Mapping[str, Any]) -> None:
    """Refuse, with a status that allows repeating, requests from a page of another session at the same address."""
    if fields.get("session") != session.key:
        from fastapi import HTTPException

        raise HTTPException(409, "Another session is served here now.")


def _take_text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str) or not text:
        raise DataError(f"undo: expected the text {name}, found {text!r:.40}.")
    return text
