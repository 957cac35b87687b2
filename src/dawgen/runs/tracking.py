"""Experiment trackers by name: the rows of log.jsonl also go to TensorBoard, trackio, Weights & Biases or MLflow.

Accelerate's trackers do the work. They only observe: no file of the run depends on them, and one that fails is dropped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dawgen.config import Tracker
from dawgen.errors import ConfigError, first_line
from dawgen.progress import Reporter
from dawgen.runs.folder import TRACKING

PROJECT = "dawgen"

_NAMING = ("stage", "method", "kind", "step", "shard")  # where a row belongs; other fields are measured
_ODD = re.compile(r"[^\w\-./ ]")  # MLflow refuses other characters in names


def check_trackers(names: Sequence[Tracker]) -> None:
    """Raise ConfigError, saying what to install, if a tracker's package is missing."""
    for name in names:
        missing = [package for package in ("accelerate", name) if find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"--track {name}: expected the package{'s' * (len(missing) > 1)} {' and '.join(missing)}, found none. "
                f"pip install {' '.join(missing)}"
            )


class Tracking:
    """The trackers of one run; without any, all calls do nothing.

    out: the run folder, whose name is the run's; settings: kept beside the curves. Raises ConfigError if a tracker does
    not start.
    """

    def __init__(
        self, names: Sequence[Tracker], out: Path, settings: Mapping[str, Any], reporter: Reporter | None = None
    ) -> None:
        check_trackers(names)
        self._reporter = reporter or Reporter()
        self._trackers = {name: _start(name, out, settings) for name in dict.fromkeys(names)}
        self._places: set[str] = set()

    def write(self, row: Mapping[str, Any]) -> None:
        """Pass a row of log.jsonl on: its numbers under "STAGE/METHOD or KIND/...", at its own step."""
        if not self._trackers:
            return
        place = "/".join(str(row[key]) for key in ("stage", "method", "kind") if row.get(key) is not None)
        step = int(row.get("step", row.get("shard", 0)))
        measured = {key: value for key, value in row.items() if key not in _NAMING}
        self._log(place, flatten_numbers(measured, place), step)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Pass the numbers of metrics.json on, under "final/..."."""
        self._log("final", flatten_numbers(metrics, "final"), None)

    def close(self) -> None:
        """Have the trackers write what they still hold."""
        for name, tracker in list(self._trackers.items()):
            self._guard(name, tracker.finish if name != "trackio" else _finish_trackio)
        self._trackers.clear()

    def _log(self, place: str, values: dict[str, float], step: int | None) -> None:
        for name, tracker in list(self._trackers.items()):
            if name == "wandb" and step is not None:
                self._guard(name, partial(self._log_wandb, tracker, place, values, step))
            else:
                self._guard(name, partial(tracker.log, values, step=step))

    def _log_wandb(self, tracker: Any, place: str, values: dict[str, float], step: int) -> None:
        # Steps of a tracked run must grow, but every stage counts from its own start: so the step is one of the values.
        if place not in self._places:
            tracker.tracker.define_metric(f"{place}/*", step_metric=f"{place}/step")
            self._places.add(place)
        tracker.log(values | {f"{place}/step": step})

    def _guard(self, name: Tracker, call: Callable[[], object]) -> None:
        """Call a tracker; an error ends the tracker, not the run."""
        try:
            with redirect_stdout(sys.stderr):  # stdout has only the result
                call()
        except Exception as error:
            del self._trackers[name]
            self._reporter.say(f"warning: {name} failed and is left out ({first_line(error)}); log.jsonl goes on")


@contextmanager
def track_run(
    names: Sequence[Tracker], out: Path, settings: Mapping[str, Any], reporter: Reporter | None = None
) -> Iterator[Tracking]:
    """Start the trackers and close them whatever happens."""
    tracking = Tracking(names, out, settings, reporter)
    try:
        yield tracking
    finally:
        tracking.close()


def flatten_numbers(values: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Return the numbers of nested mappings as {"prefix/key/key": number}; texts, lists and nulls are left out."""
    flat: dict[str, float] = {}
    for key, value in values.items():
        name = f"{prefix}/{_ODD.sub('_', str(key))}"
        if isinstance(value, Mapping):
            flat |= flatten_numbers(value, name)
        elif isinstance(value, int | float):
            flat[name] = value
    return flat


def _start(name: Tracker, out: Path, settings: Mapping[str, Any]) -> Any:
    from accelerate.state import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # without an Accelerator nobody else makes it, and the trackers' own logging asks for it
    folder = out / TRACKING
    if name in ("tensorboard", "wandb"):
        folder.mkdir(parents=True, exist_ok=True)
    title = out.resolve().name
    arguments: dict[str, tuple[str, dict[str, Any]]] = {
        "tensorboard": ("tensorboard", {"logging_dir": folder}),
        "trackio": (PROJECT, {"name": title}),
        "wandb": (PROJECT, {"name": title, "dir": str(folder)}),
        "mlflow": (PROJECT, {"run_name": title}),
    }
    first, options = arguments[name]
    try:
        with redirect_stdout(sys.stderr):
            tracker = LOGGER_TYPE_TO_CLASS[name](first, **options)
            tracker.start()
            tracker.store_init_configuration(_flatten_settings(settings))
    except Exception as error:
        raise ConfigError(f"--track {name}: it did not start: {first_line(error)}") from error
    return tracker


def _finish_trackio() -> None:
    import trackio

    trackio.finish()  # unlike the tracker's own it forgets the run, which would be finished and announced again at exit


def _flatten_settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten_settings(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat
