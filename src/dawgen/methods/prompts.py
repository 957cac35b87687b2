"""Soft prompts on the frozen target: prompt tuning, dawgen, and every schedule of real and synthetic rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dawgen.config import Schedule, Surgery
from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.models.load import Backbone


def fit_prompt(
    backbone: Backbone,
    given: Given,
    *,
    schedule: Schedule = "real",
    surgery: Surgery | None = "none",
    synthetic: Sequence[Example] | None = None,
    **settings: Any,
) -> PromptClassifier:
    """Train a prompt with the target's settings; `settings` are other ones of `PromptClassifier`.

    surgery: None for the target's own. synthetic: instead of the given set.
    """
    from dawgen.classifier.estimator import PromptClassifier

    own: dict[str, Any] = {"schedule": schedule, "seed": given.seed, "placement": given.target.placement}
    own["class_weight"] = "balanced" if given.weigh else None
    values = given.target.model_dump(exclude={"model"}) | own | settings
    if surgery is not None:
        values["surgery"] = surgery
    classifier = PromptClassifier(backbone, given.task, **values)
    data = given.synthetic if synthetic is None else synthetic
    return classifier.fit(given.real, synthetic=data, dev=given.dev, log=given.log, checkpoint=given.checkpoint)


def fit_pooled_smoothed(backbone: Backbone, given: Given) -> PromptClassifier:
    """Train a prompt on the pool, with label smoothing against wrong labels (the paper's Real+Syn+LS).

    All rows are smoothed, since a step does not know where a row is from.
    """
    return fit_prompt(backbone, given, schedule="pooled", label_smoothing=given.baselines.smoothing)


def _use_set(
    name: str, place: int, schedule: Schedule, *, way: str = "", surgery: Surgery | None = "none"
) -> MethodSpec:
    """Return the spec of a prompt that is trained on a synthetic set too."""
    return MethodSpec(
        name=name,
        fit=partial(fit_prompt, schedule=schedule, surgery=surgery),
        place=place,
        family="synthetic sets",
        schedule=schedule,
        surgery=surgery,
        rows="set",
        way=way or name,
    )


SPECS = (
    MethodSpec(name="prompt_tuning", fit=fit_prompt, place=100, family="soft prompts"),
    _use_set("synthetic_only", 120, "synthetic", way="synthetic"),
    _use_set("pooled", 130, "pooled"),
    MethodSpec(
        name="pooled_smoothed",
        fit=fit_pooled_smoothed,
        place=140,
        family="synthetic sets",
        schedule="pooled",
        rows="set",
        way="pooled_smoothed",
        settings=("smoothing",),
    ),
    _use_set("real_then_synthetic", 150, "real_then_synthetic"),
    _use_set("synthetic_then_real", 160, "synthetic_then_real"),
    _use_set("paired", 170, "paired"),
    _use_set("dawgen", 180, "paired", way="paired", surgery=None),
    MethodSpec(name="gold", fit=fit_prompt, place=190, family="gold examples in place of synthetic ones", rows="gold"),
)
