"""Shared by dawgen's web pages and services: sockets and their limits, the guard against
foreign requests, and the files of a page.

>>> from dawgen.web import is_loopback, make_address
>>> is_loopback("127.0.0.1"), make_address("127.0.0.1", 8400)
(True, 'http://127.0.0.1:8400/')
"""

from dawgen.web.connections import HEADER_BYTES, Limits, make_protocol
from dawgen.web.files import guess_type, list_static, read_static
from dawgen.web.guard import HEADERS, is_elsewhere, is_loopback, names_loopback
from dawgen.web.libraries import import_fastapi
from dawgen.web.listen import make_address, open_socket

__all__ = [
    "HEADERS",
    "HEADER_BYTES",
    "Limits",
    "guess_type",
    "import_fastapi",
    "is_elsewhere",
    "is_loopback",
    "list_static",
    "make_address",
    "make_protocol",
    "names_loopback",
    "open_socket",
    "read_static",
]
