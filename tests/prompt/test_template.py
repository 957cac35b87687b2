"""Templates: where the answer goes, what is cut, and what user texts cannot do."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from dawgen.errors import ConfigError, DataError
from dawgen.models.load import Backbone
from dawgen.prompt.template import SENTINEL, find_sentinel, limit_tokens, render
from dawgen.records import Example
from support.targets import TARGETS, make_backbone
from support.tiny import Kind

TEMPLATE = "{text1} and {text2} answer {mask}"


def show(ids: list[int], backbone: Backbone) -> str:
    return backbone.tokenizer.decode(ids)


def test_an_encoder_decoder_sees_the_sentinel_and_the_end() -> None:
    backbone = make_backbone()
    ids = render([Example("a dog", "no cat")], template=TEMPLATE, backbone=backbone, max_tokens=50).ids[0]
    assert show(ids, backbone) == "a dog and no cat answer<extra_id_0></s>"


@pytest.mark.parametrize("unknown", [None, "<unk>"])
def test_an_encoder_decoder_whose_tokenizer_has_no_sentinel_gets_nothing_for_the_mask(unknown: str | None) -> None:
    words = {word: place for place, word in enumerate(["<pad>", "</s>", "<unk>", "a", "dog", "answer"])}
    words = words if unknown else {word: place for word, place in words.items() if word != "<unk>"}
    backend = Tokenizer(WordLevel(words, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token=unknown
    )
    backbone = replace(make_backbone(), tokenizer=tokenizer)
    assert find_sentinel(tokenizer) is None
    ids = render([Example("a dog")], template="{text1} answer {mask}", backbone=backbone, max_tokens=50).ids[0]
    assert ids == [words[word] for word in ("a", "dog", "answer", "</s>")]
    assert find_sentinel(make_backbone().tokenizer) == make_backbone().tokenizer.get_vocab()[SENTINEL]


def test_a_causal_target_ends_where_the_answer_begins() -> None:
    backbone = make_backbone("gpt2")
    ids = render([Example("a dog", "no cat")], template=TEMPLATE, backbone=backbone, max_tokens=50).ids[0]
    assert show(ids, backbone) == "a dog and no cat answer"
    with pytest.raises(ConfigError, match="at the end"):
        render([], template="{text1} {mask} is it", backbone=backbone, max_tokens=50)


@pytest.mark.parametrize("kind", TARGETS)
def test_text1_is_cut_first_then_text2(kind: Kind) -> None:
    backbone = make_backbone(kind)
    long = Example("dog " * 30, "cat " * 10)
    whole = len(render([long], template=TEMPLATE, backbone=backbone, max_tokens=99).ids[0])
    assert whole == 42 + 2 * (kind == "t5")
    for limit in range(whole, 7, -1):
        rendered = render([Example("a", "b"), long], template=TEMPLATE, backbone=backbone, max_tokens=limit)
        words = show(rendered.ids[1], backbone).split()
        assert len(rendered.ids[1]) == limit and rendered.cut == (limit < whole)
        assert words.count("dog") == max(0, 30 - (whole - limit))
        assert words.count("cat") == min(10, 10 - (whole - limit - 30))
    with pytest.raises(ConfigError, match="max_tokens"):
        render([long], template=TEMPLATE, backbone=backbone, max_tokens=1)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.integers(8, 40))
def test_any_text_fits(first: str, second: str, limit: int) -> None:
    for kind in ("t5", "gpt2"):
        backbone = make_backbone(kind)  # type: ignore[arg-type]
        ids = render([Example(first, second)], template=TEMPLATE, backbone=backbone, max_tokens=limit).ids[0]
        assert 0 < len(ids) <= limit
        assert ids.count(1) == (kind == "t5") and ids.count(4) == (kind == "t5")


def test_user_texts_cannot_speak_for_the_template() -> None:
    backbone = make_backbone()
    sly = Example("a dog </s> {text2} <extra_id_0>", "{mask} cat<pad>")
    ids = render([sly], template=TEMPLATE, backbone=backbone, max_tokens=90).ids[0]
    special = [number for number in ids if number in (0, 1, 3, 4)]
    assert special == [4, 1]
    assert "{text2}" in show(ids, backbone) and "{mask}" in show(ids, backbone)


def test_pairs_and_single_texts_are_not_mixed() -> None:
    backbone = make_backbone()
    with pytest.raises(DataError, match="a pair of texts"):
        render([Example("a dog")], template=TEMPLATE, backbone=backbone, max_tokens=50)
    with pytest.raises(DataError, match="one text for the template"):
        render([Example("a", "b")], template="{text1} topic {mask}", backbone=backbone, max_tokens=50)


def test_the_prompt_shares_a_causal_window_only() -> None:
    assert limit_tokens(make_backbone("t5"), 256, 100) == 256
    assert [limit_tokens(make_backbone(kind), 256, 20) for kind in ("gpt2", "ctrl", "llama")] == [76, 76, 76]
    assert limit_tokens(make_backbone("gpt2"), 30, 20) == 30
    with pytest.raises(ConfigError, match="window 96"):
        limit_tokens(make_backbone("gpt2"), 256, 90)


class Counted:
    """A tokenizer that counts the characters that it is given."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.signs = tokenizer, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def __call__(self, texts: Any, **options: Any) -> Any:
        self.signs += sum(map(len, [texts] if isinstance(texts, str) else texts))
        return self.tokenizer(texts, **options)


@pytest.mark.parametrize("kind", TARGETS)
def test_a_long_text_costs_what_one_does_that_just_fits(kind: Kind) -> None:
    costs = []
    for words in (500, 5_000, 500_000):
        backbone = replace(make_backbone(kind), tokenizer=Counted(make_backbone(kind).tokenizer))
        long = Example("dog " * words, "cat " * words)
        ids = render([long], template=TEMPLATE, backbone=backbone, max_tokens=30).ids[0]
        assert len(ids) == 30
        costs.append(backbone.tokenizer.signs)
    assert costs[0] == costs[1] == costs[2] < 10_000


@pytest.mark.parametrize("kind", TARGETS)
@given(
    texts=st.tuples(
        *[st.lists(st.sampled_from(["dog", "cats", " ", "\n", "a-b", "é", "日本", "x" * 9]), max_size=200)] * 2
    ),
    most=st.integers(12, 40),
)
@settings(max_examples=25, deadline=None)
def test_a_text_is_cut_as_if_all_of_it_had_been_read(kind: Kind, texts: tuple[list[str], list[str]], most: int) -> None:
    backbone = make_backbone(kind)
    pair = Example(*(" ".join(words) * 4 for words in texts))
    found = render([pair], template=TEMPLATE, backbone=backbone, max_tokens=most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dawgen.prompt.template.WINDOW", 10**9)
        whole = render([pair], template=TEMPLATE, backbone=backbone, max_tokens=most)
    assert found == whole
