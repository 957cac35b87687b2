"""What a generator is given: a task whose labels have prompts of their own, and examples of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dawgen.config import DecodeConfig
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from dawgen.tasks.task import Task


def choose_task(real: Sequence[Example], task: Any, decode: Any) -> Task:
    """Return the given task, else that of the examples.

    Raises:
        ConfigError: two labels share a prompt, so that nothing could tell their texts apart; or no task, or no settings
            of decoding.
    """
    if task is not None and not isinstance(task, Task):
        raise ConfigError(f"task: expected a Task or None, got {task!r:.60}.\nGive dawgen.Task.load(NAME).")
    if decode is not None and not isinstance(decode, DecodeConfig):
        raise ConfigError(f"decode: expected a DecodeConfig or None, got {decode!r:.60}.")
    chosen, owners = task or Task.from_examples(real), dict[str, str]()
    for label in chosen.labels:
        prompt = chosen.generator.prompts[label]
        other = owners.setdefault(" ".join(prompt.split()), label)
        if other != label and prompt.strip():
            raise ConfigError(
                f"task {chosen.name}: expected a prompt of its own for each label, {other!r} and {label!r} share "
                f"{prompt!r:.80}.\nWrite others in the task file, under generator.prompts."
            )
    return chosen


def check_examples(real: Sequence[Example], task: Task) -> None:
    """Raise DataError where an example is not of the task, or a label has none."""
    for example in real:
        if example.label not in task.labels:
            raise DataError(f"expected a label among {', '.join(task.labels)}, got {example.label!r}.")
        check_pair(example, task)
    missing = [label for label in task.labels if all(example.label != label for example in real)]
    if missing:
        raise DataError(f"expected examples of every label of task {task.name}, found none of {', '.join(missing)}.")


def check_pair(example: Example, task: Task) -> None:
    """Raise DataError for a single text of a task on pairs, or the reverse."""
    if (example.text2 is not None) != task.pair:
        wanted = "a pair" if task.pair else "a single text"
        raise DataError(f"task {task.name}: expected {wanted} in every example, not so in {example.text1[:60]!r}.")
