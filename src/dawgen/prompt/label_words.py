"""Label words (the verbalizer): what the target says for each label, one token or a name of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.errors import ConfigError
from dawgen.prompt.vocabulary import encode_word

LONGEST = 32  # tokens of a label's words: more is a sentence, not a name

_ADVICE = "Give --label-words with a different word or short name for each label, such as yes and no."
_ENDS = " .,;:!?"  # what ends a sentence but belongs to no name

Ids = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LabelWords:
    """Words and their token ids, [K] in the task's label order; each label has one token or several, all different."""

    words: tuple[str, ...]
    ids: Ids

    @classmethod
    def of(cls, words: Sequence[str], ids: Sequence[int | Sequence[int]]) -> LabelWords:
        """Take ids as they are stored: a number for a word of one token, or a list of them."""
        return cls(tuple(words), tuple((one,) if isinstance(one, int) else tuple(one) for one in ids))

    @property
    def single(self) -> tuple[int, ...] | None:
        """The tokens where every label has one; None where any has more."""
        return tuple(one[0] for one in self.ids) if all(len(one) == 1 for one in self.ids) else None

    @property
    def inputs(self) -> int:
        """How many tokens at most are read behind a text to score it: all of the longest name but its last."""
        return max(map(len, self.ids)) - 1

    @property
    def stored(self) -> tuple[int, ...] | Ids:
        """The ids as files hold them: plain numbers where every label has one token."""
        return self.ids if self.single is None else self.single


def resolve_label_words(
    tokenizer: Any, labels: Sequence[str], given: Mapping[str, str] | None = None, *, spaced: bool = True
) -> LabelWords:
    """Find the tokens of each label's words: the given ones, else the label's name as `spell` writes it.

    spaced: whether a space stands before the answer, as inside a text; False where a line begins with it. Even there
    it is kept where only with it every label has one token: "sports" in two tokens and "world" in one do not compete on
    equal terms before training (SmolLM2 then calls every text "sports"), and single tokens are faster.

    Raises:
        ConfigError: words without a token or with an unknown or a special one, two labels with the same tokens, or
            labels that are not the task's.
    """
    if given is not None and set(given) != set(labels):
        raise ConfigError(
            f"expected a label word for each of {', '.join(labels)}, got them for {', '.join(given)}.\n{_ADVICE}"
        )
    words = {label: spell(label) if given is None else given[label] for label in labels}
    found = _find_tokens(tokenizer, words, spaced)
    if spaced or found.single is not None:
        return found
    with_space = _find_tokens(tokenizer, words, True)
    return found if with_space.single is None else with_space


def _find_tokens(tokenizer: Any, words: Mapping[str, str], spaced: bool) -> LabelWords:
    owners: dict[tuple[int, ...], str] = {}
    for label, word in words.items():
        ids = _encode(tokenizer, label, word, spaced)
        if ids in owners:
            other = owners[ids]
            raise ConfigError(
                f"label words '{words[other]}' ({other}) and '{word}' ({label}) are the same tokens.\n{_ADVICE}"
            )
        owners[ids] = label
    return LabelWords(tuple(words.values()), tuple(owners))


def find_mute_words(words: Mapping[str, str]) -> str | None:
    """Return a warning where labels that are numbers or single letters are their own words: they say nothing."""
    mute = [label for label, word in words.items() if sum(char.isalpha() for char in word) < 2]
    if not mute:
        return None
    shown = ", ".join(mute[:6]) + (", ..." if len(mute) > 6 else "")
    return f"label words: the target is to answer with {shown}, which tell it nothing of what they mean. {_ADVICE}"


def spell(label: str) -> str:
    """Return a label's name as words: `card_arrival` is "card arrival", `Refund_not_showing_up?` has no mark behind.

    >>> from dawgen.prompt.label_words import spell
    >>> spell("Refund_not_showing_up?")
    'Refund not showing up'
    """
    words = " ".join(label.replace("_", " ").split())
    return words.rstrip(_ENDS) or words  # a label that is nothing but marks, such as "?"


def _encode(tokenizer: Any, label: str, word: str, spaced: bool) -> tuple[int, ...]:
    named = f"label word '{word}' of '{label}'"
    ids = encode_word(tokenizer, word, spaced=spaced) if word.strip() else []
    special = set(tokenizer.all_special_ids)
    if not ids or len(ids) > LONGEST:
        raise ConfigError(f"{named}: expected 1 to {LONGEST} tokens of the target, got {len(ids)}.\n{_ADVICE}")
    if special & set(ids):
        shown = " ".join(tokenizer.convert_ids_to_tokens(ids))
        raise ConfigError(
            f"{named}: expected tokens that the target can say, got a special or unknown one: {shown}.\n{_ADVICE}"
        )
    return tuple(ids)
