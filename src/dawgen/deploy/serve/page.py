"""The pages of `dawgen serve`: one at / to try a prompt by hand, and one at /docs that lists the routes.

Both are files of this package; a browser loads nothing from elsewhere. They hold no data: they request what they show
from the service, with the token where it needs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dawgen.web import HEADERS, guess_type, list_static, read_static

if TYPE_CHECKING:
    from fastapi import FastAPI

PACKAGE = "dawgen.deploy.serve"  # whose static files the pages are
PAGES = {"/": "page.html", "/docs": "docs.html"}


def add_page(app: FastAPI) -> None:
    """Serve the pages at / and /docs, and their scripts and style under /static. None of them is in the OpenAPI."""
    from fastapi import HTTPException, Response

    pages = {path: read_static(PACKAGE, name) for path, name in PAGES.items()}
    files = {name: (guess_type(name), read_static(PACKAGE, name)) for name in list_static(PACKAGE)}

    @app.get("/", include_in_schema=False)
    def show_page() -> Any:
        return Response(pages["/"], media_type="text/html", headers=HEADERS)

    @app.get("/docs", include_in_schema=False)
    def show_docs() -> Any:
        return Response(pages["/docs"], media_type="text/html", headers=HEADERS)

    @app.get("/static/{name}", include_in_schema=False)
    def show_file(name: str) -> Any:
        if name not in files:
            raise HTTPException(404, "There is no such file.")
        kind, body = files[name]
        return Response(body, media_type=kind, headers=HEADERS)
