"""The methods by name, as data: which rows train the prompt, in which schedule, with which surgery."""

from dataclasses import dataclass

from dawgen.config import Method, Schedule, Surgery


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One arm of a comparison.

    schedule: None for an arm that trains nothing. surgery: None leaves it to the configuration.
    synthetic: needs a synthetic set. gold: trains on gold examples, as many as there are synthetic ones.
    """

    schedule: Schedule | None
    surgery: Surgery | None = "none"
    synthetic: bool = False
    gold: bool = False


METHODS: dict[Method, MethodSpec] = {
    "zero_shot": MethodSpec(None),
    "in_context": MethodSpec(None),
    "prompt_tuning": MethodSpec("real"),
    "synthetic_only": MethodSpec("synthetic", synthetic=True),
    "pooled": MethodSpec("pooled", synthetic=True),
    "real_then_synthetic": MethodSpec("real_then_synthetic", synthetic=True),
    "synthetic_then_real": MethodSpec("synthetic_then_real", synthetic=True),
    "paired": MethodSpec("paired", synthetic=True),
    "dawgen": MethodSpec("paired", surgery=None, synthetic=True),
    "gold": MethodSpec("real", gold=True),
}
