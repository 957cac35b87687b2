"""A chat model's template, split around the user's text: its opening stands in front of the prompt, its closing behind.

A target then reads [E(front); P; E(text + closing)]: one turn of the user, in which the soft prompt comes first, and
the beginning of the assistant's. What was split is kept as it is (in bundles too), since templates change with the
tokenizer's files, and some name the day. A generator has its written prompt in the user's turn and writes the
assistant's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.errors import ConfigError

LONGEST_FRONT = 512  # tokens: a longer opening has more in it than the beginning of a turn

_PLACE = "TEXTOFTHEUSER"  # letters only: templates strip what stands around a message
_ANSWER, _NEXT = "ANSWEROFTHEASSISTANT", "ONEMOREOFTHEUSER"
_MARK = re.compile(r"[<\[][^\s<>\[\]]+[>\]]")  # <|im_end|>, [INST], <start_of_turn>


@dataclass(frozen=True, slots=True)
class Chat:
    """A template around the user's text; the empty one, `NO_CHAT`, adds nothing.

    front: token ids up to the text, begin token included. closing: the template's text from the end of the user's to
    the beginning of the assistant's.
    """

    front: tuple[int, ...] = ()
    closing: str = ""

    @property
    def spaced(self) -> bool:
        """Whether an answer stands behind a space, as inside a text: the assistant's turn begins with it."""
        return not self.closing

    def find_marks(self, tokenizer: Any) -> set[str]:
        """Return the marks of turns in the template, which no text may contain; most are special tokens anyhow."""
        return set(_MARK.findall(tokenizer.decode(list(self.front)) + self.closing)) if self.closing else set()


NO_CHAT = Chat()


def find_chat(tokenizer: Any, setting: bool | str, name: str = "target.chat") -> Chat:
    """Return the tokenizer's template for a setting; `auto` uses it wherever the tokenizer has one.

    name: of the setting, for errors.

    Raises:
        ConfigError: true, and there is no template, or none that takes a text of the user alone.
    """
    template = getattr(tokenizer, "chat_template", None)
    if setting is False or (setting == "auto" and not template):
        return NO_CHAT
    if not template:
        raise ConfigError(f"{name}: the model's tokenizer has no chat template.\nSet {name} to auto or false.")
    parts = _split(tokenizer, [{"role": "user", "content": _PLACE}], (_PLACE,))
    opening, closing = parts or ("", "")
    front = tuple(tokenizer(opening, add_special_tokens=False)["input_ids"])
    if 0 < len(front) <= LONGEST_FRONT and closing:
        return Chat(front, closing)
    if setting == "auto":
        return NO_CHAT
    raise ConfigError(
        f"{name}: expected a template that takes a text of the user alone, with 1 to {LONGEST_FRONT} tokens in "
        f"front of it and some behind; the model's has {len(front)} in front.\nSet {name} to false."
    )


def find_turn(tokenizer: Any) -> str:
    """Return the text between an answer and the next text of the user, as the template has it.

    Raises:
        ConfigError: the template does not take several turns.
    """
    turns = [("user", _PLACE), ("assistant", _ANSWER), ("user", _NEXT)]
    messages = [{"role": role, "content": content} for role, content in turns]
    parts = _split(tokenizer, messages, (_PLACE, _ANSWER, _NEXT))
    if parts is None:
        raise ConfigError("target.chat: the model's template takes no answered texts.\nSet target.chat to false.")
    return parts[2]


def find_end(tokenizer: Any) -> int | None:
    """Return the special token that ends the assistant's turn, None where the template has none."""
    try:
        ids = tokenizer(find_turn(tokenizer), add_special_tokens=False)["input_ids"]
    except ConfigError:
        return None
    special = {*tokenizer.all_special_ids, *(i for i, t in tokenizer.added_tokens_decoder.items() if t.special)}
    return ids[0] if ids and ids[0] in special - {tokenizer.bos_token_id} else None


def _split(tokenizer: Any, messages: list[dict[str, str]], places: Sequence[str]) -> list[str] | None:
    """Return the parts of the rendered messages around the places; None where they do not each stand there once."""
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
    except Exception:  # a template is a program of its own, which raises what it likes
        return None
    parts: list[str] = []
    for place in places:
        before, found, text = text.partition(place)
        if not found or place in text:
            return None
        parts.append(before)
    return [*parts, text]
