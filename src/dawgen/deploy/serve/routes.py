"""The routes: classify, the shelf, and how the service is. Imports FastAPI, so `make_app` imports this in its turn."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dawgen.deploy.serve.admission import RETRY_AFTER, Gate
from dawgen.deploy.serve.answer import Answerer
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import Served
from dawgen.deploy.serve.logs import log_event
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.registry import NameTakenError, Shelf
from dawgen.deploy.serve.schemas import Answer, Base, Bundle, Fault, Prompt, Question, Shelved, Status
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import BundleError
from dawgen.models.load import Backbone

FAULTS: dict[int | str, dict[str, Any]] = {
    401: {"model": Fault, "description": "no token, or a wrong one"},
    403: {"model": Fault, "description": "host name, page or folder that is not allowed"},
    408: {"model": Fault, "description": "the body took too long"},
    413: {"model": Fault, "description": "the body is too large"},
    422: {"model": Fault, "description": "wrong input"},
    429: {"model": Fault, "description": "the queue is full: try again after Retry-After seconds"},
    500: {"model": Fault, "description": "the service failed; its log has more"},
    503: {"model": Fault, "description": "loading or stopping: try again after Retry-After seconds"},
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": Fault, "description": "no prompt has this name"}}
LATE: dict[int | str, dict[str, Any]] = {504: {"model": Fault, "description": "the answer took too long"}}
TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": Fault, "description": "the name is taken, or the shelf full"}}


def make_work_routes(shelf: Shelf, answerer: Answerer, metrics: Metrics, settings: ServeSettings) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", responses=FAULTS)
    loader = ThreadPoolExecutor(1, thread_name_prefix="load")  # one bundle at a time

    @router.post("/classify", summary="Classify texts under one prompt", responses=UNKNOWN | LATE)
    async def classify(question: Question, request: Request) -> Answer:
        return await answerer.answer(question, request.receive, request.state.visit)

    @router.get("/prompts", summary="The frozen model and its prompts")
    async def list_prompts() -> Shelved:
        prompts = [describe_prompt(served) for served in shelf.list()]
        return Shelved(base=describe_base(shelf.backbone), prompts=prompts)

    @router.post("/prompts", summary="Add a bundle of the allowed folder", status_code=201, responses=TAKEN)
    async def add_prompt(bundle: Bundle) -> Prompt:
        served = await asyncio.wrap_future(loader.submit(add_bundle, shelf, bundle, settings.max_prompts))
        log_event("prompt added", prompt=served.name, digest=served.digest)
        return describe_prompt(served)

    @router.delete("/prompts/{name}", summary="Remove a prompt", status_code=204, responses=UNKNOWN)
    async def remove_prompt(name: str) -> None:
        shelf.remove(name)
        metrics.forget(name)
        log_event("prompt removed", prompt=name)

    return router


def make_probes(gate: Gate, batcher: Batcher) -> APIRouter:
    """Return the routes of those who start and stop the service."""
    router = APIRouter()

    @router.get("/healthz", summary="Whether the process answers")
    async def tell_health() -> Status:
        return Status(status="ok")

    @router.get(
        "/readyz", summary="Whether it takes requests", response_model=Status, responses={503: {"model": Fault}}
    )
    async def tell_readiness() -> Any:
        if gate.closed:
            return make_unready("The service is stopping.")
        if not batcher.alive:
            return make_unready("The worker has died; start the service again.")
        return Status(status="ready")

    return router


def make_metrics(metrics: Metrics) -> APIRouter:
    """Return the route of those who watch the service."""
    router = APIRouter(responses={401: FAULTS[401]})

    @router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
    async def tell_metrics() -> Response:
        return Response(metrics.write(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def make_unready(said: str) -> JSONResponse:
    """Return the answer of a service that takes no requests now."""
    return JSONResponse({"detail": said}, 503, {"Retry-After": str(RETRY_AFTER)})


def add_bundle(shelf: Shelf, bundle: Bundle, most: int) -> Served:
    """Add a bundle of the allowed folder.

    Raises:
        NameTakenError: the shelf is full. What `Shelf.add` raises, without the server's own paths.
    """
    if len(shelf.list()) >= most:
        raise NameTakenError(f"expected room on the shelf, {most} prompts are there. Remove one first.")
    try:
        return shelf.add(bundle.folder, bundle.name, digest=bundle.digest)
    except BundleError as error:
        own = "" if shelf.allowed is None else f"{shelf.allowed.resolve()}{os.sep}"
        raise BundleError(str(error).replace(own, "")) from error


def describe_prompt(served: Served) -> Prompt:
    """Return what is told of a prompt."""
    return Prompt(
        name=served.name,
        task=served.task.name,
        labels=list(served.labels),
        pair=served.task.pair,
        length=len(served.prompt),
        bytes=served.nbytes,
        digest=served.digest,
    )


def describe_base(backbone: Backbone) -> Base:
    """Return what is told of the frozen model."""
    return Base(
        model=backbone.name,
        revision=backbone.revision,
        fingerprint=backbone.fingerprint,
        kind=backbone.kind,
        dtype=str(backbone.model.dtype).removeprefix("torch."),
        device=str(backbone.model.device),
    )
