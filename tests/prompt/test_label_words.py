"""Label words: their own tokens, by byte-level and SentencePiece tokenizers alike, and names as words."""

from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dawgen.errors import ConfigError
from dawgen.prompt.label_words import LabelWords, resolve_label_words, spell
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
    assert [tiny_tokenizer().convert_ids_to_tokens(list(own)) for own in found.ids] == [["▁no"], ["▁yes"]]
    assert found.single == found.stored == tuple(own[0] for own in found.ids)


def test_byte_level_words_carry_their_space() -> None:
    tokenizer = byte_level_tokenizer()
    found = resolve_label_words(tokenizer, ["a", "b"], {"a": "yes", "b": "no"})
    assert [tokenizer.convert_ids_to_tokens(list(own)) for own in found.ids] == [["Ġyes"], ["Ġno"]]
    assert tokenizer("is yes")["input_ids"][-1:] == list(found.ids[0])
    line = resolve_label_words(tokenizer, ["a", "b"], {"a": "yes", "b": "no"}, spaced=False)
    assert [tokenizer.convert_ids_to_tokens(list(own)) for own in line.ids] == [["yes"], ["no"]]
    longer = resolve_label_words(tokenizer, ["yes_and_no", "no"]).ids[0]
    assert tokenizer.decode(list(longer)) == " yes and no"
    words = ["the", "answer", "is", "yes", "and", "no", "end"]
    frequent = list(find_frequent(tokenizer).values())
    assert {"the", "yes", "end"} <= set(frequent)
    assert all(any(word.startswith(begin) for word in words) for begin in frequent)


def test_a_line_begins_with_a_space_where_only_with_it_each_label_has_one_token() -> None:
    tokenizer = byte_level_tokenizer()
    assert len(encode_word(tokenizer, "answer", spaced=False)) > 1
    kept = resolve_label_words(tokenizer, ["answer", "no"], spaced=False)
    assert kept == resolve_label_words(tokenizer, ["answer", "no"]) and kept.single is not None
    several = resolve_label_words(tokenizer, ["answer no", "no"], spaced=False)
    assert tokenizer.decode(list(several.ids[0])) == "answer no"


def test_a_label_is_its_own_words() -> None:
    found = resolve_label_words(tiny_tokenizer(), ["entailment", "not_entailment", "neutral"])
    assert found.words == ("entailment", "not entailment", "neutral")
    assert [tiny_tokenizer().decode(list(own)) for own in found.ids] == list(found.words)
    assert found.single is None and found.stored == found.ids


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("Refund_not_showing_up", "Refund not showing up"),
        ("reverted_card_payment?", "reverted card payment"),
        (" two__spaces ", "two spaces"),
        ("camelCase", "camelCase"),
        ("not-a-dash", "not-a-dash"),
        ("C++", "C++"),
        ("7", "7"),
        ("?", "?"),
    ],
)
def test_names_become_words(label: str, words: str) -> None:
    assert spell(label) == words


@pytest.mark.parametrize("count", [77, 150])
def test_every_one_of_many_labels_has_its_own_tokens(count: int) -> None:
    found = resolve_label_words(tiny_tokenizer(), [f"label_{number}" for number in range(count)])
    assert len(set(found.ids)) == count


def test_ids_are_read_as_they_are_stored() -> None:
    for ids in ((5, 7), ((5,), (7, 8))):
        found = LabelWords.of(("a", "b"), ids)
        assert found.stored == ids and all(isinstance(own, tuple) for own in found.ids)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": "yes", "b": "yes"}, r"'yes' \(a\) and 'yes' \(b\) are the same tokens"),
        ({"a": "yes", "b": "</s>"}, "of 'b': .*special or unknown one: .*</s>"),
        ({"a": "yes", "b": "yes 日本"}, "of 'b': .*special or unknown one: .*<unk>"),
        ({"a": "yes", "b": " "}, "1 to 32 tokens"),
        ({"a": "yes", "b": "no " * 40}, "1 to 32 tokens"),
        ({"a": "yes"}, "for each of a, b, got them for a"),
        ({"a": "yes", "c": "no", "b": "or"}, "got them for a, c, b"),
    ],
)
def test_wrong_words_say_what_is_wrong_and_what_to_do(given: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        resolve_label_words(tiny_tokenizer(), ["a", "b"], given)
    assert "--label-words" in str(raised.value)


def test_names_that_are_the_same_words_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'card lost' \(card_lost\) and 'card lost' \(card lost\?\) are the same"):
        resolve_label_words(tiny_tokenizer(), ["card_lost", "card lost?"])


def test_frequent_words_are_whole_alphabetic_and_in_order() -> None:
    found = find_frequent(tiny_tokenizer())
    assert list(found) == sorted(found)
    assert all(word.isalpha() and len(word) > 2 for word in found.values())
    assert len({word.casefold() for word in found.values()}) == len(found)
    assert list(find_frequent(tiny_tokenizer(), 5).values()) == list(found.values())[:5]
    assert all(encode_word(tiny_tokenizer(), word) == [number] for number, word in found.items())
