"""The exact labeller of the scenes tasks: reads any caption or question back and labels any text or pair.

What it cannot read is ungrammatical and has no label.
"""

import re

from dawgen.records import Example
from dawgen.scenes.grammar import Caption, denote
from dawgen.scenes.lexicon import LEXICON, Lexicon
from dawgen.scenes.questions import Asked, Question, answers
from dawgen.scenes.relations import relate

_CAPTION = re.compile(r"(?P<there>there is )?(?P<agent>.+?)(?P<who> who)? is (?P<not>not )?(?P<doing>.+)")
_ASKING: dict[str, Asked] = {"who": "agent", "where": "place", "what": "doing"}


def read_caption(text: str, lexicon: Lexicon = LEXICON) -> Caption | None:
    """Return the caption that the sentence expresses, or None if the grammar cannot produce it."""
    words = " ".join(text.lower().rstrip(" .").split())
    front, words = _take_place(words, lexicon, first=True)
    match = _CAPTION.fullmatch(words)
    if match is None or bool(match["there"]) != bool(match["who"]) or (match["there"] and front):
        return None
    place, doing_words = (front, match["doing"]) if front else _take_place(match["doing"], lexicon, first=False)
    agent, doing = lexicon.agents_read.get(match["agent"]), lexicon.doings_read.get(doing_words)
    if agent is None or doing is None:
        return None
    return Caption(agent[1], doing, agent[0], bool(match["not"]), place)


def read_question(text: str, lexicon: Lexicon = LEXICON) -> Question | None:
    """Return the question that the sentence asks, or None if the grammar cannot produce it."""
    words = " ".join(text.lower().replace("?", " ? ").split())
    if not words.endswith(" ?"):
        return None
    place, words = _take_place(words.removesuffix(" ?"), lexicon, first=False)
    asked = _ASKING.get(words.split(" ")[0])
    trait, agent, doing = None, _anyone(lexicon), lexicon.plain_doings[0]
    rest = words.partition(" is ")[2]
    if asked in ("place", "doing"):
        # An agent takes two words, or three with a trait.
        heads = [(" ".join(rest.split(" ")[:n]), " ".join(rest.split(" ")[n:])) for n in (2, 3)]
        named = [(lexicon.agents_read[head], tail) for head, tail in heads if head in lexicon.agents_read]
        if not named:
            return None
        (trait, agent), rest = named[0]
    if asked in ("agent", "place") and rest in lexicon.doings_read:
        doing = lexicon.doings_read[rest]
    elif asked != "doing" or rest != "doing":
        return None
    if asked is None or (asked == "place" and place):
        return None
    return Question(asked, Caption(agent, doing, trait, False, place))


def label_pair(task: str, example: Example, lexicon: Lexicon = LEXICON) -> str | None:
    """Return the true label of the example under the scenes task, or None where a text cannot be read."""
    if task in ("scenes-topic", "scenes-place"):
        caption = read_caption(example.text1, lexicon)
        about = topic(caption, lexicon) if caption else None
        if task == "scenes-topic" or caption is None or about is None:
            return about
        return f"{about}_{caption.place}" if caption.place else None
    second = read_caption(example.text2 or "", lexicon)
    if task == "scenes-question":
        question = read_question(example.text1, lexicon)
        if question is None or second is None:
            return None
        return "answers" if answers(second, question, lexicon) else "does_not_answer"
    first = read_caption(example.text1, lexicon)
    if first is None or second is None:
        return None
    relation = relate(denote(first, lexicon), denote(second, lexicon))
    if task == "scenes-paraphrase":
        return "equivalent" if relation == "equivalent" else "not_equivalent"
    return "entailment" if relation == "equivalent" else relation


def topic(caption: Caption, lexicon: Lexicon = LEXICON) -> str | None:
    """Return what the caption is about; None where its doing spans several topics or is denied."""
    if caption.negated:
        return None
    topics = {lexicon.activities[index].topic for index in lexicon.doings[caption.doing[:2]]}
    return topics.pop() if len(topics) == 1 else None


def _anyone(lexicon: Lexicon) -> str:
    return max(lexicon.agents, key=lambda agent: lexicon.agent_masks[agent].bit_count())


def _take_place(words: str, lexicon: Lexicon, *, first: bool) -> tuple[str | None, str]:
    for written, place in lexicon.places_read.items():
        if first and words.startswith(f"{written} "):
            return place, words[len(written) + 1 :]
        if not first and words.endswith(f" {written}"):
            return place, words[: -len(written) - 1]
    return None, words
