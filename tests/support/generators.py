"""A tiny task with its examples and a generator on a tiny model, shared by the tests of the generator."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from dawgen.config import DecodeConfig
from dawgen.curation.curator import Verdict
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, fingerprint
from dawgen.records import Candidate, Example
from dawgen.tasks.task import GeneratorPrompts, Task
from support.tiny import Kind, tiny_model, tiny_tokenizer

PAIRS = Task(
    name="tiny-pairs",
    labels=("yes", "no", "maybe"),
    template="{text1} {text2} answer: {mask}",
    generator=GeneratorPrompts(
        control_code="Wikipedia",
        prompts={"yes": "sentence 1 implies sentence 2 . sentence 1 :", "no": "no . sentence 1 :", "maybe": "is :"},
        infix="sentence 2 :",
    ),
)
TOPICS = Task(
    name="tiny-topics",
    labels=("sport", "food"),
    pair=False,
    template="{text1} answer: {mask}",
    generator=GeneratorPrompts(prompts={"sport": "topic : sport . text :", "food": "a food text :"}),
)
PLACES = ("park", "kitchen")
DOINGS = ("running", "sleeping", "eating", "singing")
MANY = Task(  # more labels than `generator.rivals` + 1
    name="tiny-many",
    labels=tuple(f"{doing} {place}" for doing in DOINGS for place in PLACES),
    pair=False,
    template="{text1} answer: {mask}",
    generator=GeneratorPrompts(
        prompts={f"{doing} {place}": f"{doing} in the {place} . text :" for doing in DOINGS for place in PLACES}
    ),
)
MANY_ROWS = [
    Example(f"{who} is {doing} in the {place}", None, f"{doing} {place}")
    for doing in DOINGS
    for place in PLACES
    for who in ("a man", "the girl")
]
PAIR_ROWS = [
    Example("a man is sleeping", "a person is asleep", "yes"),
    Example("two girls are eating bread in the kitchen", "people are eating", "yes"),
    Example("a dog is running", "no dog is running", "no"),
    Example("the boy is singing a song", "nobody is singing in the park", "no"),
    Example("a cat sees a bird", "the cat is not big", "maybe"),
    Example("a tall woman is cooking", "a happy woman is cooking a meal outside", "maybe"),
]
TOPIC_ROWS = [
    Example("the team wins the match", None, "sport"),
    Example("she plays with a ball", None, "sport"),
    Example("he cooks a good meal", None, "food"),
    Example("they are eating red apple", None, "food"),
]
TEXTS = [
    f"{a} {noun} is {verb}" for a in ("a", "the") for noun in ("man", "cat", "girl") for verb in ("running", "big")
]


@cache
def backbone(kind: Kind = "gpt2") -> Backbone:
    model, tokenizer = tiny_model(kind), tiny_tokenizer()
    return Backbone(model, tokenizer, "causal", f"tiny-{kind}", None, fingerprint(model, tokenizer))


def make_generator(family: Kind = "gpt2", task: Task = PAIRS, **options: Any) -> Generator:
    return Generator(backbone(family), task, **({"steps": 3, "device": "cpu"} | options))


@cache
def tuned(family: Kind = "gpt2", *, decode: DecodeConfig | None = None, task_name: str = "pairs") -> Generator:
    """Tuned hard enough that texts end by themselves."""
    task, rows = (PAIRS, PAIR_ROWS) if task_name == "pairs" else (TOPICS, TOPIC_ROWS)
    return make_generator(family, task, kind="plain", steps=40, lr=0.05, decode=decode).fit(rows)


@cache
def tuned_many(*, rivals: int = 2) -> Generator:
    """Eight labels, each held against two."""
    decode = DecodeConfig(max_new_tokens=24, shard_texts=8)
    return make_generator("gpt2", MANY, kind="plain", steps=30, lr=0.05, rivals=rivals, decode=decode).fit(MANY_ROWS)


@cache
def untuned(family: Kind = "gpt2", task_name: str = "pairs", decode: DecodeConfig | None = None) -> Generator:
    task, rows = (PAIRS, PAIR_ROWS) if task_name == "pairs" else (TOPICS, TOPIC_ROWS)
    return make_generator(family, task, kind="untuned", decode=decode).fit(rows)


class EverySecond:
    """Keeps every second candidate, whatever it says."""

    def __init__(self) -> None:
        self.asked = 0

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        self.asked += len(candidates)
        return [Verdict(True) if self.asked % 2 else Verdict(False, "echo")]
