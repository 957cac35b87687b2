"""Prompt-based fine-tuning (LM-BFF, Gao et al. 2021): template and label words as in prompting, all weights trained."""

from dawgen.backbones.load import Backbone
from dawgen.baselines.interface import Given
from dawgen.baselines.tune import tune
from dawgen.baselines.tuned import TunedTarget, thaw


def fit_prompt_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target to answer with the label words."""
    return tune(TunedTarget(thaw(backbone), given), given, lr=given.baselines.tuning_lr)
