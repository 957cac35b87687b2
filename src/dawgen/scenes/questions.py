"""Questions about a scene: who does it, where, or what someone is doing; and when a sentence answers one.

A sentence answers a question iff its situations lie inside what the question takes for granted and it restricts the
slot that is asked for.
"""

import random
from dataclasses import dataclass
from typing import Literal

from dawgen.scenes.grammar import Caption, Denotation, denote, write_agent, write_doing, write_place
from dawgen.scenes.lexicon import LEXICON, Lexicon

Asked = Literal["agent", "place", "doing"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question made from a caption by hiding the slot that it asks for."""

    asked: Asked
    caption: Caption


def write_question(question: Question, rng: random.Random, lexicon: Lexicon = LEXICON) -> str:
    """Write the question as a sentence ending in a question mark."""
    caption = question.caption
    place = write_place(caption.place, rng, lexicon) if caption.place else ""
    if question.asked == "agent":
        words = f"who is {write_doing(caption.doing, rng, lexicon)} {place}"
    elif question.asked == "place":
        words = f"where is {write_agent(caption, rng, lexicon)} {write_doing(caption.doing, rng, lexicon)}"
    else:
        words = f"what is {write_agent(caption, rng, lexicon)} doing {place}"
    return f"{words.rstrip()}?"


def answers(sentence: Caption, question: Question, lexicon: Lexicon = LEXICON) -> bool:
    """Return whether the sentence answers the question."""
    told, granted = denote(sentence, lexicon), denote(question.caption, lexicon)
    everything = full_denotation(lexicon)
    for slot in ("agent", "height", "mood", "doing", "place"):
        asked_slots = ("agent", "height", "mood") if question.asked == "agent" else (question.asked,)
        if slot not in asked_slots and getattr(told, slot) & ~getattr(granted, slot):
            return False
    informative: bool = getattr(told, question.asked) != getattr(everything, question.asked)
    return informative and not (question.asked == "doing" and sentence.negated)


def full_denotation(lexicon: Lexicon = LEXICON) -> Denotation:
    """Return the set of all situations."""
    return Denotation(
        agent=(1 << len(lexicon.agent_leaves)) - 1,
        height=0b11,
        mood=0b11,
        doing=(1 << len(lexicon.activity_leaves)) - 1,
        place=(1 << len(lexicon.place_leaves)) - 1,
    )
