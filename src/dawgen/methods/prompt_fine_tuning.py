"""Prompt-based fine-tuning (LM-BFF, Gao et al. 2021): template and label words as in prompting, all weights trained."""

from dawgen.methods.interface import Given
from dawgen.methods.tune import tune
from dawgen.methods.tuned import TunedTarget, thaw
from dawgen.models.load import Backbone


def fit_prompt_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target to answer with the label words."""
    return tune(TunedTarget(thaw(backbone), given), given, lr=given.baselines.tuning_lr)
