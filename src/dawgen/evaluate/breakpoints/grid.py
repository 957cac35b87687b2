"""The grid that a break point asks for: shots by synthetic examples per real one, for every order of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dawgen.bench.arms import make_arm
from dawgen.bench.grid import TAKEN, Block, Grid
from dawgen.errors import ConfigError
from dawgen.methods.table import METHODS
from dawgen.report.grid.arms import SCHEDULES
from dawgen.runs.settings import resolve_config
from dawgen.tasks import Task

BASELINE = "prompt_tuning"
# `pooled_smoothed` is `pooled` with other labels: no order of its own.
ORDERS = tuple(name for name, method in SCHEDULES.items() if METHODS[method].schedule == name)


def build_grid(
    task: str,
    *,
    targets: Sequence[str],
    seeds: Sequence[int],
    shots: Sequence[int],
    multiples: Sequence[int],
    schedules: Sequence[str] = ORDERS,
    generator: str = "dawgen",
    preset: str = "mini",
    settings: Mapping[str, Any] | None = None,
) -> Grid:
    """Return the grid of one task that draws its own data; a multiple of 0 is the baseline, which is always measured.

    `paired` is measured without and with surgery. settings: any of `RunConfig` for all cells, nested.

    Raises:
        ConfigError: an unknown task, schedule, generator or setting, or a size that is none.
    """
    Task.load(task)
    lists = {
        "--shots": shots,
        "--multiples": multiples,
        "--seeds": seeds,
        "--targets": targets,
        "--schedules": schedules,
    }
    if empty := [name for name, values in lists.items() if not values]:
        raise ConfigError(f"{empty[0]}: expected at least one value, got none.")
    for name, values, least in (("--shots", shots, 1), ("--multiples", multiples, 0)):
        if wrong := [value for value in values if value < least]:
            raise ConfigError(f"{name}: expected numbers of at least {least}, got {wrong[0]}.")
    some = [multiple for multiple in dict.fromkeys(multiples) if multiple]
    if not some:
        raise ConfigError("--multiples: expected one above 0, as 0 alone is without synthetic data.")
    for schedule in schedules:
        make_arm(generator, schedule)
    if taken := [name for name in _list_names(settings or {}) if name in TAKEN]:
        raise ConfigError(f"--set {taken[0]}: the grid's own sizes, targets and schedules say this.")
    merged = {"leaks": "drop", "conflicts": "drop", **(settings or {})}
    resolve_config(preset=preset, arguments=merged)
    block = Block(
        tasks=(task,),
        targets=tuple(dict.fromkeys(targets)),
        seeds=tuple(dict.fromkeys(seeds)),
        shots=tuple(dict.fromkeys(shots)),
        multiples=tuple(some),
        arms=(BASELINE,),
        generators=(generator,),
        schedules=tuple(dict.fromkeys(schedules)),
        surgery=("none", "project"),
    )
    return Grid(name="breakpoints", baseline=BASELINE, preset=preset, settings=merged, blocks=(block,))


def _list_names(settings: Mapping[str, Any]) -> list[str]:
    """Return the names of settings as on a command line: "seed", "target.model"."""
    inner = [f"{key}.{name}" for key, value in settings.items() if isinstance(value, Mapping) for name in value]
    return [*settings, *inner]
