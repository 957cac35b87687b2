"""Runs the form: the links to it, their key, and uvicorn until Ctrl+C."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dawgen.errors import ConfigError
from dawgen.web import HEADER_BYTES, Limits, is_loopback, make_address, make_protocol

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

KEY_FILE = "key"


def make_link(host: str, port: int, key: str | None) -> str:
    """Return the form's address, with the key where it has one."""
    return make_address(host, port) + ("" if key is None else f"?key={quote(key)}")


def keep_key(folder: Path, host: str) -> str | None:
    """Return the key of the session's links, drawn once; None on loopback addresses, which need none."""
    if is_loopback(host):
        return None
    path = folder / KEY_FILE
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(16) + "\n")
    key = path.read_text().strip()
    if not key:
        raise ConfigError(f"{path}: expected the key of the form's link, found nothing. Delete the file.")
    return key


def run_server(app: FastAPI, listener: socket.socket) -> None:
    """Serve until the process is told to stop."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=make_protocol(Limits()),
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=3,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has ended in good order, then passes the signal on
        return
