"""The verb that answers over HTTP: serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import choose, complete_models
from dawgen.config import Dtype
from dawgen.errors import ConfigError, suggest
from dawgen.section import MOST_THREADS

if TYPE_CHECKING:
    from dawgen.deploy.serve.server import Service

WHO, MODEL, LIMITS = "Who may ask", "The model", "Limits"


def serve(
    bundles: Annotated[
        list[str] | None,
        typer.Argument(help="folders with bundles, NAME=FOLDER for another name than the folder's", metavar="BUNDLE"),
    ] = None,
    allowed: Annotated[
        Path | None, typer.Option("--bundles", help="folder from whose bundles POST /v1/prompts may add", metavar="DIR")
    ] = None,
    host: Annotated[str, typer.Option(help="address to listen on", rich_help_panel=WHO)] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one", rich_help_panel=WHO)] = 8400,
    token_file: Annotated[
        Path | None,
        typer.Option(help="file with the token that requests must carry (or DAWGEN_TOKEN)", rich_help_panel=WHO),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="serve whoever reaches the address", rich_help_panel=WHO)
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="a host name to answer to, as behind a proxy; may be repeated", rich_help_panel=WHO),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="the base model, if not where the first bundle says",
            rich_help_panel=MODEL,
            autocompletion=complete_models,
        ),
    ] = None,
    dtype: Annotated[
        str | None, choose("numbers of the model (the first bundle's)", get_args(Dtype), rich_help_panel=MODEL)
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="such as cpu or cuda:0 (a GPU if there is one)", rich_help_panel=MODEL)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_THREADS,
            help="CPU threads (half of the CPUs: requests need some too)",
            rich_help_panel=MODEL,
        ),
    ] = None,
    token_budget: Annotated[
        int | None, typer.Option(min=1, help="padded tokens of a batch (by device)", rich_help_panel=MODEL)
    ] = None,
    max_wait: Annotated[
        float, typer.Option(min=0, help="milliseconds that an idle model waits for more rows", rich_help_panel=MODEL)
    ] = 4.0,
    queue: Annotated[
        int | None, typer.Option(min=1, help="rows that may wait; then 429 (by device)", rich_help_panel=LIMITS)
    ] = None,
    max_requests: Annotated[
        int, typer.Option(min=1, help="requests under way at a time; then 429", rich_help_panel=LIMITS)
    ] = 1024,
    max_body: Annotated[int, typer.Option(min=1, help="bytes of a request's body", rich_help_panel=LIMITS)] = 1 << 20,
    max_inputs: Annotated[int, typer.Option(min=1, help="texts of a request", rich_help_panel=LIMITS)] = 256,
    max_characters: Annotated[int, typer.Option(min=1, help="of one text", rich_help_panel=LIMITS)] = 20_000,
    max_prompts: Annotated[int, typer.Option(min=1, help="prompts at a time", rich_help_panel=LIMITS)] = 1000,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="seconds of a request; then 504", rich_help_panel=LIMITS)
    ] = 30.0,
    header_timeout: Annotated[
        float,
        typer.Option(min=0.001, help="seconds until a request's header is whole; then 408", rich_help_panel=LIMITS),
    ] = 10.0,
    idle_timeout: Annotated[
        float,
        typer.Option(
            min=0.001, help="seconds that a connection rests or leaves an answer unread", rich_help_panel=LIMITS
        ),
    ] = 60.0,
    max_connections: Annotated[
        int,
        typer.Option(
            min=1, help="open at a time; a further one takes the place of one at rest", rich_help_panel=LIMITS
        ),
    ] = 1000,
    drain: Annotated[
        float, typer.Option(min=0, help="seconds to finish accepted requests when told to stop", rich_help_panel=LIMITS)
    ] = 30.0,
    json: o.Json = False,
) -> None:
    """Serve soft prompts over HTTP: one frozen model, many prompts, rows of all of them in one batch.

    dawgen serve runs/sick/prompts/dawgen serves one bundle, with a page to try it by hand at the address printed.
    POST /v1/classify with {"prompt": NAME, "inputs": [...]} answers with labels and probabilities; /docs lists the
    rest, with /v1/prompts to add and remove bundles, /healthz, /readyz and /metrics.

    Without --host only this machine can ask. Other addresses need a token, sent as 'Authorization: Bearer TOKEN'.
    One line of JSON per request goes to stderr, without texts. SIGTERM or Ctrl+C: accepted requests are finished,
    later ones get 503; a second one stops at once.
    """
    from pydantic import SecretStr

    from dawgen.deploy.serve.auth import read_token
    from dawgen.deploy.serve.server import run_service
    from dawgen.deploy.serve.settings import ServeSettings
    from dawgen.deploy.serve.setup import check_device, check_start, choose_hosts, load_base, make_service, split_names
    from dawgen.runtime import count_cpus, pick_device, set_threads
    from dawgen.web import Limits, import_fastapi, make_address, open_socket

    import_fastapi("serve", "prometheus_client")
    if no_token and token_file is not None:
        raise ConfigError("expected --token-file or --no-token, got both.")
    check_start(bundles or (), allowed, model)
    named, numbers = split_names(bundles or ()), parse_dtype(dtype)
    token = None if no_token else read_token(token_file)
    settings = ServeSettings(
        token=None if token is None else SecretStr(token),
        hosts=choose_hosts(host, token, no_token, allow_host or ()),
        max_body=max_body,
        max_inputs=max_inputs,
        max_characters=max_characters,
        max_requests=max_requests,
        max_prompts=max_prompts,
        timeout=timeout,
    )
    listener = open_socket(host, port)
    address = make_address(host, listener.getsockname()[1])

    def load() -> Service:
        base = load_base(named, model, numbers, check_device(device or pick_device()))
        count = set_threads(threads, max(1, count_cpus() // 2), sizes=[base.size])
        return make_service(
            base,
            named,
            settings,
            allowed=allowed,
            token_budget=token_budget,
            max_wait=max_wait / 1000,
            most_rows=queue,
            threads=count,
        )

    def tell(service: Service) -> None:
        show_service(service, address, token is not None, json)

    run_service(load, listener, drain, tell, Limits(max_connections, header_timeout, idle_timeout))


def parse_dtype(text: str | None) -> Dtype | None:
    """Return the dtype; raises ConfigError for another word."""
    if text is not None and text not in get_args(Dtype):
        raise ConfigError(f"--dtype {text}: {suggest(text, get_args(Dtype))}")
    return text  # type: ignore[return-value]


def show_service(service: Service, address: str, guarded: bool, json: bool) -> None:
    """Print the address of the service, its prompts and how to ask."""
    from dawgen.deploy.serve.routes import describe_base, describe_prompt

    base = describe_base(service.registry.backbone)
    prompts = [describe_prompt(loaded) for loaded in service.registry.list()]
    quantised = f" ({base.quantisation})" if base.quantisation else ""
    typer.echo(f"{base.model}{quantised}  {base.dtype} on {base.device}, fingerprint {base.fingerprint[:12]}")
    for prompt in prompts:
        typer.echo(
            f"  {prompt.name}  {', '.join(prompt.labels)}  {prompt.length} vectors, {prompt.bytes} bytes, "
            f"digest {prompt.digest}"
        )
    typer.echo(f"Serving at  {address}" + ("  (with the token)" if guarded else "") + "\nCtrl+C stops it.")
    o.print_json(
        {"address": address, "base": base.model_dump(), "prompts": [prompt.model_dump() for prompt in prompts]}, json
    )
