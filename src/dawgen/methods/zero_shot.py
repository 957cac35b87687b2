"""Zero-shot prompting: the template and the label words, no prompt, no training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dawgen.classifier.predict import predict_log_probs
from dawgen.config import TargetConfig
from dawgen.methods.interface import Given, Untrained, make_empty_prompt
from dawgen.models.load import Backbone
from dawgen.prompt.label_words import resolve_label_words
from dawgen.records import Example
from dawgen.tasks import Task

DEFAULT = TargetConfig()


def fit_zero_shot(backbone: Backbone, given: Given) -> Untrained:
    """Return the classifier that asks the target as it is."""
    return Untrained(given.task.labels, lambda rows: predict_zero_shot(backbone, given.task, rows, given.target))


def predict_zero_shot(
    backbone: Backbone, task: Task, examples: Sequence[Example], config: TargetConfig = DEFAULT
) -> NDArray[np.float32]:
    """Return label log-probabilities [N,K] in the task's label order."""
    return predict_log_probs(
        backbone,
        examples,
        make_empty_prompt(backbone),
        template=task.template,
        word_ids=resolve_label_words(backbone.tokenizer, task.labels, task.label_words).ids,
        max_tokens=config.max_tokens,
        decoder_sentinel=config.decoder_sentinel,
    )
