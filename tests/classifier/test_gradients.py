"""Gradients in batches of similar length, with shared keys and values, against one plain pass for each group."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dawgen.classifier import batches as part
from dawgen.classifier.batches import batch_rows
from dawgen.classifier.causal import prefill
from dawgen.classifier.gradients import differentiate
from dawgen.models.chat import find_chat
from dawgen.models.load import Backbone
from dawgen.rng import python_rng
from support.targets import TARGETS, make_backbone, make_chat_backbone, make_scorer, wrap
from support.tiny import Kind, tiny_mistral

COUNTS = (5, 7)


def make_rows(purpose: str = "gradients") -> tuple[list[list[int]], list[int]]:
    """Return rows of 1 to 60 tokens, so that a step has several batches, and labels."""
    rng = python_rng(0, purpose)
    ids = [[rng.randrange(8, 100) for _ in range(rng.randint(1, 60))] for _ in range(sum(COUNTS))]
    return ids, [row % 3 for row in range(len(ids))]


def draw_prompt(length: int = 6) -> Tensor:
    return torch.randn(length, 32, generator=torch.Generator().manual_seed(3))


def differentiate_plainly(
    backbone: Backbone, prompt: Tensor, ids: list[list[int]], labels: list[int], smoothing: float
) -> tuple[Tensor, Tensor]:
    """Return the gradient of the mean loss of one group, every row behind its own prompt, and the losses."""
    leaf = prompt.clone().requires_grad_()
    scores = make_scorer(backbone).score_batch(ids, leaf)
    own = scores[torch.arange(len(ids)), labels]
    losses = -(1 - smoothing) * own - smoothing * scores.mean(1)
    return torch.autograd.grad(losses.mean(), leaf)[0], losses.detach()


def assert_near(got: Tensor, wanted: Tensor) -> None:
    assert float((got - wanted).norm() / wanted.norm()) < 1e-5


@pytest.mark.parametrize("kind", TARGETS)
def test_a_step_equals_a_plain_pass_for_each_group(kind: Kind) -> None:
    backbone, prompt, (ids, labels) = make_backbone(kind), draw_prompt(), make_rows()
    assert len(batch_rows([len(row) for row in ids], "cpu")) > 1
    both, losses = differentiate(make_scorer(backbone), prompt, ids, labels, COUNTS, smoothing=0.1)
    for group, rows in enumerate((slice(0, 5), slice(5, 12))):
        gradient, wanted = differentiate_plainly(backbone, prompt, ids[rows], labels[rows], 0.1)
        assert_near(both[group], gradient)
        assert_near(losses[rows], wanted)
    single, _ = differentiate(make_scorer(backbone), prompt, ids, labels, [5, *[1] * 7], smoothing=0.1)
    assert_near(single[1:].mean(0), both[1])
    assert_near(single[0], both[0])


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_batches_do_not_change_gradients(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, prompt, (ids, labels) = make_backbone(kind), draw_prompt(), make_rows()
    got = differentiate(make_scorer(backbone), prompt, ids, labels, COUNTS)
    again = differentiate(make_scorer(backbone), prompt, ids, labels, COUNTS)
    assert all(torch.equal(a, b) for a, b in zip(got, again, strict=True))
    monkeypatch.setattr(part, "CPU_BATCH", part.GPU_BATCH)
    assert len(batch_rows([len(row) for row in ids], "cpu")) == 1
    for a, b in zip(differentiate(make_scorer(backbone), prompt, ids, labels, COUNTS), got, strict=True):
        assert_near(a, b)


def test_keys_and_values_are_shared_by_causal_models_only() -> None:
    prompts = draw_prompt()[None].expand(2, -1, -1)
    shared = prefill(make_backbone("llama"), prompts)
    assert shared is not None and [part.shape for part in shared] == [(2, 2, 6, 8)] * 4
    assert prefill(make_backbone("t5"), prompts) is None
    assert prefill(make_backbone("llama"), prompts[:, :0]) is None


@pytest.mark.parametrize("kind", ["ctrl", "gpt2", "llama", "qwen3"])
def test_the_prompt_given_to_prefill_is_not_changed(kind: Kind) -> None:
    prompt = draw_prompt()
    kept = prompt.clone()
    make_scorer(make_backbone(kind)).score(make_rows()[0], prompt)
    assert torch.equal(prompt, kept)


def test_a_model_with_sliding_windows_takes_the_plain_way() -> None:
    backbone = wrap(tiny_mistral(window=32), "causal")
    prompt, (ids, labels) = draw_prompt(), make_rows()
    assert prefill(backbone, prompt[None]) is None
    both, _ = differentiate(make_scorer(backbone), prompt, ids, labels, COUNTS)
    assert_near(both[0], differentiate_plainly(backbone, prompt, ids[:5], labels[:5], 0.0)[0])
    wanted = torch.cat([make_scorer(backbone).score_batch([row], prompt) for row in ids])
    torch.testing.assert_close(make_scorer(backbone).score(ids, prompt), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", TARGETS)
def test_a_chat_templates_opening_is_passed_but_has_no_gradient(kind: Kind) -> None:
    backbone, prompt, (ids, labels) = make_chat_backbone(kind), draw_prompt(), make_rows()
    chat = replace(make_scorer(backbone), chat=find_chat(backbone.tokenizer, True))
    whole = chat.put_front(prompt)
    wanted, losses = differentiate(make_scorer(backbone), whole, ids, labels, COUNTS)
    found, own = differentiate(chat, prompt, ids, labels, COUNTS)
    assert found.shape == (2, *prompt.shape)
    assert_near(found, wanted[:, len(chat.front) :])
    assert_near(own, losses)
