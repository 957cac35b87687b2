"""How two captions relate, and how to draw a pair with a given relation.

With A and B the sets of situations: contradiction iff they are disjoint, entailment iff A is inside B (equivalent iff
A = B, a case of entailment), neutral otherwise.
"""

import random
from dataclasses import replace
from typing import Any, Literal

from dawgen.scenes.grammar import Caption, Denotation, denote, sample_caption
from dawgen.scenes.lexicon import LEXICON, Lexicon

Relation = Literal["equivalent", "entailment", "neutral", "contradiction"]
Step = Literal["widen", "narrow", "swap", "negate", "keep"]

# Which steps lead from a caption to one in the relation; the relation itself is always computed, never assumed.
STEPS: dict[Relation, tuple[Step, ...]] = {
    "equivalent": ("keep",),
    "entailment": ("widen", "widen", "widen", "widen", "negate", "keep"),
    "neutral": ("narrow", "narrow", "widen", "swap", "negate", "keep"),
    "contradiction": ("swap", "swap", "widen", "narrow", "negate", "keep"),
}


def relate(first: Denotation, second: Denotation) -> Relation:
    """Return the relation of the first caption's situations to the second's."""
    pairs = list(zip(first.masks, second.masks, strict=True))
    if any(a & b == 0 for a, b in pairs):
        return "contradiction"
    if all(a == b for a, b in pairs):
        return "equivalent"
    return "entailment" if all(a & ~b == 0 for a, b in pairs) else "neutral"


def sample_pair(relation: Relation, rng: random.Random, lexicon: Lexicon = LEXICON) -> tuple[Caption, Caption]:
    """Draw two captions in the relation; one neutral pair in five consists of two unrelated captions."""
    while True:
        first = sample_caption(rng, lexicon)
        for _ in range(20):
            second = sample_caption(rng, lexicon)
            if relation != "neutral" or rng.random() > 0.2:
                second = alter_caption(first, STEPS[relation], rng, lexicon)
            if relate(denote(first, lexicon), denote(second, lexicon)) == relation:
                return first, second


def alter_caption(caption: Caption, steps: tuple[Step, ...], rng: random.Random, lexicon: Lexicon = LEXICON) -> Caption:
    """Take one to three random steps away from the caption."""
    for _ in range(rng.choice((1, 2, 2, 3))):
        caption = _take_step(caption, rng.choice(steps), rng, lexicon)
    return caption


def _take_step(caption: Caption, step: Step, rng: random.Random, lexicon: Lexicon) -> Caption:
    if step == "keep":
        return caption
    if step == "negate":
        # "is not singing" of someone who sleeps: negation comes with another doing as often as with the same.
        doing = _take_slot_step(caption, "doing", "swap", rng, lexicon).doing if rng.random() < 0.5 else caption.doing
        return replace(caption, negated=not caption.negated, doing=doing)
    return _take_slot_step(caption, rng.choice(("agent", "trait", "doing", "place")), step, rng, lexicon)


def _take_slot_step(caption: Caption, slot: str, step: Step, rng: random.Random, lexicon: Lexicon) -> Caption:
    values = _values(slot, lexicon)
    options = [other for other, mask in values.items() if _leads(step, values[getattr(caption, slot)], mask)]
    return replace(caption, **{slot: rng.choice(options)}) if options else caption


def _values(slot: str, lexicon: Lexicon) -> dict[Any, int]:
    """Return every value that the slot of a caption can take, with its mask; None leaves the slot open."""
    if slot == "agent":
        return dict(lexicon.agent_masks)
    if slot == "doing":
        return dict(lexicon.doing_masks)
    if slot == "place":
        return {None: (1 << len(lexicon.place_leaves)) - 1} | lexicon.place_masks
    traits = [trait for pair in lexicon.traits.values() for trait in pair]
    return {None: 0b1111} | {trait: 1 << bit for bit, trait in enumerate(traits)}


def _leads(step: Step, old: int, new: int) -> bool:
    if step == "widen":
        return new != old and old & ~new == 0
    if step == "narrow":
        return new != old and new & ~old == 0
    return new & old == 0
