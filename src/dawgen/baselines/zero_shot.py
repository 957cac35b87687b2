"""Zero-shot prompting: the template and the label words, no prompt, no training."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dawgen.backbones.load import Backbone
from dawgen.config import TargetConfig
from dawgen.prompt.label_words import resolve_label_words
from dawgen.records import Example
from dawgen.target.predict import predict_log_probs
from dawgen.tasks.task import Task

DEFAULT = TargetConfig()


def predict_zero_shot(
    backbone: Backbone, task: Task, examples: Sequence[Example], config: TargetConfig = DEFAULT
) -> NDArray[np.float32]:
    """Return label log-probabilities [N,K] in the task's label order."""
    empty = torch.empty(0, backbone.model.get_input_embeddings().weight.shape[1], device=backbone.model.device)
    return predict_log_probs(
        backbone,
        examples,
        empty,
        template=task.template,
        word_ids=resolve_label_words(backbone.tokenizer, task.labels, task.label_words).ids,
        max_tokens=config.max_tokens,
        decoder_sentinel=config.decoder_sentinel,
    )
