"""The words of the scenes world and what they denote: taxonomies as leaf sets, synonyms, exclusive values.

A fully specified situation has one leaf value in each slot: agent, height, mood, activity, place.
A word denotes a set of leaves of its slot, kept as a bit mask (bit i set: leaf i is possible).
"""

import re
from dataclasses import dataclass
from functools import cached_property

COLOURS = ("red", "blue", "green")


@dataclass(frozen=True)
class Activity:
    """One kind of thing to do: a verb phrase with an optional object that may have a colour.

    phrase: the words before the object ("playing"); noun: the object with its article ("a guitar"), "" for none.
    """

    phrase: str
    noun: str = ""
    coloured: bool = False
    topic: str = ""


@dataclass(frozen=True)
class Lexicon:
    """Words of one world.

    agents, places: word -> its leaves; a leaf denotes itself. traits: slot -> its two exclusive adjectives.
    activities: the leaves of doing; classes: (phrase, noun) -> indices of the activities that it covers.
    synonyms: word or phrase -> another with the same meaning. prepositions: place -> "in the park".
    """

    agents: dict[str, tuple[str, ...]]
    traits: dict[str, tuple[str, str]]
    activities: tuple[Activity, ...]
    classes: dict[tuple[str, str], tuple[int, ...]]
    places: dict[str, tuple[str, ...]]
    place_phrases: dict[str, str]
    synonyms: dict[str, str]

    @cached_property
    def agent_leaves(self) -> tuple[str, ...]:
        """Agents that cover nothing but themselves."""
        return tuple(word for word, leaves in self.agents.items() if leaves == (word,))

    @cached_property
    def place_leaves(self) -> tuple[str, ...]:
        """Places that cover nothing but themselves."""
        return tuple(word for word, leaves in self.places.items() if leaves == (word,))

    @cached_property
    def activity_leaves(self) -> tuple[tuple[int, str], ...]:
        """(activity index, colour) for every fully specified activity; colour is "" where there is none."""
        return tuple(
            (index, colour)
            for index, activity in enumerate(self.activities)
            for colour in (COLOURS if activity.coloured else ("",))
        )

    @cached_property
    def agent_masks(self) -> dict[str, int]:
        """Agent word -> bit mask over `agent_leaves`."""
        return {word: _mask(self.agent_leaves, leaves) for word, leaves in self.agents.items()}

    @cached_property
    def place_masks(self) -> dict[str, int]:
        """Place word -> bit mask over `place_leaves`."""
        return {word: _mask(self.place_leaves, leaves) for word, leaves in self.places.items()}

    @cached_property
    def doings(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """(phrase, noun) of every activity and class of activities -> the activity indices it covers."""
        leaves = {(a.phrase, a.noun): (index,) for index, a in enumerate(self.activities)}
        return leaves | self.classes

    @cached_property
    def doing_masks(self) -> dict[tuple[str, str, str], int]:
        """(phrase, noun, colour or "") -> bit mask over `activity_leaves`; only colours that some leaf can have."""
        masks = {}
        for (phrase, noun), indices in self.doings.items():
            masks[phrase, noun, ""] = self._doing_mask(indices, None)
            # A noun with an article takes a colour, a class ("an instrument") where everything that it covers has one.
            if re.search(r"\ban? ", noun) and all(self.activities[index].coloured for index in indices):
                masks |= {(phrase, noun, colour): self._doing_mask(indices, colour) for colour in COLOURS}
        return masks

    @cached_property
    def plain_doings(self) -> tuple[tuple[str, str, str], ...]:
        """Every doing without a colour."""
        return tuple(doing for doing in self.doing_masks if not doing[2])

    def with_colours(self, doing: tuple[str, str, str]) -> tuple[tuple[str, str, str], ...]:
        """Return the coloured forms of a doing; empty where its object has no colour."""
        coloured = (doing[0], doing[1], COLOURS[0]) in self.doing_masks
        return tuple((doing[0], doing[1], colour) for colour in COLOURS) if coloured else ()

    def variants(self, word: str) -> tuple[str, ...]:
        """Return the word and its synonym, if it has one."""
        return (word, self.synonyms[word]) if word in self.synonyms else (word,)

    @cached_property
    def agents_read(self) -> dict[str, tuple[str | None, str]]:
        """Every written agent -> (trait, agent): "an unhappy kid" -> ("sad", "child")."""
        traits = [trait for pair in self.traits.values() for trait in pair]
        bare = {add_article(v): (None, agent) for agent in self.agents for v in self.variants(agent)}
        return bare | {
            add_article(f"{w} {v}"): (trait, agent)
            for trait in traits
            for w in self.variants(trait)
            for agent in self.agents
            for v in self.variants(agent)
        }

    @cached_property
    def doings_read(self) -> dict[str, tuple[str, str, str]]:
        """Every written doing -> (phrase, noun, colour)."""
        return {
            f"{phrase} {colour_noun(noun, doing[2])}".rstrip(): doing
            for doing in self.doing_masks
            for phrase in self.variants(doing[0])
            for noun in self.variants(doing[1])
        }

    @cached_property
    def places_read(self) -> dict[str, str]:
        """Every written place -> place: "outside" -> "outdoors"."""
        return {v: place for place, phrase in self.place_phrases.items() for v in self.variants(phrase)}

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that captions of this world use."""
        texts = (*self.agents_read, *self.doings_read, *self.places_read, "there is who is not where what doing")
        return frozenset(word for text in texts for word in text.split())

    def _doing_mask(self, indices: tuple[int, ...], colour: str | None) -> int:
        return sum(
            1 << bit
            for bit, (index, leaf_colour) in enumerate(self.activity_leaves)
            if index in indices and colour in (None, leaf_colour)
        )


def colour_noun(noun: str, colour: str) -> str:
    """Put the colour behind the article: ("an apple", "red") -> "a red apple"."""
    return re.sub(r"\ban? ", f"a {colour} ", noun, count=1) if colour else noun


def add_article(words: str) -> str:
    """Return the words with "a" or "an" in front."""
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _mask(leaves: tuple[str, ...], chosen: tuple[str, ...]) -> int:
    return sum(1 << bit for bit, leaf in enumerate(leaves) if leaf in chosen)


_ACTIVITIES = (
    Activity("playing", "a guitar", True, "music"),
    Activity("playing", "a drum", True, "music"),
    Activity("playing", "a violin", True, "music"),
    Activity("singing", topic="music"),
    Activity("playing", "football", topic="sport"),
    Activity("playing", "tennis", topic="sport"),
    Activity("running", topic="sport"),
    Activity("swimming", topic="sport"),
    Activity("eating", "an apple", True, "food"),
    Activity("eating", "a pear", True, "food"),
    Activity("eating", "a cake", True, "food"),
    Activity("drinking", "milk", topic="food"),
    Activity("drinking", "tea", topic="food"),
    Activity("reading", "a book", True, "reading"),
    Activity("reading", "a letter", True, "reading"),
    Activity("sleeping", topic="rest"),
    Activity("sitting", "on a chair", True, "rest"),
)


def _covering(*nouns_or_phrases: str) -> tuple[int, ...]:
    return tuple(i for i, a in enumerate(_ACTIVITIES) if a.noun in nouns_or_phrases or a.phrase in nouns_or_phrases)


LEXICON = Lexicon(
    agents={
        "man": ("man",),
        "woman": ("woman",),
        "boy": ("boy",),
        "girl": ("girl",),
        "adult": ("man", "woman"),
        "child": ("boy", "girl"),
        "person": ("man", "woman", "boy", "girl"),
    },
    traits={"height": ("tall", "short"), "mood": ("happy", "sad")},
    activities=_ACTIVITIES,
    classes={
        ("playing", "an instrument"): _covering("a guitar", "a drum", "a violin"),
        ("making", "music"): _covering("a guitar", "a drum", "a violin", "singing"),
        ("playing", "a sport"): _covering("football", "tennis"),
        ("eating", "a fruit"): _covering("an apple", "a pear"),
        ("eating", "something"): _covering("eating"),
        ("drinking", "something"): _covering("drinking"),
        ("reading", "something"): _covering("reading"),
    },
    places={
        "park": ("park",),
        "garden": ("garden",),
        "beach": ("beach",),
        "kitchen": ("kitchen",),
        "school": ("school",),
        "library": ("library",),
        "outdoors": ("park", "garden", "beach"),
        "indoors": ("kitchen", "school", "library"),
    },
    place_phrases={
        "park": "in the park",
        "garden": "in the garden",
        "beach": "on the beach",
        "kitchen": "in the kitchen",
        "school": "at the school",
        "library": "in the library",
        "outdoors": "outdoors",
        "indoors": "indoors",
    },
    synonyms={
        "child": "kid",
        "woman": "lady",
        "happy": "cheerful",
        "sad": "unhappy",
        "running": "jogging",
        "sleeping": "napping",
        "outdoors": "outside",
        "indoors": "inside",
        "football": "soccer",
    },
)
"""The world that the minis know; its four tasks are measured on it."""
