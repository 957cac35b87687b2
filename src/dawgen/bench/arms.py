"""The arms of a grid: which method learns from what, as the columns of the results say it and as a job runs it."""

from __future__ import annotations

from typing import Any, get_args

from dawgen.config import GeneratorKind, Granularity, Surgery
from dawgen.errors import ConfigError, suggest
from dawgen.methods.table import METHODS
from dawgen.report.grid.arms import GENERATORS, SCHEDULES, Arm

# Arms without a synthetic set, and the schedule that the results name for them; "" where nothing is trained.
PLAIN: dict[str, str] = {name: spec.schedule or "" for name, spec in METHODS.items() if not spec.synthetic}
SURGERIES = (*get_args(Surgery), *(f"project:{each}" for each in get_args(Granularity) if each != "prompt"))


def find_kind(arm: Arm) -> GeneratorKind | None:
    """Return the kind of generator that writes the arm's set; None for an arm without one."""
    return GENERATORS.get(arm.method)


def has_size(arm: Arm) -> bool:
    """Return whether the arm depends on how many synthetic, edited or gold rows there are."""
    return arm.method in GENERATORS or METHODS[arm.method].rows is not None


def find_job(arm: Arm) -> tuple[str, dict[str, Any]]:
    """Return the job's method, and what the arm changes in its `target` settings."""
    if arm.method not in GENERATORS:
        return arm.method, {}
    if arm.surgery in ("", "none"):
        return SCHEDULES[arm.schedule], {}
    rule, _, granularity = arm.surgery.partition(":")
    return "dawgen", {"surgery": rule, "granularity": granularity or "prompt"}


def parse_arm(text: str) -> Arm:
    """Return the arm that a grid writes as "lora", "fewgen/pooled" or "dawgen/paired/pcgrad".

    "dawgen" alone is "dawgen/paired/project", and "fewgen/paired" is "fewgen/paired/none".

    Raises:
        ConfigError: a part that does not exist, with the nearest one that does.
    """
    method, *rest = text.split("/")
    if method in GENERATORS:
        if not rest:
            rest = ["paired", "project" if method == "dawgen" else "none"]
        return make_arm(method, *rest)
    if method not in PLAIN:
        raise ConfigError(f"unknown arm {text!r}; {suggest(method, (*PLAIN, *GENERATORS))}")
    if rest:
        raise ConfigError(f"arm {text!r}: {method} has no schedule to choose; write {method!r}.")
    return Arm(method, PLAIN[method])


def make_arm(generator: str, schedule: str, surgery: str = "", *more: str) -> Arm:
    """Return a generator's arm; without a surgery `paired` has none.

    Raises:
        ConfigError: a part that does not exist, or surgery without `paired`.
    """
    for what, value, known in (
        ("generator", generator, GENERATORS),
        ("schedule", schedule, SCHEDULES),
        ("surgery", surgery or "none", SURGERIES),
    ):
        if value not in known:
            raise ConfigError(f"unknown {what} {value!r}; {suggest(value, known)}")
    if more or (surgery and schedule != "paired"):
        text = "/".join((generator, schedule, surgery, *more))
        raise ConfigError(f"arm {text!r}: expected GENERATOR/SCHEDULE, or GENERATOR/paired/SURGERY.")
    return Arm(generator, schedule, (surgery or "none") if schedule == "paired" else "")
