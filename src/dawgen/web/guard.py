"""The guard of a server on this machine: whose requests it answers, and what a browser may load into its pages.

A server on a loopback address can be reached by any page that the user's browser shows: through a host name that an
attacker points at 127.0.0.1 (DNS rebinding), or by a request across origins. Both carry the attacker's name, in Host
or in Origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

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


def names_loopback(headers: Mapping[str, str]) -> bool:
    """Return whether a request asks for this machine by a loopback name. headers: with names in lower case."""
    return is_loopback(_read_name(headers.get("host", "")))


def is_elsewhere(headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from a page of another address. headers: with names in lower case.

    Browsers send Origin with every POST; a request without it is not from a browser, and so carries no cookie of one.
    """
    return "origin" in headers and headers["origin"].partition("://")[2] != headers.get("host", "")


def _read_name(host: str) -> str:
    """Return the name of a Host header: without the port, an IPv6 address without its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
