"""The files of a page: those in the `static` folder of its package, and those that all pages share.

style.css is made of three: the report's colours and tables, the controls that all pages share, and the page's own.
"""

from __future__ import annotations

import mimetypes
from importlib import resources
from importlib.resources.abc import Traversable

STYLE = "style.css"
SHARED = "dawgen.web"


def list_static(package: str) -> list[str]:
    """Return the names of the files that a package's pages load: its scripts, the shared ones and style.css."""
    names = {item.name for owner in (package, SHARED) for item in _find_folder(owner).iterdir()}
    return [STYLE, *sorted(name for name in names if name.endswith(".js"))]


def read_static(package: str, name: str) -> bytes:
    """Return a file of a package's pages, or a shared one."""
    if name == STYLE:
        report = resources.files("dawgen.report.templates").joinpath("style.css")
        sheets = (report, _find_folder(SHARED).joinpath("controls.css"), _find_folder(package).joinpath("page.css"))
        return b"".join(sheet.read_bytes() for sheet in sheets)
    own = _find_folder(package).joinpath(name)
    return (own if own.is_file() else _find_folder(SHARED).joinpath(name)).read_bytes()


def guess_type(name: str) -> str:
    """Return a file's media type; scripts run only under the right one, which some systems' tables get wrong."""
    return "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"


def _find_folder(package: str) -> Traversable:
    return resources.files(package).joinpath("static")
