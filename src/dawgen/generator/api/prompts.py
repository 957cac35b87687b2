"""What a server's model is asked: the task's words, a few shots of the label and, for pairs, the first text.

The texts are for a classifier that is asked: <question>
The right answer for the text that you write has to be: <label>.
Examples with this answer: <shots>
Write one new text ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dawgen.records import Example
from dawgen.tasks.task import Task

NO_SHOTS, NO_TEXT = "{shots}", "{text1}"  # what stands in the template that a run keeps
_NAME = re.compile(r"(?:^|(?<=[.?!])\s)([^.?!:]{1,40}):\s*$")  # "Sentence 1 implies Sentence 2. Sentence 1:"


@dataclass(frozen=True, slots=True)
class Names:
    """How a prompt calls the texts of a pair, and what it says of the label in words."""

    text1: str
    text2: str
    meaning: str


def find_names(task: Task, label: str) -> Names:
    """Return the names that the generator's words of the task give, else Text 1 and Text 2."""
    words = task.generator.prompts[label].strip()
    infix = task.generator.infix.strip()
    text2 = infix.removesuffix(":").strip(" .,") if infix.endswith(":") else ""
    found = _NAME.search(words)
    before = words[: found.start()].strip().rstrip(".") if found else ""
    if not task.pair or found is None:
        return Names("Text 1", text2 or "Text 2", before or words.rstrip(": ."))
    return Names(found[1].strip(), text2 or "Text 2", before or label)


def ask_for_text(
    task: Task, label: str, shots: Sequence[Example] | None, text1: str = "", instruction: str | None = None
) -> str:
    """Return the request for a text of the label, to a model that follows instructions.

    shots: real rows of the label; None leaves their place open. text1: the first text, of pairs.
    """
    names, answer = find_names(task, label), _name_answer(task, label)
    what = f"a new {names.text2} for this {names.text1}" if task.pair else "one new text"
    context = task.generator.control_code
    lines = [
        *([context] if " " in context else []),  # one word is a control code of CTRL's
        f"The texts are for a classifier that is asked: {task.ask()}",
        f"The right answer for what you write has to be: {answer}. In other words: {names.meaning}.",
    ]
    if not task.pair and task.first_texts:
        lines.append(f"The texts are {task.first_texts}.")
    if shots is None or shots:
        lines += ["", "Examples with this answer:", NO_SHOTS if shots is None else _list_shots(shots, names)]
    lines.append("")
    if task.pair:
        lines.append(f"{names.text1}: {text1}")
    lines.append(
        f"Write {what} with the answer {answer}. Be like the examples in length and style, but about something else; "
        f"repeat none of them. Reply with {f'the {names.text2}' if task.pair else 'the text'} alone, in one line."
    )
    return "\n".join([*lines, *([instruction] if instruction else [])])


def ask_for_first(task: Task, shots: Sequence[Example], instruction: str | None = None) -> str:
    """Return the request for a first text of a pair."""
    kind = f"The texts are {task.first_texts}." if task.first_texts else "The texts are all of one kind."
    lines = [kind, "", "Examples:", *(f"- {_flatten(shot.text1)}" for shot in shots), ""]
    lines.append("Write one new text of this kind, about something else. Reply with the text alone, in one line.")
    return "\n".join([*lines, *([instruction] if instruction else [])])


def begin_text(task: Task, label: str, shots: Sequence[Example] | None, text1: str = "") -> str:
    """Return what a base model continues with a text of the label: shots one after the other, and the next one's start.

    The new text is what follows, behind one space, up to the end of the line.
    """
    names, words = find_names(task, label), task.generator.prompts[label].strip()
    if not task.pair:
        done = [NO_SHOTS] if shots is None else [f"{words} {_flatten(shot.text1)}" for shot in shots]
        return "\n".join([*done, words])
    done = [NO_SHOTS] if shots is None else [_write_pair(shot, names) for shot in shots]
    return "\n\n".join([f"{names.meaning}.", *done, f"{names.text1}: {_flatten(text1)}\n{names.text2}:"])


def begin_first(task: Task, shots: Sequence[Example]) -> str:
    """Return what a base model continues with a first text of a pair."""
    return "\n".join([*(f"Text: {_flatten(shot.text1)}" for shot in shots), "Text:"])


def list_templates(task: Task, *, chat: bool, instruction: str | None = None) -> Mapping[str, str]:
    """Return each label's request with {shots} and {text1} in the places that change."""
    if chat:
        return {label: ask_for_text(task, label, None, NO_TEXT, instruction) for label in task.labels}
    return {label: begin_text(task, label, None, NO_TEXT) for label in task.labels}


def _name_answer(task: Task, label: str) -> str:
    word = task.label_words[label] if task.label_words else label.replace("_", " ")
    return word if word == label else f"{word} ({label})"


def _list_shots(shots: Sequence[Example], names: Names) -> str:
    if shots[0].text2 is None:
        return "\n".join(f"- {_flatten(shot.text1)}" for shot in shots)
    return "\n\n".join(_write_pair(shot, names) for shot in shots)


def _write_pair(shot: Example, names: Names) -> str:
    return f"{names.text1}: {_flatten(shot.text1)}\n{names.text2}: {_flatten(shot.text2 or '')}"


def _flatten(text: str) -> str:
    """Return a text in one line: a line break in it would end it for the model."""
    return " ".join(text.split())
