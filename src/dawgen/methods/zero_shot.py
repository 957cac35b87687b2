"""Zero-shot prompting: the template and the label words, no training.

In front of the text stands nothing, or the task's question where prompts start from it (`target.init: question`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dawgen.config import TargetConfig
from dawgen.methods.interface import Given, Untrained, write_question
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example
from dawgen.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dawgen.models.load import Backbone

DEFAULT = TargetConfig()


def fit_zero_shot(backbone: Backbone, given: Given) -> Untrained:
    """Return the classifier that prompts the target without any training."""
    return Untrained(given.task.labels, lambda rows: predict_zero_shot(backbone, given.task, rows, given.target))


def predict_zero_shot(
    backbone: Backbone, task: Task, examples: Sequence[Example], config: TargetConfig = DEFAULT
) -> NDArray[np.float32]:
    """Return label log-probabilities [N,K] in the task's label order."""
    from dawgen.classifier.scorer import Scorer

    prompt = write_question(backbone, task, config)
    return Scorer.of(backbone, task, config, prompt_length=len(prompt)).score_examples(examples, prompt)


SPECS = (
    MethodSpec(
        name="zero_shot",
        fit=fit_zero_shot,
        place=10,
        family="without training",
        trains=(),
        schedule=None,
        shots=False,
    ),
)
