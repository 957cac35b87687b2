"""The names of a grid's arms, and their order in tables."""

from __future__ import annotations

from dataclasses import dataclass

GENERATORS = ("zero_generation", "plain", "fewgen", "dawgen")
METHODS = (
    "zero_shot",
    "in_context",
    "in_context_calibrated",
    "fine_tuning",
    "prompt_fine_tuning",
    "soft_fine_tuning",
    "lora",
    "ppt",
    "spot",
    "optima",
    "prompt_tuning",
    "eda",
    *GENERATORS,
    "gold",
)
SCHEDULES = (
    "",
    "real",
    "synthetic",
    "pooled",
    "pooled_smoothed",
    "real_then_synthetic",
    "synthetic_then_real",
    "paired",
)
RULES = ("", "none", "project", "project:token", "project:example", "pcgrad", "agem", "gradvac", "drop")


@dataclass(frozen=True, slots=True)
class Arm:
    """What is done with the data, whatever task, target, size and seed: three columns of the results.

    schedule: "" where nothing is trained. surgery: "" unless the schedule is `paired`.
    """

    method: str
    schedule: str = ""
    surgery: str = ""

    @property
    def name(self) -> str:
        """The name in a grid file: "lora", "fewgen/pooled", "plain/paired" (no surgery), "dawgen" (paired/project)."""
        if self.method not in GENERATORS:
            return self.method
        if (self.method, self.schedule, self.surgery) == ("dawgen", "paired", "project"):
            return "dawgen"
        return "/".join(part for part in (self.method, self.schedule, self.surgery) if part and part != "none")

    @property
    def place(self) -> tuple[object, ...]:
        """Where tables list the arm; unknown names come last."""
        return (
            _find_place(self.method, METHODS),
            _find_place(self.schedule, SCHEDULES),
            _find_place(self.surgery, RULES),
        )


def shorten_name(name: str) -> str:
    """Return an arm's name as `Arm.name` writes it, e.g. "dawgen" for "dawgen/paired/project"."""
    if name == "dawgen/paired/project":
        return "dawgen"
    return name.removesuffix("/none")


def _find_place(name: str, names: tuple[str, ...]) -> tuple[int, str]:
    return (names.index(name), "") if name in names else (len(names), name)
