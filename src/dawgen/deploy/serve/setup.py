"""From the options of the command line to a service: its bundles, its model, and who may ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from dawgen.config import Dtype
from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import NameTakenError, Registry
from dawgen.deploy.serve.server import Service
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import ConfigError
from dawgen.files import split_name
from dawgen.models.load import Backbone, load_target
from dawgen.prompt.bundle.format import load_bundle
from dawgen.web import is_loopback


def split_names(bundles: Sequence[str]) -> list[tuple[str | None, Path]]:
    """Return name and folder of arguments such as `FOLDER` and `NAME=FOLDER`.

    Raises:
        ConfigError: there is no such folder.
    """
    pairs = []
    for argument in bundles:
        name, folder = split_name(argument)
        place = Path(folder)
        if not place.is_dir():
            raise ConfigError(f"{argument}: expected a bundle's folder or NAME=FOLDER, there is no folder {place}.")
        pairs.append((name, place))
    return pairs


def check_start(bundles: Sequence[str], allowed: Path | None, model: str | None) -> None:
    """Raise ConfigError where no option says what to serve, or the allowed folder does not exist."""
    if allowed is not None and not allowed.is_dir():
        raise ConfigError(f"--bundles {allowed}: expected a folder from which bundles may be added, there is none.")
    if not bundles and (allowed is None or model is None):
        raise ConfigError(
            "expected a bundle to serve, as `dawgen train` and `dawgen run` write them, got none.\n"
            "Give one, or --bundles FOLDER and --model NAME to add bundles later."
        )


def choose_hosts(host: str, token: str | None, open_to_all: bool, allowed: Sequence[str]) -> tuple[str, ...] | None:
    """Return the host names to answer to, beside loopback ones; None for any.

    open_to_all: whether the user has said that no token is needed.

    Raises:
        ConfigError: others than this machine could ask without a token.
    """
    if is_loopback(host):
        return tuple(name.lower() for name in allowed)
    if token is None and not open_to_all:
        raise ConfigError(
            f"--host {host}: expected a token, since other machines can reach this address.\n"
            "Give --token-file FILE or set DAWGEN_TOKEN; --no-token serves whoever asks."
        )
    return tuple(name.lower() for name in allowed) or None


def check_device(device: str) -> str:
    """Return the device; raises ConfigError where this machine or this PyTorch has none of that name."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built for a GPU
        reason = str(error).splitlines()[0][:160]
        raise ConfigError(f"--device {device}: expected a device of this machine, such as cpu: {reason}") from error
    return device


def load_base(
    bundles: Sequence[tuple[str | None, Path]], model: str | None, dtype: Dtype | None, device: str
) -> Backbone:
    """Return the frozen model: that of the first bundle unless another is named.

    Raises:
        BundleError: the first bundle is damaged. ModelError: the model cannot be loaded.
    """
    if bundles:
        _, info = load_bundle(bundles[0][1])
        model, dtype = model or info.base, dtype or info.dtype
    if model is None:
        raise ConfigError("expected --model NAME where no bundle names one.")
    return load_target(model, dtype=dtype or "float32", device=device)


def make_service(
    backbone: Backbone,
    bundles: Sequence[tuple[str | None, Path]],
    settings: ServeSettings,
    *,
    allowed: Path | None,
    token_budget: int | None,
    max_wait: float,
    most_rows: int | None,
    threads: int | None,
) -> Service:
    """Return a service of bundles on a model, with its worker running.

    Raises:
        BundleError: a bundle is refused. ConfigError: a name is not a legal one, or given twice.
    """
    registry = Registry(backbone, allowed=allowed)
    for name, folder in bundles:
        try:
            registry.add(folder.resolve() if name is None else folder, name, inside=False)
        except NameTakenError as error:
            raise ConfigError(f"{folder}: {error}\nGive it another name: NAME={folder}.") from error
    batcher = Batcher(backbone, token_budget=token_budget, max_wait=max_wait, most_rows=most_rows, threads=threads)
    return Service(make_app(registry, batcher, settings), registry, batcher)
