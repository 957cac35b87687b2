"""The methods by name, as data: what each trains, on which rows, in which schedule, with which surgery."""

from dataclasses import dataclass
from typing import Literal

from dawgen.config import Method, Schedule, Surgery

Trains = Literal["prompt", "weights", "adapter"]


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One arm of a comparison.

    schedule: None for an arm that trains nothing. surgery: None leaves it to the configuration.
    synthetic: needs a synthetic set. gold: trains on gold examples, as many as there are synthetic ones.
    unlabelled: needs plain texts. trains: a soft prompt on the frozen target, which can be saved as a bundle, the
    target's own weights (and whatever is put around them), or a low-rank adapter; None for an arm that trains nothing.
    """

    schedule: Schedule | None
    surgery: Surgery | None = "none"
    synthetic: bool = False
    gold: bool = False
    unlabelled: bool = False
    trains: Trains | None = "prompt"


METHODS: dict[Method, MethodSpec] = {
    "zero_shot": MethodSpec(None, trains=None),
    "in_context": MethodSpec(None, trains=None),
    "in_context_calibrated": MethodSpec(None, trains=None),
    "fine_tuning": MethodSpec("real", trains="weights"),
    "prompt_fine_tuning": MethodSpec("real", trains="weights"),
    "soft_fine_tuning": MethodSpec("real", trains="weights"),
    "lora": MethodSpec("real", trains="adapter"),
    "ppt": MethodSpec("real", unlabelled=True),
    "spot": MethodSpec("real"),
    "eda": MethodSpec("pooled"),
    "prompt_tuning": MethodSpec("real"),
    "synthetic_only": MethodSpec("synthetic", synthetic=True),
    "pooled": MethodSpec("pooled", synthetic=True),
    "pooled_smoothed": MethodSpec("pooled", synthetic=True),
    "real_then_synthetic": MethodSpec("real_then_synthetic", synthetic=True),
    "synthetic_then_real": MethodSpec("synthetic_then_real", synthetic=True),
    "paired": MethodSpec("paired", synthetic=True),
    "dawgen": MethodSpec("paired", surgery=None, synthetic=True),
    "gold": MethodSpec("real", gold=True),
}
