"""Label words (the verbalizer): one distinct token of the target's vocabulary for each label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.errors import ConfigError
from dawgen.prompt.vocabulary import encode_word, find_frequent

_ADVICE = "Give --label-words with one common word for each label, such as yes and no."


@dataclass(frozen=True, slots=True)
class LabelWords:
    """Words and their token ids, in the task's label order; `chosen`: the labels whose word dawgen picked itself."""

    words: tuple[str, ...]
    ids: tuple[int, ...]
    chosen: tuple[str, ...] = ()


def resolve_label_words(tokenizer: Any, labels: Sequence[str], given: Mapping[str, str] | None = None) -> LabelWords:
    """Find one distinct token for each label.

    Given words must be one token each. Without given words a label that is one token is its own word; the other labels
    take the first free words of the frequent vocabulary: a soft prompt learns any assignment.

    Raises:
        ConfigError: a given word is not one known token, two labels share a token, or the labels are not the task's.
    """
    if given is not None:
        return _check_given(tokenizer, labels, given)
    ids: dict[str, int] = {}
    for label in labels:
        pieces = _encode_known(tokenizer, label)
        if len(pieces) == 1 and pieces[0] not in ids.values():
            ids[label] = pieces[0]
    words = {label: label for label in ids}
    chosen = tuple(label for label in labels if label not in ids)
    free = ((number, word) for number, word in find_frequent(tokenizer).items() if number not in ids.values())
    for label in chosen:
        number, word = next(free, (-1, ""))
        if number < 0:
            raise ConfigError(f"expected a free word for each of {len(labels)} labels, the vocabulary has too few.")
        ids[label], words[label] = number, word
    return LabelWords(tuple(words[label] for label in labels), tuple(ids[label] for label in labels), chosen)


def _check_given(tokenizer: Any, labels: Sequence[str], given: Mapping[str, str]) -> LabelWords:
    if set(given) != set(labels):
        raise ConfigError(
            f"expected a label word for each of {', '.join(labels)}, got them for {', '.join(given)}.\n{_ADVICE}"
        )
    ids: list[int] = []
    for label in labels:
        pieces = _encode_known(tokenizer, given[label])
        if len(pieces) != 1:
            shown = " ".join(tokenizer.convert_ids_to_tokens(encode_word(tokenizer, given[label])))
            raise ConfigError(
                f"label word '{given[label]}' of '{label}': expected one token of the target, got {shown or 'none'}.\n"
                + _ADVICE
            )
        if pieces[0] in ids:
            other = labels[ids.index(pieces[0])]
            raise ConfigError(
                f"label words '{given[other]}' ({other}) and '{given[label]}' ({label}) are the same token.\n{_ADVICE}"
            )
        ids.append(pieces[0])
    return LabelWords(tuple(given[label] for label in labels), tuple(ids))


def _encode_known(tokenizer: Any, word: str) -> list[int]:
    """Return the word's ids, or none where the tokenizer does not know it or reads it as a special token."""
    ids = encode_word(tokenizer, word) if word.strip() else []
    return [] if set(ids) & set(tokenizer.all_special_ids) else ids
