"""Real and synthetic rows in one pool with label smoothing, against wrong labels (the paper's Real+Syn+LS)."""

from dawgen.classifier.estimator import PromptClassifier
from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.models.load import Backbone


def fit_pooled_smoothed(backbone: Backbone, given: Given) -> PromptClassifier:
    """Train a prompt on the pool; all rows are smoothed, since a step does not know where a row is from."""
    return fit_prompt(backbone, given, schedule="pooled", label_smoothing=given.baselines.smoothing)
