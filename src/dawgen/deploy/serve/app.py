"""The service as an ASGI app: many prompts on one frozen model, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dawgen import __version__
from dawgen.deploy.serve.admission import Admission
from dawgen.deploy.serve.answer import Answerer
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.faults import add_handlers
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.middleware import Middleware
from dawgen.deploy.serve.page import add_page
from dawgen.deploy.serve.registry import Registry
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.web import import_fastapi

if TYPE_CHECKING:
    from fastapi import FastAPI

ABOUT = "Classifies texts with many soft prompts on one frozen model. Rows of different prompts share a batch."


def make_app(registry: Registry, batcher: Batcher, settings: ServeSettings | None = None) -> FastAPI:
    """Return the service of a registry's prompts. `app.state.admission` counts the requests and can be closed.

    Raises ConfigError where FastAPI, uvicorn or prometheus-client is not installed.
    """
    fastapi = import_fastapi("serve", "prometheus_client")
    from dawgen.deploy.serve.routes import make_metrics, make_probes, make_work_routes

    settings = settings or ServeSettings()
    admission, metrics = Admission(settings.max_requests), Metrics(registry, batcher)
    batcher.observe = metrics.observe_batch
    answerer = Answerer(registry, batcher, settings, metrics)
    app: FastAPI = fastapi.FastAPI(
        title="dawgen serve",
        description=ABOUT,
        version=__version__,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    guard: list[Any] = []
    if settings.token is not None:  # `Middleware` has checked it already; this puts it into the OpenAPI
        from fastapi.security import HTTPBearer

        guard = [fastapi.Depends(HTTPBearer(auto_error=False))]
    app.include_router(make_work_routes(registry, answerer, metrics, settings), dependencies=guard)
    app.include_router(make_probes(admission, batcher))
    app.include_router(make_metrics(metrics), dependencies=guard)
    add_page(app)
    add_handlers(app, metrics)
    app.add_middleware(Middleware, admission=admission, settings=settings, metrics=metrics)
    app.state.admission, app.state.metrics = admission, metrics
    return app
