"""Fine-tuning with a soft prompt: template, label words, [P,H] prompt embeddings and all weights trained together."""

from dawgen.methods.interface import Given
from dawgen.methods.tune import tune
from dawgen.methods.tuned import TunedTarget, thaw
from dawgen.models.load import Backbone
from dawgen.prompt.initialise import start_prompt
from dawgen.prompt.label_words import resolve_label_words


def fit_soft_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target and a prompt that starts as in prompt tuning, both at the rate of the weights."""
    own = thaw(backbone)
    words = resolve_label_words(own.tokenizer, given.task.labels, given.task.label_words).words
    prompt = start_prompt(own, words, given.target, given.seed).to(own.model.device).requires_grad_(True)
    return tune(TunedTarget(own, given, prompt=prompt), given, lr=given.baselines.tuning_lr)
