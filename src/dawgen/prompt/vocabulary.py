"""The frequent words of a tokenizer, from which prompts are initialised, and the tokens of a word inside a text."""

from functools import lru_cache
from typing import Any

FREQUENT = 5000  # size of the pool that prompt tuning samples from (Lester et al. 2021, section 3.2.1)
SHORTEST = 3  # letters of a frequent word
WORD_MARKS = ("▁", "Ġ")  # how SentencePiece and byte-level BPE mark the beginning of a word


def find_frequent(tokenizer: Any, limit: int = FREQUENT) -> dict[int, str]:
    """Return id -> word of the first `limit` whole alphabetic words, in the order of ids.

    Trained tokenizers number their tokens by frequency (unigram score, BPE merge order), so low ids are frequent words.
    Left out: special tokens, words of one or two letters (among a BPE's early merges mostly pieces), pieces that do not
    begin a word (where the tokenizer marks beginnings), and words that differ only in case from an earlier one.
    """
    return dict(_find(tokenizer, limit, len(tokenizer)))


@lru_cache(maxsize=8)
def _find(tokenizer: Any, limit: int, _size: int) -> tuple[tuple[int, str], ...]:
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_ids) | {i for i, t in tokenizer.added_tokens_decoder.items() if t.special}
    marked = any(token.startswith(WORD_MARKS) and token[1:].isalpha() for token in tokens if token)
    found: list[tuple[int, str]] = []
    seen: set[str] = set()
    for number, token in enumerate(tokens):
        if not token or number in special or (marked and not token.startswith(WORD_MARKS)):
            continue
        word = token[1:] if marked else token
        if len(word) < SHORTEST or not (word.isascii() and word.isalpha()) or word.casefold() in seen:
            continue
        seen.add(word.casefold())
        found.append((number, word))
        if len(found) == limit:
            break
    return tuple(found)


def encode_word(tokenizer: Any, word: str, *, spaced: bool = True) -> list[int]:
    """Return the token ids of a word, or of several, as they stand inside a text (after a space), without special ones.

    Byte-level tokenizers have " yes" and "yes" apart, SentencePiece marks the beginning by itself; the shorter
    encoding that keeps the mark is taken. spaced: False for words that begin a line.
    """
    plain = list(tokenizer(word, add_special_tokens=False)["input_ids"])
    if not spaced:
        return plain
    inside = list(tokenizer(" " + word, add_special_tokens=False)["input_ids"])
    if len(plain) >= len(inside):
        return inside
    marked = len(plain) == 1 or tokenizer.convert_ids_to_tokens(plain[0]).startswith(WORD_MARKS)
    return plain if marked else inside
