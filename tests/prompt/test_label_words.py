"""Label words: one distinct token each, by byte-level and SentencePiece tokenizers alike."""

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dawgen.errors import ConfigError
from dawgen.prompt.label_words import resolve_label_words
from dawgen.prompt.vocabulary import encode_word, find_frequent
from support.tiny import tiny_tokenizer


def byte_level_tokenizer() -> Any:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    text = ["the answer is yes and the answer is no", "the end is the end"] * 20 + ["yes", "no"] * 30
    trainer = trainers.BpeTrainer(
        show_progress=False,
        vocab_size=320,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    backend.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")


def test_given_words_come_in_label_order() -> None:
    found = resolve_label_words(tiny_tokenizer(), ["b", "a"], {"a": "yes", "b": "no"})
    assert found.words == ("no", "yes")
    assert tiny_tokenizer().convert_ids_to_tokens(list(found.ids)) == ["▁no", "▁yes"]
    assert found.chosen == ()


def test_byte_level_words_carry_their_space() -> None:
    tokenizer = byte_level_tokenizer()
    found = resolve_label_words(tokenizer, ["a", "b"], {"a": "yes", "b": "no"})
    assert tokenizer.convert_ids_to_tokens(list(found.ids)) == ["Ġyes", "Ġno"]
    assert tokenizer("is yes")["input_ids"][-1] == found.ids[0]
    words = ["the", "answer", "is", "yes", "and", "no", "end"]
    frequent = list(find_frequent(tokenizer).values())
    assert {"the", "yes", "end"} <= set(frequent)
    assert all(any(word.startswith(begin) for word in words) for begin in frequent)


def test_labels_are_their_own_words_where_they_are_one_token() -> None:
    found = resolve_label_words(tiny_tokenizer(), ["entailment", "not_entailment", "neutral"])
    assert (found.words[0], found.words[2]) == ("entailment", "neutral")
    assert found.chosen == ("not_entailment",)
    assert len(set(found.ids)) == 3
    assert found.words[1] == next(iter(find_frequent(tiny_tokenizer()).values()))


def test_numbers_as_labels_get_words() -> None:
    found = resolve_label_words(tiny_tokenizer(), [str(number) for number in range(12)])
    assert len(set(found.ids)) == 12 and len(set(found.words)) == 12


def test_more_labels_than_words_is_an_error() -> None:
    with pytest.raises(ConfigError, match="too few"):
        resolve_label_words(tiny_tokenizer(), [f"label_{number}" for number in range(300)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": "yes", "b": "contradictory"}, "one token of the target, got ▁ c o n t r a d i c t o r y"),
        ({"a": "yes", "b": "yes"}, r"'yes' \(a\) and 'yes' \(b\) are the same token"),
        ({"a": "yes", "b": "</s>"}, "got .*</s>"),
        ({"a": "yes", "b": "日本"}, "one token"),
        ({"a": "yes", "b": " "}, "one token"),
        ({"a": "yes"}, "for each of a, b, got them for a"),
        ({"a": "yes", "c": "no", "b": "or"}, "got them for a, c, b"),
    ],
)
def test_wrong_words_are_shown_in_pieces(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_label_words(tiny_tokenizer(), ["a", "b"], given)


def test_frequent_words_are_whole_alphabetic_and_in_order() -> None:
    found = find_frequent(tiny_tokenizer())
    assert list(found) == sorted(found)
    assert all(word.isalpha() and len(word) > 2 for word in found.values())
    assert len({word.casefold() for word in found.values()}) == len(found)
    assert list(find_frequent(tiny_tokenizer(), 5).values()) == list(found.values())[:5]
    assert all(encode_word(tiny_tokenizer(), word) == [number] for number, word in found.items())
