"""Captions of the scenes world: sampling one, writing it as a sentence, and what it denotes.

Negation negates the doing: "a tall girl is not playing a red guitar in the park" holds of every situation with a tall
girl in the park whose activity is anything but playing a red guitar.
"""

import random
from dataclasses import dataclass

from dawgen.scenes.lexicon import LEXICON, Lexicon, add_article, colour_noun


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption; None and "" stand for what it does not say. `doing` is (phrase, noun, colour)."""

    agent: str
    doing: tuple[str, str, str]
    trait: str | None = None
    negated: bool = False
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Denotation:
    """The set of situations in which a caption is true: the product of one non-empty bit mask per slot."""

    agent: int
    height: int
    mood: int
    doing: int
    place: int

    @property
    def masks(self) -> tuple[int, int, int, int, int]:
        """The masks in slot order."""
        return self.agent, self.height, self.mood, self.doing, self.place


def denote(caption: Caption, lexicon: Lexicon = LEXICON) -> Denotation:
    """Return the situations of the caption."""
    doing = lexicon.doing_masks[caption.doing]
    if caption.negated:
        doing ^= (1 << len(lexicon.activity_leaves)) - 1
    height, mood = (_trait_mask(lexicon.traits[slot], caption.trait) for slot in ("height", "mood"))
    place = lexicon.place_masks[caption.place] if caption.place else (1 << len(lexicon.place_leaves)) - 1
    return Denotation(lexicon.agent_masks[caption.agent], height, mood, doing, place)


def _trait_mask(values: tuple[str, str], trait: str | None) -> int:
    return 1 << values.index(trait) if trait in values else 0b11


def sample_caption(rng: random.Random, lexicon: Lexicon = LEXICON) -> Caption:
    """Draw a caption; leaves are likelier than classes, and one caption in ten is negated."""
    doing = rng.choice(lexicon.plain_doings)
    if (coloured := lexicon.with_colours(doing)) and rng.random() < 0.5:
        doing = rng.choice(coloured)
    agent = rng.choice(lexicon.agent_leaves if rng.random() < 0.7 else tuple(lexicon.agents))
    place = None
    if rng.random() < 0.5:
        place = rng.choice(lexicon.place_leaves if rng.random() < 0.7 else tuple(lexicon.places))
    trait = rng.choice([word for pair in lexicon.traits.values() for word in pair]) if rng.random() < 0.35 else None
    return Caption(agent, doing, trait, rng.random() < 0.1, place)


def write_caption(caption: Caption, rng: random.Random, lexicon: Lexicon = LEXICON) -> str:
    """Write the caption as a sentence: word order and synonyms are drawn, the meaning stays."""
    someone = write_agent(caption, rng, lexicon)
    doing = write_doing(caption.doing, rng, lexicon)
    verb = "is not" if caption.negated else "is"
    place = write_place(caption.place, rng, lexicon) if caption.place else ""
    form = rng.random()
    if form < 0.2 and place:
        return f"{place} {someone} {verb} {doing}"
    if form > 0.85:
        return f"there is {someone} who {verb} {doing} {place}".rstrip()
    return f"{someone} {verb} {doing} {place}".rstrip()


def write_agent(caption: Caption, rng: random.Random, lexicon: Lexicon = LEXICON) -> str:
    """Write the agent with its article and trait: "an unhappy kid"."""
    words = [caption.trait, caption.agent] if caption.trait else [caption.agent]
    return add_article(" ".join(_vary(word, rng, lexicon) for word in words))


def write_doing(doing: tuple[str, str, str], rng: random.Random, lexicon: Lexicon = LEXICON) -> str:
    """Write the doing: "playing a red guitar"."""
    phrase, noun, colour = doing
    return f"{_vary(phrase, rng, lexicon)} {colour_noun(_vary(noun, rng, lexicon), colour)}".rstrip()


def write_place(place: str, rng: random.Random, lexicon: Lexicon = LEXICON) -> str:
    """Write the place: "in the park", "outside"."""
    return _vary(lexicon.place_phrases[place], rng, lexicon)


def _vary(word: str, rng: random.Random, lexicon: Lexicon) -> str:
    synonym = lexicon.synonyms.get(word)
    return synonym if synonym and rng.random() < 0.4 else word
