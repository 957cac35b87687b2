"""The names of a grid's arms, and their order and families in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dawgen.config import GeneratorKind
from dawgen.methods.table import METHODS

# What grids call the kinds of generators: their sets are the arms of all methods that use one.
GENERATORS: dict[str, GeneratorKind] = {
    "zero_generation": "untuned",
    "plain": "plain",
    "fewgen": "weighted",
    "dawgen": "dawgen",
    "api": "api",
}
# How a synthetic set and the few shots are used, and the method that does so; `surgery` chooses another for "paired".
SCHEDULES: dict[str, str] = {
    spec.way: spec.name for spec in METHODS.values() if spec.synthetic and spec.surgery is not None
}
PUBLISHED = {"optima": (95, "soft prompts")}  # in the paper's tables alone: place and family
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
            _find_place(self.method, ORDER),
            _find_place(self.schedule, ("", "real", *SCHEDULES)),
            _find_place(self.surgery, RULES),
        )

    @property
    def fixed(self) -> bool:
        """Whether few shots and seed change nothing: a spread over seeds would look like certainty."""
        return self.method in METHODS and not METHODS[self.method].shots

    @property
    def probe(self) -> bool:
        """Whether the arm fits a probe, with or without a set."""
        name = SCHEDULES.get(self.schedule, "") if self.method in GENERATORS else self.method
        return name in METHODS and METHODS[name].probe


def shorten_name(name: str) -> str:
    """Return an arm's name as `Arm.name` writes it, e.g. "dawgen" for "dawgen/paired/project"."""
    if name == "dawgen/paired/project":
        return "dawgen"
    return name.removesuffix("/none")


def describe_variant(data: str, sweep: Mapping[str, object]) -> str:
    """Return in what a row differs from the arm as it is: "raw, target.lr=0.1", or ""."""
    return ", ".join([*([data] if data else []), *(f"{name}={value}" for name, value in sweep.items())])


def name_family(method: str) -> str:
    """Return the heading under which tables and charts put a method, by its name or an arm's."""
    method = method.split("/")[0]
    if method in GENERATORS:
        return f"{method}'s sets"
    if method in METHODS:
        return METHODS[method].family
    return PUBLISHED[method][1] if method in PUBLISHED else method


def _list_order() -> tuple[str, ...]:
    """Return the methods of arms as tables list them; generators stand where the first method with a set would."""
    places = {spec.name: spec.place for spec in METHODS.values() if not spec.synthetic}
    places |= dict.fromkeys(GENERATORS, min(spec.place for spec in METHODS.values() if spec.synthetic))
    places |= {name: place for name, (place, _) in PUBLISHED.items()}
    return tuple(sorted(places, key=places.__getitem__))


def _find_place(name: str, names: tuple[str, ...]) -> tuple[int, str]:
    return (names.index(name), "") if name in names else (len(names), name)


ORDER = _list_order()
