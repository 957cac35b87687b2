"""The first-order meta-gradient equals double backward through the virtual step."""

from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from dawgen.config import GeneratorConfig
from dawgen.generator.codec import Codec, collate
from dawgen.generator.prefix import Prefix, read_prefix
from dawgen.generator.tune.meta import differentiate_by_difference, differentiate_by_jvp
from dawgen.generator.tune.objective import Objective, meta_gradient
from dawgen.generator.tune.weighting import WeightNet, token_disc_loss
from dawgen.records import Example
from support.tiny import CAUSAL, tiny_model, tiny_tokenizer

PROMPTS = [
    "sentence 1 implies sentence 2 . sentence 1 :",
    "sentence 1 contradicts 2 . sentence 1 :",
    "no . sentence 1 :",
]
EXAMPLES = [
    Example("a man is sleeping", "a person is asleep"),
    Example("two girls are eating bread in the kitchen", "people are eating"),
    Example("a dog is running", "no dog is running"),
    Example("the boy is singing a song", "nobody is singing in the park"),
    Example("a cat sees a bird", "the cat is not big"),
    Example("a tall woman is cooking", "a happy woman is cooking a meal outside"),
]


def make_prefix(kind: Any) -> tuple[Prefix, Codec]:
    model = tiny_model(kind)
    codec = Codec(tiny_tokenizer(), model.get_output_embeddings().weight.shape[0])
    prefix = read_prefix(model, codec, PROMPTS, control_code="Wikipedia", infix="sentence 2 :")
    for value in prefix.q.values():
        value.requires_grad_()
    return prefix, codec


def make_net(width: int, seed: int) -> WeightNet:
    net = WeightNet(width, torch.Generator().manual_seed(5))
    with torch.no_grad():
        net.last.weight.normal_(generator=torch.Generator().manual_seed(seed))
    return net


class Plain(Objective):
    """The same losses from logits of the whole vocabulary, which can be differentiated twice."""

    def read(self, states: Tensor, targets: Tensor, q: Any) -> Tensor:
        return -cross_entropy(self.prefix.logits(states, q), targets, reduction="none")

    def loss(self, q: Any, weights: Tensor) -> Tensor:
        states = self.states(q)
        return self.losses(weights, self.read(states[0], self.batch.targets, q), states).inner

    def disc(self, q: Any) -> Tensor:
        log_probs = self.read(self.prefix.states(self._all, q), self._all.targets, q)
        return token_disc_loss(log_probs.view(self.prefix.labels, -1), self.config.disc_loss).mean()


def double_backward(objective: Plain, net: WeightNet, q: dict[str, Tensor], features: Tensor) -> list[Tensor]:
    """Differentiate L_disc(Q - alpha grad_Q L_DawGen(Q; W)) in W the expensive way."""
    with sdpa_kernel(SDPBackend.MATH):
        gradients = torch.autograd.grad(objective.loss(q, net(features)), list(q.values()), create_graph=True)
        rate = objective.config.meta_lr
        moved = {name: value - rate * g for (name, value), g in zip(q.items(), gradients, strict=True)}
        return list(torch.autograd.grad(objective.disc(moved), list(net.parameters())))


def relative_error(ours: list[Tensor], reference: list[Tensor]) -> float:
    a, b = (torch.cat([tensor.flatten() for tensor in tensors]).double() for tensors in (ours, reference))
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("disc_loss", ["log", "ratio"])
@pytest.mark.parametrize(("kind", "alignment"), [("weighted", "A"), ("dawgen", "A"), ("dawgen", "B")])
@pytest.mark.parametrize("weight_input", ["hidden", "disc_loss"])
@pytest.mark.parametrize("family", CAUSAL)
def test_meta_gradient_equals_double_backward(
    family: Any, weight_input: Any, kind: Any, alignment: Any, disc_loss: Any
) -> None:
    options = {"kind": kind, "weight_input": weight_input, "alignment": alignment, "disc_loss": disc_loss}
    config = GeneratorConfig(dist_weight=1.0, **options)
    prefix, codec = make_prefix(family)
    rows = [codec.encode_row(e, i // 2, infix=3, limit=64)[0] for i, e in enumerate(EXAMPLES)]
    batch = collate(rows)
    objective = Objective(prefix, batch, config)
    encoding = objective.encode(prefix.q)
    features = objective.features(encoding, prefix.q)
    errors: dict[str, list[float]] = {"jvp": [], "difference": []}
    for seed in (5, 6, 7):
        net = make_net(features.shape[1], seed)
        reference = double_backward(Plain(prefix, batch, config), net, prefix.q, features)
        for how in ("jvp", "difference"):
            ours, disc = meta_gradient(objective, net, prefix.q, encoding, features, how=how)
            errors[how].append(relative_error(ours, reference))
            assert disc.isfinite()
    for how, tolerance in (("jvp", 3e-5), ("difference", 2e-2)):
        # Where the terms of the gradient nearly cancel, fp32 leaves more relative error in the reference itself: over
        # three kinds of kernels and one and two threads medians up to 1.2e-5 and 7e-3 were seen.
        assert median(errors[how]) < tolerance, errors
        assert max(errors[how]) < 3 * tolerance, errors


def test_half_precision_takes_the_exact_way() -> None:
    prefix, codec = make_prefix("llama")
    rows = [codec.encode_row(e, i // 2, infix=3, limit=64)[0] for i, e in enumerate(EXAMPLES)]
    config = GeneratorConfig(dist_weight=1.0)
    half = Prefix(tiny_model("llama").bfloat16(), prefix.q, prefix.control, prefix.mask)
    exact, lossy = Plain(prefix, collate(rows), config), Objective(half, collate(rows), config)
    features = exact.features(exact.encode(prefix.q), prefix.q)
    net = make_net(features.shape[1], 5)
    reference = double_backward(exact, net, prefix.q, features)
    ours, _ = meta_gradient(lossy, net, prefix.q, lossy.encode(prefix.q), features, how="difference")
    assert relative_error(ours, reference) < 0.1


@pytest.mark.parametrize(
    "differentiate", [differentiate_by_jvp, lambda run, q, v: differentiate_by_difference(run, q, v, run(q))]
)
def test_no_direction_gives_no_derivative(differentiate: Any) -> None:
    q = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    nothing = {name: torch.zeros_like(value) for name, value in q.items()}
    assert differentiate(lambda at: at["a"] * at["b"], q, nothing).tolist() == [0.0, 0.0]
