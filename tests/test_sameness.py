"""Texts that are the same to a reader have one key, and others have not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.curation.dedupe import NearIndex
from dawgen.records import Example, pair_key
from dawgen.sameness import normalise, says_nothing, split_words

SAME = [
    ("A man is ASLEEP.", "a  man is asleep"),
    ("\uff21\uff22\uff23\u3000\uff11", "abc 1"),  # full width
    ("\uff76\uff9e", "\u30ac"),  # half-width katakana with its voice mark
    ("caf\u00e9", "cafe\u0301"),
    ("He said \u201cno\u201d", 'he said "no"'),
    ("don\u2019t", "don't"),
    ("well\u2014yes", "well-yes"),
    ("what is it ?", "What is it?"),
    ("a film , which ends .", "a film, which ends"),
    ("\ufeffhello", "hello"),
    ("\u200ehello\u200f", "hello"),  # marks of direction, as copied from chats and web pages
    ("\u202bhello\u202c \u2068you\u2069", "hello you"),
    ("hel\u2060lo", "hello"),  # a word joiner
    ("\u00bfC\u00f3mo est\u00e1?", "c\u00f3mo est\u00e1?"),
    ("\u300c\u306f\u3044\u300d", "\u306f\u3044"),  # quotes of Japanese
    ("sun\u2764\ufe0f", "sun\u2764"),
    ("stra\u00dfe", "STRASSE"),
    ("end).", "end"),
]
DIFFERENT = [
    ("\U0001f600 a", "\U0001f621 a"),
    ("\U0001f600", "\U0001f600\U0001f600"),
    ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),  # a joiner makes a family of two people
    ("I know C++", "I know C#"),
    ("1 + 1", "1 - 1"),
    ("x != y", "x = y"),
    ("great :)", "great :("),
    ("great:)", "great:("),
    ("it is 5", "it is -5"),
    ("costs $5", "costs \u20ac5"),
    ("he is here", "he is here?"),
    ("\u0915\u093f", "\u0915\u0940"),  # ki and kī: Devanagari vowel signs
    ("\u0e01\u0e34", "\u0e01\u0e35"),  # Thai vowel signs
    ("a_b", "a b"),
    ("1.5", "15"),
    ("!!!", "???"),
    ("...", "-"),
    ("x\u00b2", "x2"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_a_reader_does_not_tell_apart_is_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_is_not_the_same(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)
    assert pair_key(Example(one)) != pair_key(Example(other))
    index = NearIndex(0.9)
    index.add((one,), "one")
    assert index.find_equal((one,)) == "one"
    assert index.find_equal((other,)) is None


@given(st.text())
def test_a_key_is_its_own_key_and_survives_case_composition_and_spaces(text: str) -> None:
    key = normalise(text)
    assert normalise(key) == key
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))
    assert normalise(f"  {text}\n") == key
    assert bool(key) == bool(normalise(text + " "))


@given(st.text())
def test_a_text_that_says_something_has_a_key_and_words(text: str) -> None:
    if not says_nothing(text):
        assert normalise(text)
        assert split_words(text)


def test_every_sign_that_says_something_has_a_key_and_is_a_word() -> None:
    for code in (*range(0xD800), *range(0xE000, 0x20000)):
        sign = chr(code)
        assert normalise(normalise(sign)) == normalise(sign), hex(code)
        if not says_nothing(sign):
            assert normalise(sign), hex(code)
            assert split_words(sign), hex(code)


def test_emoji_say_something_and_punctuation_does_not() -> None:
    assert not says_nothing("\U0001f600\U0001f600")
    assert not says_nothing("=")
    assert says_nothing(" ...!? ")
    assert split_words("\U0001f600 \U0001f600") == ["\U0001f600", "\U0001f600"]


def test_words_keep_their_vowel_signs() -> None:
    assert split_words("\u0915\u093f\u0924\u093e\u092c!") == ["\u0915\u093f\u0924\u093e\u092c"]
