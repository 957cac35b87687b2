"""The routes: classify, prompts, probes, metrics. Imports FastAPI: import this module in functions only."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dawgen.deploy.serve.admission import RETRY_AFTER, Admission
from dawgen.deploy.serve.answer import Answerer
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.logs import log_event
from dawgen.deploy.serve.metrics import Metrics
from dawgen.deploy.serve.registry import NameTakenError, Registry
from dawgen.deploy.serve.schemas import Answer, Answers, Base, Bundle, Fault, Prompt, PromptList, Question, Status
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
TAKEN: dict[int | str, dict[str, Any]] = {
    409: {"model": Fault, "description": "the name is taken, or as many prompts are loaded as may be"}
}


def make_work_routes(registry: Registry, answerer: Answerer, metrics: Metrics, settings: ServeSettings) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", responses=FAULTS)
    loader = ThreadPoolExecutor(1, thread_name_prefix="load")  # one bundle at a time

    @router.post("/classify", summary="Classify texts under one prompt, or under several", responses=UNKNOWN | LATE)
    async def classify(question: Question, request: Request) -> Answer | Answers:
        return await answerer.answer(question, request.receive, request.state.log)

    @router.get("/prompts", summary="The frozen model and its prompts")
    async def list_prompts() -> PromptList:
        prompts = [describe_prompt(loaded) for loaded in registry.list()]
        return PromptList(base=describe_base(registry.backbone), prompts=prompts)

    @router.post("/prompts", summary="Add a bundle of the allowed folder", status_code=201, responses=TAKEN)
    async def add_prompt(bundle: Bundle) -> Prompt:
        loaded = await asyncio.wrap_future(loader.submit(add_bundle, registry, bundle, settings.max_prompts))
        log_event("prompt added", prompt=loaded.name, digest=loaded.digest)
        return describe_prompt(loaded)

    # FastAPI before 0.117 takes "-> None" for a body, which 204 has not.
    @router.delete(
        "/prompts/{name}", summary="Remove a prompt", status_code=204, response_model=None, responses=UNKNOWN
    )
    async def remove_prompt(name: str) -> None:
        registry.remove(name)
        metrics.forget(name)
        log_event("prompt removed", prompt=name)

    return router


def make_probes(admission: Admission, batcher: Batcher) -> APIRouter:
    """Return the routes by which an orchestrator checks the service."""
    router = APIRouter()

    @router.get("/healthz", summary="Whether the process answers")
    async def tell_health() -> Status:
        return Status(status="ok")

    @router.get(
        "/readyz", summary="Whether it takes requests", response_model=Status, responses={503: {"model": Fault}}
    )
    async def tell_readiness() -> Any:
        if admission.closed:
            return make_unready("The service is stopping.")
        if not batcher.alive:
            return make_unready("The worker has died; start the service again.")
        return Status(status="ready")

    return router


def make_metrics(metrics: Metrics) -> APIRouter:
    """Return the route for Prometheus."""
    router = APIRouter(responses={401: FAULTS[401]})

    @router.get("/metrics", summary="Counters for Prometheus", response_class=Response)
    async def tell_metrics() -> Response:
        return Response(metrics.write(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def make_unready(said: str) -> JSONResponse:
    """Return the answer of a service that takes no requests now."""
    return JSONResponse({"detail": said}, 503, {"Retry-After": str(RETRY_AFTER)})


def add_bundle(registry: Registry, bundle: Bundle, most: int) -> LoadedPrompt:
    """Add a bundle of the allowed folder.

    Raises:
        NameTakenError: as many prompts are loaded as may be. What `Registry.add` raises, without the server's paths.
    """
    if len(registry.list()) >= most:
        raise NameTakenError(f"expected room for one more prompt, {most} are loaded. Remove one first.")
    try:
        return registry.add(bundle.folder, bundle.name, digest=bundle.digest)
    except BundleError as error:
        own = "" if registry.allowed is None else f"{registry.allowed.resolve()}{os.sep}"
        raise BundleError(str(error).replace(own, "")) from error


def describe_prompt(loaded: LoadedPrompt) -> Prompt:
    """Return what the service tells about a prompt."""
    return Prompt(
        name=loaded.name,
        task=loaded.task.name,
        labels=list(loaded.labels),
        pair=loaded.task.pair,
        length=loaded.length,
        temperature=loaded.temperature,
        bytes=loaded.nbytes,
        digest=loaded.digest,
    )


def describe_base(backbone: Backbone) -> Base:
    """Return what the service tells about the frozen model."""
    return Base(
        model=backbone.name,
        revision=backbone.revision,
        quantisation=backbone.quantisation,
        fingerprint=backbone.fingerprint,
        kind=backbone.kind,
        dtype=str(backbone.model.dtype).removeprefix("torch."),
        device=str(backbone.model.device),
    )
