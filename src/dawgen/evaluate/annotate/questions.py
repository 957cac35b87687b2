"""The questions about a row, and their possible answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dawgen.errors import DataError, suggest

Value = int | str
YES, UNSURE, NO = "yes", "unsure", "no"
SCALE: tuple[Value, ...] = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Question:
    """One question about a row.

    of_pair, of_text: the question for pairs and for single texts. values: the answers from low to high.
    low, high: what the ends mean, in words. level: how Krippendorff's alpha compares two answers.
    """

    name: str
    of_pair: str
    of_text: str
    low: str
    high: str
    values: tuple[Value, ...] = SCALE
    level: Literal["nominal", "ordinal"] = "ordinal"

    @property
    def is_scale(self) -> bool:
        """Whether the answers are numbers."""
        return isinstance(self.values[0], int)

    def measure(self, value: Value) -> float:
        """Return an answer as a number: 1 to 5 as it is; of the label, 1 for yes and 0 for unsure and no."""
        return float(value) if isinstance(value, int) else float(value == YES)


# The label is shown and judged, not chosen: one question serves tasks with any number of labels. Whether people merely
# agree with what is shown is measured by the controls with a wrong label.
QUESTIONS = (
    Question(
        "relevance",
        "Does the second text have to do with the first?",
        "Is it a text of the kind that the task is about?",
        "not at all",
        "clearly",
    ),
    Question(
        "fluency",
        "Are the texts written as people write?",
        "Is the text written as people write?",
        "not readable",
        "without a fault",
    ),
    Question("label", "Is the label right?", "Is the label right?", "wrong", "right", (NO, UNSURE, YES), "nominal"),
    Question(
        "novelty",
        "How much is new against the most similar real row?",
        "How much is new against the most similar real row?",
        "nothing",
        "everything",
    ),
)
BY_NAME = {question.name: question for question in QUESTIONS}


def ask_label(labels: Sequence[str]) -> Question:
    """Return the one question about a row without a label: which it is. No answer means none of them, or not known."""
    return Question("label", "Which label is right?", "Which label is right?", "", "", tuple(labels), "nominal")


def check_ratings(
    ratings: Mapping[str, Any], where: str, questions: Sequence[Question] = QUESTIONS
) -> dict[str, Value]:
    """Return the ratings in the order of the questions; any may be missing, and none at all means skipped.

    Raises DataError for an unknown question and for an answer that it does not have.
    """
    known = {question.name: question for question in questions}
    for name, value in ratings.items():
        if name not in known:
            raise DataError(f"{where}: unknown question {name!r}; {suggest(str(name), known)}")
        allowed = known[name].values
        if isinstance(value, bool) or not isinstance(value, int | str) or value not in allowed:
            shown = ", ".join(map(str, allowed))
            raise DataError(f"{where}: expected {name} to be one of {shown}, found {value!r:.40}.")
    return {name: ratings[name] for name in known if name in ratings}
