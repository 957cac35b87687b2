"""The text that the minis read in pre-training: scenes with connectives, questions, instructions, and English.

A connective mostly goes with the relation of its two captions, as in real prose; no text names a relation or a label,
and no reserved pair is among them.
"""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dawgen.errors import DataError
from dawgen.records import Example
from dawgen.scenes.examples import LABELS, draw_example, draw_first_text, is_reserved
from dawgen.scenes.grammar import Caption, sample_caption, write_agent, write_caption, write_doing, write_place
from dawgen.scenes.relations import Relation, alter_caption, sample_pair

CONNECTIVES: dict[str, tuple[str, ...]] = {
    "equivalent": ("in other words", "that is to say"),
    "entailment": ("so at least", "which means"),
    "neutral": ("meanwhile", "perhaps"),
    "contradiction": ("but in fact", "on the contrary"),
}
REPLIES: dict[str, tuple[str, ...]] = {"answers": ("well", "right"), "does_not_answer": ("by the way", "anyway")}
CODES = {"scenes": "scenes", "english": "wikipedia", "questions": "links"}
INSTRUCTIONS = ("who", "where", "what", "same person", "same doing", "connective")
_RELATIONS: tuple[Relation, ...] = ("equivalent", "entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class Mixture:
    """The mixture of the texts; all shares are in [0, 1].

    agreement: of the connectives, those that go with the relation of the two sides. connected: of the scenes with two
    captions, those with a connective between them. english: of the batches, those of English. english_pairs: of the
    English texts, those with a connective and a second side made from plain text. instructions: of mini-flan's scenes.
    """

    agreement: float = 0.75
    connected: float = 0.8
    english: float = 0.15
    english_pairs: float = 0.0
    instructions: float = 0.5


@dataclass(frozen=True, slots=True)
class Text:
    """One text: the parts before and after the connective ("" if there is none), under a control code."""

    code: str
    first: str
    connective: str = ""
    second: str = ""

    @property
    def plain(self) -> str:
        """The text as it is read."""
        if not self.second:
            return self.first
        # A question keeps its own mark.
        first = self.first if self.first.endswith("?") else f"{self.first.removesuffix('.')}."
        return " ".join(part for part in (first, f"{self.connective}," if self.connective else "", self.second) if part)


def draw_scene(rng: random.Random, mixture: Mixture) -> Text:
    """Draw one text of the scenes world: two captions, or a question and a caption."""
    if rng.random() < 0.15:
        label = rng.choice(LABELS["scenes-question"])
        example = _draw_unreserved_question(label, rng)
        return Text(CODES["scenes"], example.text1, _draw_connective(REPLIES, label, rng, mixture), example.text2 or "")
    relation, first, second = _draw_unreserved_pair(rng)
    connective = _draw_connective(CONNECTIVES, relation, rng, mixture) if rng.random() < mixture.connected else ""
    return Text(CODES["scenes"], first, connective, second)


def draw_english(english: Sequence[Text], rng: random.Random, mixture: Mixture) -> Text:
    """Draw an English text, or pair one by plain text alone: with most of its own words, a part of it, or another text.

    No label is needed for such pairs; the connective says how much of the first side the second repeats.
    """
    text = rng.choice(english)
    if rng.random() >= mixture.english_pairs:
        return text
    words = text.first.split()
    relation = rng.choice(("equivalent", "entailment", "neutral"))
    if relation == "neutral":
        second = rng.choice(english).first
    elif relation == "entailment":
        size = max(1, len(words) * rng.randint(30, 70) // 100)
        start = rng.randrange(len(words) - size + 1)
        second = " ".join(words[start : start + size])
    else:
        kept = [word for word in words if rng.random() > 0.15]
        place = rng.randrange(1, len(kept)) if len(kept) > 1 else 0
        second = " ".join([*kept[place:], *kept[:place]] if rng.random() < 0.3 else kept) or text.first
    return Text(text.code, text.first, _draw_connective(CONNECTIVES, relation, rng, mixture), second)


def draw_instruction(rng: random.Random, mixture: Mixture) -> tuple[str, str]:
    """Draw an instruction with its answer; none of the answers is a function of a measured relation."""
    kind = rng.choice(INSTRUCTIONS)
    if kind == "connective":
        relation, first, second = _draw_unreserved_pair(rng)
        return f"connective: {first}; {second}", _draw_connective(CONNECTIVES, relation, rng, mixture)
    caption = sample_caption(rng)
    text = write_caption(caption, rng)
    if kind.startswith("same"):
        other = alter_caption(caption, ("swap", "widen", "keep"), rng)
        same = caption.agent == other.agent if kind == "same person" else caption.doing == other.doing
        return f"{kind}: {text}; {write_caption(other, rng)}", "same" if same else "other"
    return f"{kind}: {text}", _answer(kind, caption, rng)


def _answer(kind: str, caption: Caption, rng: random.Random) -> str:
    if kind == "who":
        return write_agent(caption, rng)
    if kind == "where":
        return write_place(caption.place, rng) if caption.place else "nowhere"
    return ("not " if caption.negated else "") + write_doing(caption.doing, rng)


def _draw_unreserved_pair(rng: random.Random) -> tuple[Relation, str, str]:
    while True:
        relation = rng.choice(_RELATIONS)
        first, second = (write_caption(caption, rng) for caption in sample_pair(relation, rng))
        if not is_reserved(Example(first, second)):
            return relation, first, second


def _draw_unreserved_question(label: str, rng: random.Random) -> Example:
    while True:
        example = draw_example("scenes-question", label, rng)
        if not is_reserved(example):
            return example


def _draw_connective(connectives: dict[str, tuple[str, ...]], kind: str, rng: random.Random, mixture: Mixture) -> str:
    if rng.random() > mixture.agreement:
        kind = rng.choice([other for other in connectives if other != kind])
    return rng.choice(connectives[kind])


def scenes_words() -> str:
    """Return every word of the scenes corpus, for a tokenizer that keeps them whole."""
    rng = random.Random(0)
    words = {
        word
        for kinds in (*CONNECTIVES.values(), *REPLIES.values(), INSTRUCTIONS)
        for kind in kinds
        for word in kind.split()
    }
    words |= {"same", "other", "nowhere", *CODES.values()}
    for _ in range(5000):
        words |= set(
            f"{write_caption(sample_caption(rng), rng)} {draw_first_text('scenes-question', rng)}".replace(
                "?", ""
            ).split()
        )
    return " ".join(sorted(words))


def read_english(paths: Sequence[Path], sources: Sequence[str]) -> list[Text]:
    """Read unlabelled English from JSONL (or .gz): `text` rows of the named sources, or `text1`/`text2` rows.

    A `label` field is never looked at. Raises DataError for a file without a usable row.
    """
    texts: list[Text] = []
    for path in paths:
        before = len(texts)
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if "text1" in row:
                    texts.append(Text(CODES["english"], row["text1"], "", row["text2"]))
                elif row.get("source") in sources:
                    code = CODES["questions"] if row["text"].endswith("?") else CODES["english"]
                    texts.append(Text(code, row["text"]))
        if len(texts) == before:
            raise DataError(
                f"{path}: expected rows with text1 and text2, or with a source among {', '.join(sources)}; found none."
            )
    return texts
