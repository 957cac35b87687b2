"""The guard of the form: it answers its own pages, on this machine or, from elsewhere, with the key of the link.

On a loopback address it answers requests for this machine's names only (see dawgen.web.guard). On other addresses the
name of this machine is unknown, and the network is not trusted: there the link has a key, which becomes a cookie.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from dawgen.web import is_elsewhere, names_loopback

COOKIE = "dawgen_key"
MOST_BYTES = 16_384  # of a request's body; an answer has some 300


def find_fault(method: str, headers: Mapping[str, str], key: str | None, cookie: str | None) -> tuple[int, str] | None:
    """Return the status and reason with which a request is refused, None if it may pass.

    headers: with names in lower case. key: that of the link; None on loopback addresses.
    """
    if key is None and not names_loopback(headers):
        return 403, "This form answers to localhost only."
    if key is not None and not hmac.compare_digest((cookie or "").encode(), key.encode()):
        return 403, "Open the link with the key that `dawgen annotate` has printed."
    if method in ("GET", "HEAD"):
        return None
    if is_elsewhere(headers):
        return 403, "Requests from other pages are refused."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "Expected JSON."
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return 411, "Expected the length of the body."
    return (413, f"Expected at most {MOST_BYTES} bytes.") if int(length) > MOST_BYTES else None
