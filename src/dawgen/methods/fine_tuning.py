"""Fine-tuning: all weights of the target are trained, with a fresh head, with template and label words, or with a
soft prompt beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec

if TYPE_CHECKING:
    from dawgen.methods.weights.tuned import TunedTarget
    from dawgen.models.load import Backbone

SPREAD = 0.02  # standard deviation of a fresh head's weights, as BERT starts its own


def fit_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target whose fresh linear head reads the decoder's first state, or a causal model's last.

    No template, no label words: the texts of a pair follow each other with a space between.
    """
    import torch
    from torch import nn

    from dawgen.methods.weights.tune import tune
    from dawgen.methods.weights.tuned import TunedTarget, thaw
    from dawgen.rng import torch_rng

    own = thaw(backbone)
    width, labels = own.model.get_input_embeddings().weight.shape[1], len(given.task.labels)
    head = nn.Linear(width, labels, device="meta").to_empty(device="cpu")  # draws nothing from the global generator
    with torch.no_grad():
        head.weight.copy_(torch.randn(labels, width, generator=torch_rng(given.seed, "fresh head")) * SPREAD)
        head.bias.zero_()
    template = "{text1} {text2}" if given.task.pair else "{text1}"
    tuned = TunedTarget(own, given, head=head.to(own.model.device), template=template)
    return tune(tuned, given, lr=given.baselines.tuning_lr)


def fit_prompt_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target to answer with the label words (LM-BFF, Gao et al. 2021)."""
    from dawgen.methods.weights.tune import tune
    from dawgen.methods.weights.tuned import TunedTarget, thaw

    return tune(TunedTarget(thaw(backbone), given), given, lr=given.baselines.tuning_lr)


def fit_soft_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target and a prompt [P,H] that starts as in prompt tuning, both at the rate of the weights.

    Template and label words are as in prompting.
    """
    from dawgen.methods.weights.tune import tune
    from dawgen.methods.weights.tuned import TunedTarget, thaw
    from dawgen.prompt.initialise import start_prompt
    from dawgen.prompt.label_words import resolve_label_words
    from dawgen.prompt.question import settle_length

    own = thaw(backbone)
    words = resolve_label_words(own.tokenizer, given.task.labels, given.task.label_words).words
    question = given.task.ask()
    config = settle_length(given.target.model_copy(update={"placement": "before"}), own.tokenizer, question)
    start = start_prompt(own, words, config, given.seed, question=question)
    prompt = start.to(own.model.device).requires_grad_(True)
    return tune(TunedTarget(own, given, prompt=prompt), given, lr=given.baselines.tuning_lr)


SPECS = (
    MethodSpec(
        name="fine_tuning",
        fit=fit_fine_tuning,
        place=40,
        family="tuned weights",
        trains=("weights", "head"),
        settings=("tuning_lr",),
    ),
    MethodSpec(
        name="prompt_fine_tuning",
        fit=fit_prompt_fine_tuning,
        place=50,
        family="tuned weights",
        trains=("weights",),
        settings=("tuning_lr",),
    ),
    MethodSpec(
        name="soft_fine_tuning",
        fit=fit_soft_fine_tuning,
        place=60,
        family="tuned weights",
        trains=("weights", "prompt"),
        settings=("tuning_lr",),
    ),
)
