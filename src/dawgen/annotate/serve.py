"""Runs the form: a socket, the links to it, and uvicorn until Ctrl+C."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dawgen.annotate.guard import is_loopback
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

KEY_FILE = "key"


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises ConfigError where the address is not this machine's or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a killed server left is no obstacle
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--host {host} --port {port}: expected a free port of this machine, found {error}.\n"
            "Stop the other server, or choose another --port."
        ) from error
    return listener


def make_link(host: str, port: int, key: str | None) -> str:
    """Return the form's address; where it listens on all addresses, by this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + ("" if key is None else f"?key={quote(key)}")


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
        http="h11",
        timeout_graceful_shutdown=3,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has ended in good order, then passes the signal on
        return
