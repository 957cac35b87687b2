"""A server's socket, and its address as people type it."""

from __future__ import annotations

import socket

from dawgen.errors import ConfigError


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises ConfigError where the address is not this machine's or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # despite a killed server's connections
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


def make_address(host: str, port: int) -> str:
    """Return a server's address, such as http://127.0.0.1:80/; on all addresses, by this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/"
