"""One line of JSON on stderr for each request and event: never a text, a token, or a name that a client made up."""

from __future__ import annotations

import json
import logging
import secrets
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dawgen.deploy.serve.trace import read_id, read_trace

LOGGER = logging.getLogger("dawgen.serve")


@dataclass
class RequestLog:
    """What the log says about one request.

    prompt: the name of a loaded prompt, None before it was found. inputs: texts or pairs, 0 before they are counted.
    started: by `time.monotonic`. id, trace: those that the request brought, where they are fit for a log.
    """

    method: str
    route: str
    started: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    trace: str | None = None
    status: int = 0
    prompt: str | None = None
    inputs: int = 0
    error: str | None = None

    @classmethod
    def begin(cls, method: str, route: str, headers: Mapping[str, str]) -> RequestLog:
        """Return the log of a request that comes in now. headers: with names in lower case."""
        log = cls(method, route, trace=read_trace(headers))
        log.id = read_id(headers) or log.id
        return log

    def seconds(self) -> float:
        """Return the time since it began."""
        return time.monotonic() - self.started

    def describe(self) -> dict[str, Any]:
        """Return the fields of its line, without those that are not known."""
        facts: dict[str, Any] = {
            "request": self.id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "ms": round(1000 * self.seconds(), 3),
        }
        if self.trace is not None:
            facts["trace"] = self.trace
        if self.prompt is not None:
            facts |= {"prompt": self.prompt, "inputs": self.inputs}
        return facts if self.error is None else facts | {"error": self.error}


def name_error(error: BaseException) -> str:
    """Return an error's class and where it was raised; its message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def log_event(event: str, **facts: Any) -> None:
    """Log one line; facts: JSON values."""
    LOGGER.info(event, extra={"facts": facts})


class JsonLines(logging.Formatter):
    """Formats a record as one object: time in UTC, event, and the record's facts.

    Of other libraries' records only the format string is kept: their arguments may quote a text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        own = record.name.startswith(LOGGER.name)
        said = record.getMessage() if own else str(record.msg).partition("\n")[0]
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": when.replace("+00:00", "Z"), "event": said}
        if not own:
            line["from"] = record.name
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = name_error(record.exc_info[1])
        return json.dumps(line | getattr(record, "facts", {}))


def start_logs() -> None:
    """Write the lines of the service, and the warnings of all libraries, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    logging.captureWarnings(True)
