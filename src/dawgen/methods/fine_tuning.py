"""Full fine-tuning: all weights and a fresh linear head on the state that answers; no template, no label words."""

import torch
from torch import nn

from dawgen.methods.interface import Given
from dawgen.methods.tune import tune
from dawgen.methods.tuned import TunedTarget, thaw
from dawgen.models.load import Backbone
from dawgen.rng import torch_rng

SPREAD = 0.02  # standard deviation of a fresh head's weights, as BERT starts its own


def fit_fine_tuning(backbone: Backbone, given: Given) -> TunedTarget:
    """Train a copy of the target whose head reads the decoder's first state, or a causal model's last.

    The texts of a pair follow each other with a space between.
    """
    own = thaw(backbone)
    width, labels = own.model.get_input_embeddings().weight.shape[1], len(given.task.labels)
    head = nn.Linear(width, labels, device="meta").to_empty(device="cpu")  # draws nothing from the global generator
    with torch.no_grad():
        head.weight.copy_(torch.randn(labels, width, generator=torch_rng(given.seed, "fresh head")) * SPREAD)
        head.bias.zero_()
    template = "{text1} {text2}" if given.task.pair else "{text1}"
    tuned = TunedTarget(own, given, head=head.to(own.model.device), template=template)
    return tune(tuned, given, lr=given.baselines.tuning_lr)
