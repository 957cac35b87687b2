"""The objectives of pre-training: continue a text (CTRL), fill gaps or continue (T5), follow instructions.

A row is (source words, target words); a decoder-only model reads both as one text.
"""

import random
from collections.abc import Sequence

from dawgen.models.minis.corpus import Mixture, Text, draw_english, draw_instruction, draw_scene


def draw_rows(
    mini: str, count: int, rng: random.Random, english: Sequence[Text], mixture: Mixture
) -> list[tuple[str, str]]:
    """Draw one batch for the mini: all English or all scenes, since their lengths differ and padding costs time."""
    is_english = bool(english) and rng.random() < mixture.english
    rows = []
    for _ in range(count):
        if mini == "mini-flan" and not is_english and rng.random() < mixture.instructions:
            rows.append(draw_instruction(rng, mixture))
            continue
        text = draw_english(english, rng, mixture) if is_english else draw_scene(rng, mixture)
        rows.append(("", f"{text.code} {text.plain}") if mini == "mini-ctrl" else mask_text(text, rng))
    return rows


def mask_text(text: Text, rng: random.Random) -> tuple[str, str]:
    """Turn a text into a T5 row: mostly the connective is the gap, else random spans or the text's end.

    Gaps at connectives are what makes a small model compare the two captions within hours instead of days.
    """
    choice = rng.random()
    if text.connective and choice < 0.7:
        hidden = Text(text.code, text.first, "<extra_id_0>", text.second).plain
        return hidden, f"<extra_id_0> {text.connective}"
    words = text.plain.split()
    if choice > 0.9:
        # As the LM-adapted T5 of the paper: the beginning is given, the rest continues without a sentinel.
        cut = rng.randrange(1, len(words)) if len(words) > 1 else 1
        return " ".join(words[:cut]), " ".join(words[cut:])
    return mask_spans(words, rng)


def mask_spans(words: list[str], rng: random.Random) -> tuple[str, str]:
    """Hide about 15 % of the words in spans of one to three, as T5 does; returns (source, target)."""
    source: list[str] = []
    target: list[str] = []
    position, gaps = 0, 0
    while position < len(words):
        # Spans of mean length 2 that begin at 8 % of the words cover about 15 %; a row has at least one gap.
        last_chance = gaps == 0 and position == len(words) - 1
        if gaps < 10 and (last_chance or rng.random() < 0.08 + (0.1 if gaps == 0 else 0)):
            length = min(rng.randint(1, 3), len(words) - position)
            source.append(f"<extra_id_{gaps}>")
            target += [f"<extra_id_{gaps}>", *words[position : position + length]]
            position, gaps = position + length, gaps + 1
        else:
            source.append(words[position])
            position += 1
    return " ".join(source), " ".join(target)
