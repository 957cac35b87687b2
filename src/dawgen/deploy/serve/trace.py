"""What ties a request to the logs of those who sent it: X-Request-Id, and traceparent of W3C Trace Context."""

from __future__ import annotations

import re
from collections.abc import Mapping

ID, TRACE = "X-Request-Id", "traceparent"
LONGEST = 128  # characters of an id

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=;@-]*")  # UUIDs, ULIDs, those of proxies and clouds; no space, no quote
_TRACE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def read_id(headers: Mapping[str, str]) -> str | None:
    """Return the id that a request brings, None where it has none or one that is not fit for a log. headers: with names
    in lower case."""
    given = headers.get(ID.lower(), "")
    return given if is_id(given) else None


def read_trace(headers: Mapping[str, str]) -> str | None:
    """Return the trace that a request belongs to, None where it has none or no valid one."""
    given = headers.get(TRACE, "")
    return given if is_trace(given) else None


def is_id(text: str) -> bool:
    """Return whether a text may be a request's id: 1 to 128 letters, digits and . _ : / + = ; @ -, first no sign."""
    return len(text) <= LONGEST and _ID.fullmatch(text) is not None


def is_trace(text: str) -> bool:
    """Return whether a text is a traceparent: version, trace and parent of which none is zero, flags.

    Versions above 00 may have more fields behind these; ff is none.
    """
    found = _TRACE.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return False
    version, trace, parent, _, more = found.groups()
    return version != "ff" and bool(trace.strip("0") and parent.strip("0")) and (version != "00" or more is None)
