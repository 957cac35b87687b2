"""Soft prompts on the frozen target: prompt tuning, dawgen, and every schedule of real and synthetic rows."""

from collections.abc import Sequence
from typing import Any

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import Schedule, Surgery
from dawgen.methods.interface import Given
from dawgen.models.load import Backbone
from dawgen.records import Example


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
    values = given.target.model_dump(exclude={"model"}) | {"schedule": schedule, "seed": given.seed} | settings
    if surgery is not None:
        values["surgery"] = surgery
    classifier = PromptClassifier(backbone, given.task, **values)
    data = given.synthetic if synthetic is None else synthetic
    return classifier.fit(given.real, data, dev=given.dev, log=given.log, checkpoint=given.checkpoint)
