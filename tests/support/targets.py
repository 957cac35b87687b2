"""Small backbones and pairs that the tests of prompts and targets share."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dawgen.classifier.scorer import Scorer
from dawgen.models.load import Backbone, fingerprint
from dawgen.prompt.label_words import LabelWords
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.tasks.task import GeneratorPrompts, Task
from support.tiny import Kind, tiny_model, tiny_tokenizer

TARGETS: tuple[Kind, ...] = ("t5", "ctrl", "gpt2", "llama", "qwen3")
LABELS = ("same", "different")


@lru_cache(maxsize=16)
def make_backbone(kind: Kind = "t5", seed: int = 0) -> Backbone:
    """Return a tiny frozen backbone in memory."""
    return wrap(tiny_model(kind, seed), "seq2seq" if kind == "t5" else "causal")


CHAT = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}<u>{{ m.content | trim }}</u>{% else %}<a>{{ m.content }}</a>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)


@lru_cache(maxsize=16)
def make_chat_backbone(kind: Kind = "llama", seed: int = 0) -> Backbone:
    """Return a tiny frozen backbone whose tokenizer has a chat template."""
    backbone = wrap(tiny_model(kind, seed), "seq2seq" if kind == "t5" else "causal")
    backbone.tokenizer.chat_template = CHAT
    return backbone


def wrap(model: Any, kind: Any = "seq2seq") -> Backbone:
    """Return a model with the tiny tokenizer as a backbone."""
    tokenizer = tiny_tokenizer()
    return Backbone(model, tokenizer, kind, "tiny", None, fingerprint(model, tokenizer))


def make_scorer(
    backbone: Backbone, ids: Sequence[int | Sequence[int]] = (82, 12, 40), *, sentinel: bool = False
) -> Scorer:
    """Return a scorer with these label words, of one token or several, for rows that are token ids already."""
    return Scorer(backbone, make_task().template, LabelWords.of(tuple(map(str, ids)), ids), 90, sentinel)


def make_task(**changes: Any) -> Task:
    """Return a task on pairs with two labels."""
    values: dict[str, Any] = {
        "name": "pairs",
        "labels": LABELS,
        "label_words": {"same": "yes", "different": "no"},
        "template": "{text1} and {text2} answer {mask}",
        "generator": GeneratorPrompts(prompts={label: label for label in LABELS}),
    }
    return Task(**(values | changes))


def make_pairs(count: int, seed: int = 0) -> list[Example]:
    """Return pairs of short sentences of different length, labels in turn."""
    rng = python_rng(seed, "test pairs")
    animals, deeds = ["man", "woman", "dog", "cat", "bird"], ["sleeping", "eating", "running", "reading"]
    pairs = []
    for row in range(count):
        deed = rng.choice(deeds)
        other = deed if row % 2 == 0 else rng.choice([d for d in deeds if d != deed])
        place = " in the park" * rng.randrange(3)
        first = f"a {rng.choice(animals)} is {deed}{place}"
        pairs.append(Example(first, f"somebody is {other}", LABELS[row % 2]))
    return pairs
