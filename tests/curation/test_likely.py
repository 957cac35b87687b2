"""The likeliest texts of an untuned generator: by mean log-probability, sound ones only."""

import pytest

from dawgen.curation.likely import select_likely
from dawgen.errors import ShortfallError
from dawgen.records import Candidate, Example

LABELS = ("yes", "no")


def write(text: str, label: str, logp: float, tokens: int = 2, *, finished: bool = True) -> Candidate:
    pair = (logp, -99.0) if label == "yes" else (-1.0, logp)
    return Candidate(Example("a man sleeps", text, label), finished, tokens, pair)


ROWS = [
    write("no one runs", "no", -6),
    write("someone sleeps", "yes", -8),
    write("he is asleep", "yes", -9, tokens=9),  # -1 per token
    write("He is ASLEEP!", "yes", -1),  # the same words again
    write("A man sleeps.", "yes", -1),  # a copy
    write("...", "yes", -1),
    write("cut in the", "yes", -1, finished=False),
    write("a man rests", "yes", -4),
    write("no one eats", "no", -4),
]


def test_the_likeliest_per_token_are_taken() -> None:
    assert [row.text2 for row in select_likely(ROWS, LABELS, 2)] == [
        "he is asleep",
        "a man rests",
        "no one eats",
        "no one runs",
    ]
    assert [row.text2 for row in select_likely(iter(ROWS), LABELS, 1)] == ["he is asleep", "no one eats"]


def test_too_few_sound_ones_are_a_shortfall_with_reasons() -> None:
    with pytest.raises(ShortfallError) as caught:
        select_likely(ROWS, LABELS, 3)
    assert caught.value.kept == {"yes": 3, "no": 2}
    assert caught.value.reasons == {"truncated": 1, "empty": 1, "copy": 1, "duplicate": 1}


def test_candidates_without_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="log-probabilities"):
        select_likely([Candidate(Example("a", "b", "yes"))], LABELS, 1)
