"""Mixed batches: the same answers as one row alone, whatever it shares the batch with."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import Placement
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.mixed import index_prompts, index_words, score_mixed
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts
from support.bundles import make_classifier
from support.loaded_prompts import draw_rows, make_loaded
from support.targets import TARGETS, make_backbone, make_chat_backbone, make_pairs, make_task, wrap
from support.tiny import Kind, tiny_bart, tiny_mistral

EXACT = 1e-5
# length, number of labels, sentinel switch of each prompt
PROMPTS = [(5, 2, False), (1, 4, True), (9, 3, False), (0, 2, True), (5, 3, True)]


def score_alone(backbone: Backbone, row: Sequence[int], loaded: LoadedPrompt) -> torch.Tensor:
    return replace(loaded.scorer, backbone=backbone).score([row], loaded.prompt.float())[0]


def assert_as_alone(backbone: Backbone, rows: Sequence[Sequence[int]], prompts: Sequence[LoadedPrompt]) -> None:
    together = score_mixed(backbone, rows, prompts)
    assert len(together) == len(rows)
    for scores, row, loaded in zip(together, rows, prompts, strict=True):
        assert scores.shape == (len(loaded.scorer.words.ids),)
        torch.testing.assert_close(scores, score_alone(backbone, row, loaded), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", TARGETS)
def test_a_mixed_batch_equals_each_row_alone(kind: Kind) -> None:
    backbone = make_backbone(kind)
    several = [make_loaded(backbone, *shape, seed=place) for place, shape in enumerate(PROMPTS)]
    rows = draw_rows([4, 19, 11, 30, 1, 7, 19, 2, 25, 12])
    assert_as_alone(backbone, rows, several + several[::-1])


@pytest.mark.parametrize("family", [*TARGETS, "bart", "mistral"])
def test_names_and_single_tokens_mix(family: Any) -> None:
    others = {"bart": lambda: wrap(tiny_bart()), "mistral": lambda: wrap(tiny_mistral(window=6), "causal")}
    backbone = others[family]() if family in others else make_backbone(family)
    names = [((82,), (12, 40), (12, 40, 17)), ((9, 30), (25,)), (82, 12), ((12, 40), (7, 7, 7, 7))]
    sentinels = [False, family == "t5", False, family == "t5"]
    several = [
        make_loaded(backbone, length, sentinel=sentinel, seed=length, words=words)
        for length, sentinel, words in zip((5, 0, 3, 8), sentinels, names, strict=True)
    ]
    assert_as_alone(backbone, draw_rows([4, 19, 11, 30, 1, 7, 19, 2]), several + several[::-1])


@pytest.mark.parametrize("kind", TARGETS)
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_any_mix_equals_each_row_alone(kind: Kind, data: st.DataObject) -> None:
    backbone = make_backbone(kind)
    shapes = st.tuples(st.integers(0, 6), st.integers(1, 4), st.booleans())
    several = [
        make_loaded(backbone, *shape, seed=place)
        for place, shape in enumerate(data.draw(st.lists(shapes, min_size=1, max_size=4)))
    ]
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(several), st.integers(1, 20)), min_size=1, max_size=8))
    assert_as_alone(backbone, draw_rows([length for _, length in chosen]), [loaded for loaded, _ in chosen])


@pytest.mark.parametrize("kind", TARGETS)
def test_a_batch_does_not_change_what_the_next_one_sees(kind: Kind) -> None:
    backbone = make_backbone(kind)
    several = [make_loaded(backbone, *shape, seed=place) for place, shape in enumerate(PROMPTS)]
    kept = [(loaded.prompt.clone(), None if loaded.shared is None else loaded.shared.clone()) for loaded in several]
    rows = draw_rows([4, 19, 11, 30, 1])
    first, second = (score_mixed(backbone, rows, several) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    for loaded, (prompt, shared) in zip(several, kept, strict=True):
        assert torch.equal(loaded.prompt, prompt)
        assert shared is None or (loaded.shared is not None and torch.equal(loaded.shared, shared))


@pytest.mark.parametrize("kind", TARGETS)
def test_a_batch_may_be_wider_than_the_window_of_each_row(kind: Kind) -> None:
    backbone = make_backbone(kind)  # 96 positions
    several = [make_loaded(backbone, 60, 2), make_loaded(backbone, 4, 3)]
    assert_as_alone(backbone, draw_rows([36, 92]), several)


def test_the_rows_of_a_longer_prompt_do_not_move_those_of_a_shorter_one_in_a_model_with_learned_positions() -> None:
    backbone = wrap(tiny_bart())
    several = [make_loaded(backbone, length, 3, seed=length) for length in (2, 9, 5)]
    assert_as_alone(backbone, draw_rows([12, 3, 20]), several)


def test_a_model_with_sliding_windows_shares_no_keys_and_still_mixes() -> None:
    backbone = wrap(tiny_mistral(window=6), "causal")
    several = [make_loaded(backbone, length, 3, seed=length) for length in (2, 9, 5)]
    assert all(loaded.shared is None for loaded in several)
    assert_as_alone(backbone, draw_rows([12, 3, 20]), several)


def test_answers_are_ordinary_tensors_and_probabilities() -> None:
    backbone = make_backbone("t5")
    scores = score_mixed(backbone, draw_rows([3, 5]), [make_loaded(backbone, 2, 2), make_loaded(backbone, 3, 4)])
    for line in scores:
        assert not line.is_inference() and line.dtype == torch.float32
        assert float(line.exp().sum()) == pytest.approx(1, abs=1e-6)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), min_size=1, max_size=5))
@settings(deadline=None)
def test_each_prompt_finds_its_own_words(words: list[list[int]]) -> None:
    backbone = make_backbone("t5")
    several = [make_loaded(backbone, 1, len(own), words=own) for own in words]
    union, columns = index_words(several)
    assert len(union) == len(set(union)) == len({word for own in words for word in own})
    for own, line in zip(words, columns.tolist(), strict=True):
        assert [union[place] for place in line[: len(own)]] == own
        assert set(line[len(own) :]) <= {len(union)}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_prompt_positions_take_each_row_of_its_prompt_once(lengths: list[int], data: st.DataObject) -> None:
    several = [make_loaded(make_backbone("t5"), length, 2, seed=length) for length in lengths]
    owners = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, max_size=6))
    fronts = [lengths[owner] for owner in owners]
    places, sources = index_prompts(fronts, several, owners, 8)
    bank = torch.cat([loaded.prompt for loaded in several])
    filled = torch.zeros(len(owners) * 8, 32)
    filled[places] = bank[sources]
    for row, owner in zip(filled.view(len(owners), 8, 32), owners, strict=True):
        assert torch.equal(row[: lengths[owner]], several[owner].prompt)
        assert not row[lengths[owner] :].any()


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_what_is_served_answers_as_its_classifier(kind: Kind) -> None:
    backbone, pairs = make_backbone(kind), make_pairs(6)
    classifier = PromptClassifier(backbone, make_task(), prompt_length=4, steps=2).fit(pairs)
    loaded = LoadedPrompt.of(classifier, "pairs", "0" * 64)
    rows = loaded.scorer.render(pairs).ids
    scores = torch.stack(score_mixed(backbone, rows, [loaded] * len(rows)))
    torch.testing.assert_close(
        scores, torch.from_numpy(classifier.scorer_.score_examples(pairs, classifier.prompt_)), rtol=0, atol=EXACT
    )
    before = scores[0].clone()
    classifier.prompt_ += 1.0
    torch.testing.assert_close(score_mixed(backbone, rows[:1], [loaded])[0], before, rtol=0, atol=EXACT)


def test_a_causal_prompt_counts_its_keys_and_values_and_its_limit_leaves_room_in_the_window() -> None:
    backbone, pairs = make_backbone("llama"), make_pairs(6)
    loaded = LoadedPrompt.of(
        PromptClassifier(backbone, make_task(), prompt_length=4, steps=2).fit(pairs), "pairs", "0" * 64
    )
    assert loaded.nbytes == 4 * 32 * 4 + 2 * 2 * 2 * 4 * 8 * 4  # prompt; 2 layers x (key, value) x 2 heads x 4 x 8
    assert loaded.scorer.max_tokens == min(96 - 4, 128)


@pytest.mark.parametrize("kind", TARGETS)
def test_prompts_with_and_without_a_chat_template_share_a_batch(kind: Kind) -> None:
    backbone, examples = make_chat_backbone(kind), make_pairs(6)
    classifiers = [make_classifier(backbone, chat=chat, length=length) for chat, length in ((True, 4), (False, 6))]
    loaded = [LoadedPrompt.of(classifier, "prompt", "0" * 64) for classifier in classifiers]
    assert len(loaded[0].prompt) == len(classifiers[0].scorer_.front) + 4 and len(loaded[1].prompt) == 6
    rows = [prompt.scorer.render(examples).ids for prompt in loaded]
    mixed = score_mixed(backbone, [*rows[0], *rows[1]], [prompt for prompt in loaded for _ in examples])
    alone = [
        classifier.scorer_.score(own, classifier.prompt_) for classifier, own in zip(classifiers, rows, strict=True)
    ]
    torch.testing.assert_close(torch.stack(mixed), torch.cat(alone), rtol=0, atol=EXACT)


@pytest.mark.parametrize("family", [*TARGETS, "bart"])
def test_prompts_before_and_behind_the_text_share_a_batch(family: Any) -> None:
    backbone = wrap(tiny_bart()) if family == "bart" else make_backbone(family)
    names = [((82,), (12, 40), (12, 40, 17)), (82, 12), ((9, 30), (25,)), (82, 12, 40), (40, 12)]
    sentinels = [False, family == "t5", family == "t5", False, False]
    places: tuple[Placement, ...] = ("behind", "behind", "behind", "before", "behind")
    several = [
        make_loaded(backbone, length, sentinel=sentinel, seed=length, words=words, placement=place)
        for length, sentinel, words, place in zip((5, 1, 3, 8, 12), sentinels, names, places, strict=True)
    ]
    assert [loaded.length for loaded in several] == [5, 1, 3, 8, 12]
    assert_as_alone(backbone, draw_rows([4, 19, 11, 30, 1, 7, 19, 2, 12, 5]), several + several[::-1])
    assert_as_alone(backbone, draw_rows([14]) * 10, several + several[::-1])


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_a_text_under_many_prompts_is_read_once_and_found_by_the_next_batch(kind: Kind) -> None:
    backbone, texts = make_backbone(kind), ReadTexts("served", memory=2**20)
    several = [make_loaded(backbone, length, seed=length, placement="behind") for length in (2, 9, 5)]
    rows = draw_rows([12]) * 3
    found = score_mixed(backbone, rows, several, texts)
    assert texts.counts == {"read": 1, "memory": 0, "disk": 0}
    again = score_mixed(backbone, rows, several, texts)
    assert texts.counts["read"] == 1 and texts.counts["memory"] > 0
    for one, other, row, loaded in zip(found, again, rows, several, strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, score_alone(backbone, row, loaded), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_a_prompt_behind_the_text_is_served_as_its_classifier_answers(kind: Kind) -> None:
    backbone, pairs = make_chat_backbone(kind), make_pairs(6)
    classifier = PromptClassifier(backbone, make_task(), prompt_length=4, steps=2, placement="behind").fit(pairs)
    loaded = LoadedPrompt.of(classifier, "pairs", "0" * 64)
    assert loaded.length == 4 and loaded.asked is not None
    assert loaded.nbytes == 4 * (loaded.prompt.numel() + loaded.asked.numel())
    rows = loaded.scorer.render(pairs).ids
    scores = torch.stack(score_mixed(backbone, rows, [loaded] * len(rows)))
    torch.testing.assert_close(
        scores, torch.from_numpy(classifier.scorer_.score_examples(pairs, classifier.prompt_)), rtol=0, atol=EXACT
    )
