"""When two texts are the same to a reader, and what their words are.

Same: whatever the case, the width (full and half), the composition of accents (NFC, NFD), spaces, invisible marks, the
form of quotes and dashes, and punctuation that ends or encloses words. Different: whatever a reader tells apart, such
as emoji, operators ("1 + 1", "1 - 1"; "C++", "C#"), vowel signs of any script, and a question from a statement.
"""

import re
import unicodedata

_OPENING = "\"'`([{¡¿「『《"
_ENDING = ".,;:!…\"'`)]}।。、」』》"
_ASKING = re.compile(r"!*\?[?!]*")
_SMILE = re.compile(r"[:;]['-]?[()\[\]{}]")  # ends a word as punctuation does, and says something
_FORMS = (0xFE0E, 0xFE0F)
_NOT_WORD = re.compile(r"[\W_]+")


def _list_folds() -> dict[int, str]:
    """Return what stands for a character: plain forms of wide and narrow ones, of quotes and dashes; "" for marks that
    nobody sees."""
    folds = {}
    for code in (0x3000, *range(0xFF00, 0xFFF0)):
        kind, _, plain = unicodedata.decomposition(chr(code)).partition(" ")
        if kind in ("<wide>", "<narrow>"):
            folds[code] = "".join(chr(int(part, 16)) for part in plain.split())
    for plain, others in {
        "'": (0x2018, 0x2019, 0x201A, 0x201B, 0x02BC, 0xB4),
        '"': (0x201C, 0x201D, 0x201E, 0x201F, 0xAB, 0xBB),
        "-": (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212),
        "?": (0x37E, 0x61F),
        # zero-width space, byte-order mark, soft hyphen, word joiner, marks of direction, the choice between a sign's
        # form as text and as emoji; not the joiners, which make other letters and other emoji
        "": (
            0x200B,
            0xFEFF,
            0xAD,
            0x2060,
            0x200E,
            0x200F,
            0x61C,
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
            *_FORMS,
        ),
    }.items():
        folds |= dict.fromkeys(others, plain)
    return folds


_FOLDS = _list_folds()


def normalise(text: str) -> str:
    """Return one text for all that are the same to a reader: the key by which texts are found again.

    >>> normalise("A  man is ASLEEP.") == normalise("a man is asleep"), normalise("1 + 1") == normalise("1 - 1")
    (True, False)
    """
    folded = _fold(text)
    words = [word for part in _ASKING.sub(" ? ", folded).split() if (word := _strip(part))]
    return " ".join(words) or " ".join(folded.split())  # punctuation alone: the same only to itself


def split_words(text: str) -> list[str]:
    """Return the text's words without case and punctuation; of a text without any, its symbols, such as emoji.

    Coarser than `normalise`: for likeness, not for sameness.
    """
    folded = _fold(text)
    if folded.isascii():
        words = _NOT_WORD.sub(" ", folded).split()
    else:  # vowel signs and joiners belong to their letters, which for Python's \W they do not
        words = "".join(sign if _belongs(sign) else " " for sign in folded).split()
    return words or [sign for sign in folded if unicodedata.category(sign)[0] == "S"]


def says_nothing(text: str) -> bool:
    """Return whether a text has no letter, no number and no symbol such as an emoji: at most punctuation."""
    return not any(unicodedata.category(sign)[0] in "LNS" for sign in _fold(text))


def _fold(text: str) -> str:
    if text.isascii():
        return text.casefold()
    # marks are folded last: some letters fold into a letter and a mark
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold().translate(_FOLDS))


def _strip(word: str) -> str:
    """Return a word without punctuation around it; "" for what ends sentences and stands alone, as in "end ."."""
    if not any(map(_belongs, word)):
        alone = all(sign in _OPENING + _ENDING for sign in word) and not _SMILE.search(word)
        return "" if alone else word
    bare = word.lstrip(_OPENING)
    ended = bare.rstrip(_ENDING)
    return bare if _SMILE.search(bare[len(ended) :]) else ended


def _belongs(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LNM" or sign in "\u200c\u200d"
