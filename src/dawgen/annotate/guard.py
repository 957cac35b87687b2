"""Who may talk to the form: a page of its own address, of this machine or, from elsewhere, with the key of the link.

A form on a loopback address can be reached by any page that the user's browser shows: through a host name that an
attacker points at 127.0.0.1 (DNS rebinding), or by a request across origins. Both carry the attacker's name, in Host
or in Origin. On other addresses the name of this machine is unknown, and its neighbours are not trusted: there the
link has a key, which becomes a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

COOKIE = "dawgen_key"
MOST_BYTES = 16_384  # of a request's body; an answer has some 300
LOOPBACK_NAMES = ("localhost",)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Return whether an address or name is that of this machine alone."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_fault(method: str, headers: Mapping[str, str], key: str | None, cookie: str | None) -> tuple[int, str] | None:
    """Return the status and reason with which a request is refused, None if it may pass.

    headers: with names in lower case. key: what the link holds; None on loopback addresses.
    """
    host = headers.get("host", "")
    if key is None and not is_loopback(_read_name(host)):
        return 403, "This form answers to localhost only."
    if key is not None and not hmac.compare_digest((cookie or "").encode(), key.encode()):
        return 403, "Open the link with the key that `dawgen annotate` has printed."
    if method in ("GET", "HEAD"):
        return None
    # Browsers send Origin with every POST; without it the request is no browser's, and no cookie of one is at stake.
    if "origin" in headers and headers["origin"].partition("://")[2] != host:
        return 403, "Requests from other pages are refused."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "Expected JSON."
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return 411, "Expected the length of the body."
    return (413, f"Expected at most {MOST_BYTES} bytes.") if int(length) > MOST_BYTES else None


def _read_name(host: str) -> str:
    """Return the name of a Host header: without the port, an IPv6 address without its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
