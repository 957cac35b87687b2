"""Scoring: label words against the full head, padding, bucketing and prompts of different length."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.score import bucket, score_rows, score_words, split
from dawgen.models.load import Backbone
from dawgen.prompt.soft_prompt import stack_prompts
from support.targets import TARGETS, make_backbone, wrap
from support.tiny import Kind, tiny_t5, tiny_tokenizer

WORDS = [82, 12, 40]
TEXTS = [
    "a dog is sleeping",
    "somebody",
    "the man in the park is eating a red apple and the woman sees it",
    "no dog is",
]


def encode(backbone: Backbone, texts: list[str] = TEXTS) -> list[list[int]]:
    end = [1] if backbone.kind == "seq2seq" else []
    return [tiny_tokenizer()(text)["input_ids"] + end for text in texts]


def draw_prompt(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def score_with_full_head(backbone: Backbone, ids: list[int], prompt: torch.Tensor) -> torch.Tensor:
    model = backbone.model
    inputs = torch.cat([prompt, model.get_input_embeddings()(torch.tensor(ids))])[None]
    options = {"decoder_input_ids": torch.tensor([[0]])} if backbone.kind == "seq2seq" else {}
    logits = model(inputs_embeds=inputs, **options).logits[0, -1]
    return torch.log_softmax(logits[WORDS], -1)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("length", [0, 3])
def test_label_words_equal_the_full_head(kind: Kind, length: int) -> None:
    backbone = make_backbone(kind)
    prompt = draw_prompt(length, 32)
    scores = score_rows(backbone, encode(backbone), WORDS, prompt)
    wanted = [score_with_full_head(backbone, ids, prompt) for ids in encode(backbone)]
    torch.testing.assert_close(scores, torch.stack(wanted), rtol=0, atol=2e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_t5_heads_with_and_without_scaling(tied: bool) -> None:
    model = tiny_t5(tie_word_embeddings=tied)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(draw_prompt(*model.lm_head.weight.shape), requires_grad=False)
    assert model.config.scale_decoder_outputs is tied
    backbone, prompt = wrap(model), draw_prompt(3, 32)
    scores = score_rows(backbone, encode(backbone), WORDS, prompt)
    wanted = [score_with_full_head(backbone, ids, prompt) for ids in encode(backbone)]
    torch.testing.assert_close(scores, torch.stack(wanted), rtol=0, atol=2e-5)


def test_a_bias_of_the_head_counts() -> None:
    backbone = make_backbone("ctrl", seed=5)
    bias, hidden = backbone.model.lm_head.bias, draw_prompt(2, 32)
    before = score_words(backbone, hidden, WORDS)
    bias[WORDS[0]] += 2.0
    after = score_words(backbone, hidden, WORDS)
    bias[WORDS[0]] -= 2.0
    torch.testing.assert_close(after - before, torch.tensor([[2.0, 0.0, 0.0]] * 2))


@pytest.mark.parametrize("kind", TARGETS)
def test_padding_and_batches_change_nothing(kind: Kind) -> None:
    backbone, prompt = make_backbone(kind), draw_prompt(4, 32)
    rows = encode(backbone)
    alone = torch.cat([score_rows(backbone, [row], WORDS, prompt) for row in rows])
    for budget in (1, 30, 8192):
        torch.testing.assert_close(
            score_rows(backbone, rows, WORDS, prompt, token_budget=budget), alone, atol=2e-5, rtol=0
        )
    flipped = score_rows(backbone, rows[::-1], WORDS, prompt, token_budget=30)
    torch.testing.assert_close(flipped.flip(0), alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", TARGETS)
def test_rows_may_have_prompts_of_their_own_of_different_length(kind: Kind) -> None:
    backbone = make_backbone(kind)
    rows, prompts = encode(backbone), [draw_prompt(length, 32, seed=length) for length in (5, 1, 3, 2)]
    stacked, mask = stack_prompts(prompts)
    together = score_rows(backbone, rows, WORDS, stacked, prompt_mask=mask, token_budget=40)
    alone = [score_rows(backbone, [row], WORDS, prompt) for row, prompt in zip(rows, prompts, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), atol=2e-5, rtol=0)


def test_the_sentinel_switch_moves_the_answer_behind_the_sentinel() -> None:
    backbone, prompt = make_backbone("t5"), draw_prompt(3, 32)
    ids = encode(backbone)[0]
    inputs = torch.cat([prompt, backbone.model.shared(torch.tensor(ids))])[None]
    full = backbone.model(inputs_embeds=inputs, decoder_input_ids=torch.tensor([[0, 4]])).logits[0, -1]
    scores = score_rows(backbone, [ids], WORDS, prompt, decoder_sentinel=True)[0]
    torch.testing.assert_close(scores, torch.log_softmax(full[WORDS], -1), atol=2e-5, rtol=0)


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_buckets_hold_each_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = bucket(lengths, budget)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200), st.integers(0, 100))
def test_split_rows_come_once_within_the_budget_and_in_order(lengths: list[int], budget: int, overhead: int) -> None:
    groups = split(lengths, budget, overhead)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert group == sorted(group)
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 60), st.integers(0, 30))
def test_split_is_the_cheapest_of_all_ways(lengths: list[int], budget: int, overhead: int) -> None:
    def weigh(assignment: tuple[int, ...]) -> float:
        total = 0.0
        for group in set(assignment):
            own = [length for length, place in zip(lengths, assignment, strict=True) if place == group]
            total += len(own) * max(own) + overhead if len(own) == 1 or len(own) * max(own) <= budget else float("inf")
        return total

    groups = split(lengths, budget, overhead)
    found = tuple(next(place for place, group in enumerate(groups) if row in group) for row in range(len(lengths)))
    assert weigh(found) == min(map(weigh, itertools.product(range(len(lengths)), repeat=len(lengths))))
