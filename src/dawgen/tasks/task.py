"""A task: labels, label words, the target's template, the generator's prompts, and the data's place. Data only."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, model_validator

from dawgen.errors import ConfigError, DataError, suggest
from dawgen.records import Example
from dawgen.section import Settings
from dawgen.yaml_text import load_yaml

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SUFFIXES = (".yaml", ".yml")
_LISTED = 10  # labels that a neutral question names; of more, or of longer names, the list would be the whole prompt
_LONGEST_LIST = 200  # characters of them together
_LONGEST_QUESTION = 1000  # characters


class GeneratorPrompts(Settings):
    """The initial words of the generator's prefix and infix: control code, prompts by label, words between the texts.

    For a pair the generator sees `<control code> <prompt> <text1> <infix> <text2>`, for one text the first three.
    """

    control_code: str = ""
    prompts: dict[str, str]
    infix: str = ""


class Hub(Settings):
    """The place of the data on the Hugging Face Hub, in Parquet, and the names of their columns and labels there."""

    repo: str
    config: str | None = None
    revision: str | None = None
    splits: dict[Literal["train", "validation", "test"], str]
    columns: dict[Literal["text1", "text2", "label"], str]
    labels: dict[str, str]  # value of the label column, numbers as text -> label
    skip: tuple[str, ...] = ()  # its values in rows that have no gold label


class Task(Settings):
    """One classification task on texts or pairs of texts.

    Args:
        name: how tables and folders call it.
        labels: two or more different names, in the order that every [N,K] of scores has.
        label_words: a word or a short name per label; None takes the labels' own names.
        pair: whether an example is two texts.
        question: a question or instruction that can stand before the texts, and from which a prompt can start; it names
            the label words, as far as they are few. None for a neutral one, see `ask`.
        template: the target's input, with {text1}, for pairs {text2}, and optionally {mask}, the place of the answer.
        generator: how the generator is asked for texts of a label.
        first_texts: in plain words, what kind of text text1 is.
        hub: where the task's data lie on the Hugging Face Hub.

    Raises:
        ValidationError: labels, words, prompts and template do not fit each other; `load` and `from_examples` raise
            ConfigError and DataError instead.

    >>> import dawgen
    >>> task = dawgen.Task.load("scenes-nli")
    >>> task.labels, task.pair
    (('entailment', 'neutral', 'contradiction'), True)
    >>> dawgen.Task.from_examples([dawgen.Example("great", label="good"), dawgen.Example("dull", label="bad")]).labels
    ('bad', 'good')
    """

    name: str
    labels: tuple[str, ...]
    label_words: dict[str, str] | None = None
    pair: bool = True
    question: str | None = None
    template: str
    generator: GeneratorPrompts
    first_texts: str = ""
    hub: Hub | None = None

    @model_validator(mode="after")
    def validate_labels(self) -> Task:
        """Labels are two or more, all different, and every mapping has exactly these as keys."""
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels) or "" in self.labels:
            raise ValueError(f"labels: expected two or more different names, found {list(self.labels)}")
        if _CONTROL.search("".join((self.name, *self.labels))):  # they are printed, on terminals too
            raise ValueError(f"name, labels: expected no control characters, found {[self.name, *self.labels]}")
        _check_keys("generator.prompts", self.generator.prompts, self.labels)
        if self.label_words is not None:
            _check_keys("label_words", self.label_words, self.labels)
            if len(set(self.label_words.values())) < len(self.labels) or "" in self.label_words.values():
                raise ValueError(f"label_words: expected a different word per label, found {self.label_words}")
        for raw, label in (self.hub.labels if self.hub else {}).items():
            if label not in self.labels:
                raise ValueError(f"hub.labels.{raw}: unknown label {label!r}; {suggest(label, self.labels)}")
        return self

    @model_validator(mode="after")
    def validate_question(self) -> Task:
        """A question is one line of words."""
        if self.question is not None and (
            not self.question.strip() or len(self.question) > _LONGEST_QUESTION or _CONTROL.search(self.question)
        ):
            raise ValueError(
                f"question: expected one line of at most {_LONGEST_QUESTION} characters, found {self.question[:80]!r}"
            )
        return self

    @model_validator(mode="after")
    def validate_template(self) -> Task:
        """The template holds each text once, and {mask} at most once."""
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(self.template) if field is not None]
        except ValueError as error:
            raise ValueError(f"template: {error} in {self.template!r}") from error
        texts = ["text1", "text2"] if self.pair else ["text1"]
        if sorted(field for field in fields if field != "mask") != texts or fields.count("mask") > 1:
            wanted = " and ".join(f"{{{text}}}" for text in texts)
            used = sorted({field for field in fields if field != "mask"})
            advice = {
                (True, ("text1",)): ". A task of single texts needs a line `pair: false`",
                (False, ("text1", "text2")): ". A task of pairs has no line `pair: false`",
            }.get((self.pair, tuple(used)), "")
            raise ValueError(
                f"template: expected {wanted} once each and {{mask}} at most once, found {self.template!r}{advice}"
            )
        return self

    def ask(self) -> str:
        """Return the task's question, or a neutral one: "Which of these is it: food or sport?".

        It names the label words where they are given, else the labels; of more than ten, or of names that are longer
        than 200 characters together, none.
        """
        if self.question is not None:
            return self.question
        relation = "What is the relation of the second text to the first"
        stem, alone = (relation, relation) if self.pair else ("Which of these is it", "What kind of text is it")
        words = [self.label_words[label] if self.label_words else label.replace("_", " ") for label in self.labels]
        if len(words) > _LISTED or len("".join(words)) > _LONGEST_LIST:
            return f"{alone}?"
        return f"{stem}: {', '.join(words[:-1])} or {words[-1]}?"

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the tasks that come with dawgen, sorted."""
        folder = resources.files("dawgen.tasks")
        return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(_SUFFIXES))

    @classmethod
    def load(cls, name: str | Path) -> Task:
        """Return the task of that name, or of that YAML file.

        Raises ConfigError if there is none, naming the nearest, or if the file does not describe a task.
        """
        if str(name).endswith(_SUFFIXES):
            path = Path(name)
            if not path.is_file():
                raise ConfigError(f"{path}: there is no such task file. Give a YAML file, or one of {_list_names()}.")
            return _parse(str(path), path.read_bytes())
        if str(name) not in cls.names():
            raise ConfigError(
                f"unknown task {str(name)!r}; {suggest(str(name), cls.names())}\n"
                "A task of your own is a YAML file, given with its path; without a task the labels come from the data."
            )
        return _parse(f"{name}.yaml", resources.files("dawgen.tasks").joinpath(f"{name}.yaml").read_bytes())

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[Example],
        *,
        name: str = "custom",
        label_words: Mapping[str, str] | None = None,
        template: str | None = None,
        question: str | None = None,
    ) -> Task:
        """Return a task for the labels of the examples, sorted, with neutral prompts.

            Task.from_examples([Example("Goal!", label="sport"), Example("Yummy.", label="food")]).labels
            # ('food', 'sport')

        Raises DataError for missing labels, one label only or pairs mixed with single texts, ConfigError for wrong
        label words or template.
        """
        rows = list(examples)
        for row in rows:
            if not isinstance(row, Example):
                raise DataError(
                    f"examples: expected Examples with labels, got {row!r:.60} ({type(row).__name__}).\n"
                    "Make them: Example(text, label=...), or for pairs Example(text1, text2, label)."
                )
        labels = sorted({row.label for row in rows if row.label is not None})
        if any(row.label is None for row in rows):
            raise DataError("expected a label in every example, found some without. Leave unlabelled examples out.")
        if len(labels) < 2:
            found = f"one class, {labels[0]!r}" if labels else "none"
            raise DataError(f"expected examples of two labels or more, found {found}. Add examples of another label.")
        pair = rows[0].text2 is not None
        if any((row.text2 is not None) != pair for row in rows):
            raise DataError("expected pairs or single texts throughout, found both. Split them into two tasks.")
        words = {label: label.replace("_", " ") for label in labels}
        if len({" ".join(word.split()).lower() for word in words.values()}) < len(labels):
            words = {label: label for label in labels}  # a_b and a b are two labels: each needs a prompt of its own
        if pair:
            prompts = {label: f"Relation of Text 2 to Text 1: {word}. Text 1:" for label, word in words.items()}
            default = "first: {text1} second: {text2} answer: {mask}"
        else:
            prompts = {label: f"Kind of text: {word}. Text:" for label, word in words.items()}
            default = "{text1} answer: {mask}"
        return _build(
            "task",
            {
                "name": name,
                "labels": labels,
                "label_words": None if label_words is None else dict(label_words),
                "pair": pair,
                "question": question,
                "template": default if template is None else template,
                "generator": {"prompts": prompts, "infix": "Text 2:" if pair else ""},
                "first_texts": "texts like the first ones of the examples",
            },
        )


def _list_names() -> str:
    return ", ".join(Task.names())


def _check_keys(field: str, mapping: Mapping[str, str], labels: tuple[str, ...]) -> None:
    for key in mapping:
        if key not in labels:
            raise ValueError(f"{field}: unknown label {key!r}; {suggest(key, labels)}")
    missing = [label for label in labels if label not in mapping]
    if missing:
        raise ValueError(f"{field}: nothing is given for label {missing[0]!r}")


def _parse(where: str, data: bytes) -> Task:
    """Read a task file; every scalar stays text, so that yes, no and 0 can be label words and labels."""
    try:
        fields = load_yaml(data, yaml.BaseLoader)
    except ValueError as error:
        raise ConfigError(f"{where}: expected YAML: {error}.") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: expected the fields of a task (name, labels, template, ...), found {fields!r}")
    return _build(where, fields)


def _build(where: str, fields: dict[str, Any]) -> Task:
    try:
        return Task.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        sections: dict[object, type[Settings]] = {"generator": GeneratorPrompts, "hub": Hub}
        if first["type"] == "extra_forbidden":
            known = sections.get(first["loc"][0], Task).model_fields
            raise ConfigError(f"{where}: unknown key {place!r}; {suggest(str(first['loc'][-1]), known)}") from error
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {place + ': ' if place else ''}{reason}") from error
