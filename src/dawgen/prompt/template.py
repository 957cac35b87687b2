"""Renders examples into the target's token ids with the task's template, such as `{text1} means {text2}? {mask}`."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dawgen.errors import ConfigError, DataError
from dawgen.models.chat import NO_CHAT, Chat
from dawgen.models.load import Backbone
from dawgen.records import Example

SENTINEL = "<extra_id_0>"  # T5's first sentinel: the place of the answer
SHORTEST = 8  # tokens; a template needs about as many before any text fits
WINDOW = 8  # characters for each token of a row that are read of a text at first: about twice what a token has
SPARE = 32  # tokens that are read beyond a row's, so that where reading ends changes none that the row keeps

_FIELD = re.compile(r"\{(text1|text2)\}|\s*\{(mask)\}")  # a space before the sentinel would be a token of its own


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids of each example (special tokens included), and the places of the examples that had a text cut."""

    ids: list[list[int]]
    cut_rows: list[int]

    @property
    def cut(self) -> int:
        """How many examples had a text cut."""
        return len(self.cut_rows)


def render(
    examples: Sequence[Example],
    *,
    template: str,
    backbone: Backbone,
    max_tokens: int,
    chat: Chat = NO_CHAT,
    behind: bool = False,
) -> Rendered:
    """Render and tokenise; a row longer than `max_tokens` loses the end of text1 first, then that of text2.

    `{mask}` becomes <extra_id_0> for an encoder-decoder that knows it, and ends a causal model's input (it is removed
    with the spaces before it: the label word carries its own). Special tokens inside the texts become spaces.
    An encoder-decoder's input ends with the end token, a causal model's does not. chat: whose closing ends the user's
    turn behind the template; its front is not part of the ids, and its marks become spaces inside the texts too.
    behind: up to the end of the last text only, since a causal model's prompt and `encode_tail` follow there.
    Of a long text no more is read than may be kept, so that it costs about what one does that just fits.

    Raises:
        DataError: a template with {text2} and an example without text2, or the reverse.
        ConfigError: a causal template that goes on after {mask}, or one that alone exceeds max_tokens.
    """
    mask = find_mask(backbone)
    if backbone.kind == "causal" and "{mask}" in template and not template.rstrip().endswith("{mask}"):
        raise ConfigError(f"template '{template}': expected {{mask}} at the end, a causal target answers there.")
    special = _match_special(backbone.tokenizer, chat.find_marks(backbone.tokenizer))
    texts = [_clean(example, template, special) for example in examples]
    texts = [(_begin(first, max_tokens, backbone), _begin(second, max_tokens, backbone)) for first, second in texts]
    cut_short = behind and backbone.kind == "causal"
    fill = partial(_fill, *((split_template(template)[0], mask, "") if cut_short else (template, mask, chat.closing)))
    ids = tokenise([fill(*pair) for pair in texts], backbone, bare=bool(chat.closing))
    cut = [row for row in range(len(texts)) if len(ids[row]) > max_tokens]
    for row in cut:
        ids[row] = _shorten(texts[row], ids[row], fill, backbone, max_tokens, bare=bool(chat.closing))
    return Rendered(ids, cut)


def split_template(template: str) -> tuple[str, str]:
    """Return what a template has up to the end of its last text, and what it has behind."""
    ends = [template.find(field) + len(field) for field in ("{text1}", "{text2}") if field in template]
    end = max(ends, default=0)
    return template[:end], template[end:]


def encode_tail(template: str, backbone: Backbone, chat: Chat = NO_CHAT) -> tuple[int, ...]:
    """Return the token ids that follow a prompt behind the text: those of the template behind its last text, and of a
    chat template's closing. Empty for an encoder-decoder, whose encoder reads the whole template.

    They are tokenised on their own, so that they are the same for every text.
    """
    if backbone.kind != "causal":
        return ()
    text = _fill(split_template(template)[1], "", chat.closing, "", "")
    return tuple(backbone.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]) if text else ()


def limit_tokens(backbone: Backbone, max_tokens: int, prompt_length: int, behind: int = 0, *, decoded: int = 0) -> int:
    """Return how many tokens a row may have: `max_tokens`, or what is left of the model's window.

    prompt_length: all that stands beside a row, the opening of a chat template included. behind: tokens of a name that
    is read behind it, for an encoder-decoder in its decoder. decoded: rows of a prompt that stands in the decoder.

    Raises:
        ConfigError: the prompt leaves no room.
    """
    window = getattr(backbone.model.config, "max_position_embeddings", None)  # GPT-2's and CTRL's n_positions as well
    limit = max_tokens
    if backbone.kind == "causal" and window is not None:
        limit = min(max_tokens, window - prompt_length - behind)
    elif window is not None:
        limit = min(max_tokens, window - prompt_length)
        if decoded + behind + 2 > window:  # between its start and the sentinel
            raise ConfigError(
                f"expected a prompt that fits into the decoder's window of {window} positions, got {decoded} vectors "
                f"and {behind + 2} tokens of the answer.\nSet a shorter prompt."
            )
    if limit < SHORTEST:
        advice = "Set a shorter prompt." if limit < max_tokens else "Set a higher max_tokens."
        raise ConfigError(
            f"expected room for {SHORTEST} tokens beside the prompt, got {limit} (prompt and what stands around it "
            f"{prompt_length}, max_tokens {max_tokens}, window {window or 'unlimited'}).\n{advice}"
        )
    return limit


def find_mask(backbone: Backbone) -> str:
    """Return the text for {mask}: the sentinel if the model is an encoder-decoder whose tokenizer has it, else ""."""
    return "" if backbone.kind != "seq2seq" or find_sentinel(backbone.tokenizer) is None else SENTINEL


def find_sentinel(tokenizer: Any) -> int | None:
    """Return the id of T5's first sentinel, None where the tokenizer has none."""
    number = tokenizer.convert_tokens_to_ids(SENTINEL)  # `get_vocab` would make a dictionary of the whole vocabulary
    known = number is not None and tokenizer.convert_ids_to_tokens(number) == SENTINEL  # not the unknown token's id
    return number if known else None


def tokenise(texts: Sequence[str], backbone: Backbone, *, bare: bool = False) -> list[list[int]]:
    """Return token ids for the backbone: with one end token for an encoder-decoder, without for a causal model.

    bare: inside a chat template, whose own tokens are all that begin and end them.
    """
    if not texts:
        return []
    tokenizer = backbone.tokenizer
    end = tokenizer.eos_token_id
    rows: list[list[int]] = []
    for ids in tokenizer(list(texts), add_special_tokens=not bare, verbose=False)["input_ids"]:
        while ids and ids[-1] == end and not bare:
            ids = ids[:-1]
        closed = [*ids, end] if backbone.kind == "seq2seq" and end is not None else ids
        rows.append(list(closed) or [tokenizer.pad_token_id])
    return rows


def _clean(example: Example, template: str, special: re.Pattern[str] | None) -> tuple[str, str]:
    pair = "{text2}" in template
    if pair != (example.text2 is not None):
        raise DataError(
            f"expected {'a pair of texts' if pair else 'one text'} for the template '{template}', got "
            f"{'one text' if pair else 'a pair'}: {example.text1[:60]!r}"
        )
    texts = (example.text1, example.text2 or "")
    first, second = texts if special is None else (special.sub(" ", text) for text in texts)
    return first.strip(), second.strip()


def _match_special(tokenizer: Any, others: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of the special tokens and of `others`, so that no text imitates the template; None for none."""
    tokens = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    tokens |= {*tokenizer.all_special_tokens, *others}
    # CTRL's end token can be an ordinary word: only tokens that nobody writes by accident are removed
    marks = sorted((token for token in tokens if not token.isalnum()), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, marks))) if marks else None


def _fill(template: str, mask: str, closing: str, text1: str, text2: str) -> str:
    values = {"text1": text1, "text2": text2, "mask": mask}
    return _FIELD.sub(lambda field: values[field[1] or field[2]], template).rstrip() + closing


def _begin(text: str, most: int, backbone: Backbone) -> str:
    """Return the beginning of a text that has more tokens than a row may have, all of it where it has not."""
    size = WINDOW * most
    while size < len(text):
        if len(backbone.tokenizer(text[:size], add_special_tokens=False, verbose=False)["input_ids"]) > most + SPARE:
            return text[:size]
        size *= 4
    return text


def _shorten(
    pair: tuple[str, str],
    ids: list[int],
    fill: Callable[[str, str], str],
    backbone: Backbone,
    limit: int,
    *,
    bare: bool,
) -> list[int]:
    """Drop tokens from the end of text1, then text2, until the rendered row fits. ids: of the row as it is."""
    texts = list(pair)
    while len(ids) > limit:
        which = 0 if texts[0] else 1
        if not texts[which]:
            raise ConfigError(
                f"expected a template of at most {limit} tokens, '{fill('', '')}' has {len(ids)}.\n"
                "Set a higher max_tokens."
            )
        texts[which] = _drop_tokens(texts[which], len(ids) - limit, backbone.tokenizer)
        ids = tokenise([fill(texts[0], texts[1])], backbone, bare=bare)[0]
    return ids


def _drop_tokens(text: str, count: int, tokenizer: Any) -> str:
    """Return the text without its last `count` tokens, always shorter than it was."""
    kept = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][:-count]
    shorter = str(tokenizer.decode(kept, skip_special_tokens=True)).strip() if kept else ""
    return shorter if len(shorter) < len(text) else text[:-1]
