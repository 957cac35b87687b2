"""The oracle against brute force: every situation of a small lexicon is listed and asked one by one."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import pytest

from dawgen.data import leak_key
from dawgen.records import Example
from dawgen.scenes.examples import LABELS, draw_data, draw_examples, is_reserved
from dawgen.scenes.grammar import Caption, denote, sample_caption, write_caption
from dawgen.scenes.lexicon import COLOURS, LEXICON, Activity, Lexicon
from dawgen.scenes.oracle import label_pair, read_caption, read_question
from dawgen.scenes.questions import Question, answers, write_question
from dawgen.scenes.relations import relate, sample_pair

SMALL = Lexicon(
    agents={"man": ("man",), "girl": ("girl",), "person": ("man", "girl")},
    traits={"height": ("tall", "short"), "mood": ("happy", "sad")},
    activities=(Activity("playing", "a drum", True, "music"), Activity("singing", topic="music"), Activity("sleeping")),
    classes={("making", "music"): (0, 1)},
    places={"park": ("park",), "school": ("school",), "outdoors": ("park",)},
    place_phrases={"park": "in the park", "school": "at the school", "outdoors": "outdoors"},
    synonyms={"outdoors": "outside", "sad": "unhappy"},
)


def list_situations() -> list[tuple[str, str, str, tuple[int, str], str]]:
    doings = [(0, colour) for colour in COLOURS] + [(1, ""), (2, "")]
    return list(itertools.product(("man", "girl"), ("tall", "short"), ("happy", "sad"), doings, ("park", "school")))


def is_true(caption: Caption, situation: tuple[str, str, str, tuple[int, str], str]) -> bool:
    """Read a caption word by word, without masks."""
    agent, height, mood, (activity, colour), place = situation
    phrase, noun, said_colour = caption.doing
    covered = {("playing", "a drum"): {0}, ("singing", ""): {1}, ("sleeping", ""): {2}, ("making", "music"): {0, 1}}
    does = activity in covered[phrase, noun] and said_colour in ("", colour)
    return (
        caption.agent in (agent, "person")
        and caption.trait in (None, height, mood)
        and does != caption.negated
        and (caption.place is None or caption.place == place or (caption.place == "outdoors" and place == "park"))
    )


def list_captions() -> list[Caption]:
    traits = (None, "tall", "short", "happy", "sad")
    places = (None, "park", "school", "outdoors")
    shapes = itertools.product(SMALL.agents, SMALL.doing_masks, traits, (False, True), places)
    return [Caption(*shape) for shape in shapes]


def test_relations_agree_with_listing_all_situations() -> None:
    situations = list_situations()
    captions = list_captions()
    truths = {caption: frozenset(s for s in situations if is_true(caption, s)) for caption in captions}
    rng = random.Random(0)
    seen = set()
    for _ in range(20_000):
        first, second = rng.choice(captions), rng.choice(captions)
        if rng.random() < 0.5:  # close pairs, where inclusion happens
            second = replace(first, trait=second.trait, place=second.place)
        a, b = truths[first], truths[second]
        expected = "contradiction" if not a & b else "equivalent" if a == b else "entailment" if a <= b else "neutral"
        assert relate(denote(first, SMALL), denote(second, SMALL)) == expected, (first, second)
        seen.add(expected)
    assert seen == {"contradiction", "equivalent", "entailment", "neutral"}


def test_denotations_are_never_empty_or_everything_by_accident() -> None:
    situations = list_situations()
    for caption in list_captions():
        masks = denote(caption, SMALL).masks
        size = 1
        for mask in masks:
            size *= mask.bit_count()
        assert size == sum(is_true(caption, s) for s in situations) > 0


@pytest.mark.parametrize("lexicon", [LEXICON, SMALL], ids=["full", "small"])
def test_written_captions_are_read_back(lexicon: Lexicon) -> None:
    rng = random.Random(1)
    for _ in range(3000):
        caption = sample_caption(rng, lexicon)
        text = write_caption(caption, rng, lexicon)
        assert read_caption(text, lexicon) == caption, text
        assert read_caption(text.capitalize() + ".", lexicon) == caption


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a girl",
        "a girl is",
        "a girl plays a guitar",
        "an girl is running",
        "a apple is eating a girl",
        "a girl is playing a red football",
        "a girl is playing an red guitar",
        "there is a girl is running",
        "a girl who is running",
        "in the park a girl is running in the park",
        "in the park there is a girl who is running",
        "a tall short girl is running",
        "a girl is not not running",
        "a girl is running a girl is running",
    ],
)
def test_what_the_grammar_does_not_make_is_ungrammatical(text: str) -> None:
    assert read_caption(text) is None
    assert label_pair("scenes-nli", Example("a girl is running", text)) is None


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        ("a tall girl is playing a red guitar in the park", "a child is playing an instrument outdoors", "entailment"),
        ("a child is playing an instrument outdoors", "a tall girl is playing a red guitar in the park", "neutral"),
        ("a girl is sleeping", "a girl is not singing", "entailment"),
        ("a girl is not singing", "a girl is sleeping", "neutral"),
        ("a girl is not making music", "a girl is not singing", "entailment"),
        ("a girl is singing in the park", "a lady is singing in the park", "contradiction"),
        ("a kid is jogging outside", "outdoors a child is running", "entailment"),
        ("a man is eating a red apple", "a man is eating a green apple", "contradiction"),
        ("a sad man is eating", "a man is eating", None),
    ],
)
def test_known_pairs(first: str, second: str, label: str | None) -> None:
    assert label_pair("scenes-nli", Example(first, second)) == label


def test_questions_are_read_back_and_answered() -> None:
    rng = random.Random(2)
    for _ in range(500):
        caption = replace(sample_caption(rng), negated=False)
        for question in (
            Question("agent", replace(caption, agent="person", trait=None)),
            Question("place", replace(caption, place=None)),
            Question("doing", replace(caption, doing=LEXICON.plain_doings[0])),
        ):
            assert read_question(write_question(question, rng)) == question
    for text in (
        "who is?",
        "where is a girl?",
        "who is singing",
        "what is a girl doing singing?",
        "when is a girl singing?",
    ):
        assert read_question(text) is None


@pytest.mark.parametrize(
    ("question", "sentence", "answered"),
    [
        ("who is singing in the park?", "a girl is singing in the park", True),
        ("who is singing in the park?", "a person is singing in the park", False),
        ("who is singing in the park?", "a girl is singing", False),
        ("where is a girl making music?", "a tall girl is singing on the beach", True),
        ("where is a girl singing?", "a girl is singing", False),
        ("what is a girl doing?", "a girl is not singing", False),
        ("what is a kid doing outdoors?", "a girl is singing in the park", True),
        ("what is a girl doing?", "a boy is singing", False),
    ],
)
def test_known_answers(question: str, sentence: str, answered: bool) -> None:
    asked, said = read_question(question), read_caption(sentence)
    assert asked is not None
    assert said is not None
    assert answers(said, asked) == answered


def test_answers_agree_with_listing_all_situations() -> None:
    situations = list_situations()
    captions = list_captions()
    slots = {"agent": (0, 1, 2), "doing": (3,), "place": (4,)}  # asking for the agent leaves its traits open
    rng = random.Random(5)
    seen = set()
    for _ in range(5000):
        said, about = rng.choice(captions), replace(rng.choice(captions), negated=False)
        if rng.random() < 0.7:  # sentences near the question, which may answer it
            said = replace(said, agent=about.agent, trait=about.trait, doing=about.doing, negated=False)
        for asked, told_slot in (("agent", 0), ("doing", 3), ("place", 4)):
            open_slot = {"agent": {"agent": "person", "trait": None}, "place": {"place": None}, "doing": {}}[asked]
            question = Question(asked, replace(about, **open_slot))
            told = [s for s in situations if is_true(said, s)]
            granted = [s for s in situations if is_true(question.caption, s)]
            known = [slot for slot in range(5) if slot not in slots[asked]]
            inside = {tuple(s[k] for k in known) for s in told} <= {tuple(s[k] for k in known) for s in granted}
            informative = len({s[told_slot] for s in told}) < len({s[told_slot] for s in situations})
            expected = inside and informative and not (asked == "doing" and said.negated)
            assert answers(said, question, SMALL) == expected, (said, question)
            seen.add((asked, expected))
    assert len(seen) == 6


@pytest.mark.parametrize("task", LABELS)
def test_drawn_examples_are_balanced_reserved_and_rightly_labelled(task: str) -> None:
    rows = draw_examples(task, 20, random.Random(3), set())
    assert {label: sum(row.label == label for row in rows) for label in LABELS[task]} == dict.fromkeys(LABELS[task], 20)
    assert all(label_pair(task, row) == row.label and is_reserved(row) for row in rows)


def test_forty_labels_name_topic_and_place_and_a_caption_without_a_place_has_none() -> None:
    assert len(LABELS["scenes-place"]) == 40
    said = {
        "a man is sleeping inside": "rest_indoors",
        "in the park a man is sleeping": "rest_park",
        "a man is sleeping": None,
    }
    for text, label in said.items():
        assert label_pair("scenes-place", Example(text)) == label, text


def test_splits_are_disjoint_and_the_test_set_is_the_same_for_every_seed() -> None:
    one, two = (draw_data("scenes-nli", seed, test=60, gold_per_label=20, first_texts=30) for seed in (1, 2))
    assert one.test == two.test
    assert one.train != two.train
    rows = [*one.train, *one.dev, *one.test, *one.gold]
    assert len({(row.text1, row.text2) for row in rows}) == len(rows) == 48 + 48 + 60 + 60
    assert draw_data("scenes-nli", 1, test=60, gold_per_label=20, first_texts=30) == one


@pytest.mark.parametrize(
    "seed", [13, 21, 100]
)  # where as drawn at first a row of each split is turned round in another
def test_no_pair_is_in_two_splits_turned_round(seed: int) -> None:
    data = draw_data("scenes-paraphrase", seed, gold_per_label=100)
    splits = [{leak_key(row) for row in rows} for rows in (data.test, data.train, data.dev, data.gold)]
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(splits, 2))
    assert [Counter(row.label for row in rows) for rows in (data.train, data.dev)] == [
        dict.fromkeys(LABELS["scenes-paraphrase"], 16)
    ] * 2


def test_pairs_stand_in_the_wanted_relation() -> None:
    rng = random.Random(4)
    for relation in ("equivalent", "entailment", "neutral", "contradiction"):
        for _ in range(50):
            first, second = sample_pair(relation, rng)
            assert relate(denote(first), denote(second)) == relation
