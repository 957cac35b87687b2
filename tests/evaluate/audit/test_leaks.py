"""Leaks: whole pairs in either order, single sentences, and generated texts learnt by heart."""

from dawgen.evaluate.audit.leaks import count_leaks, describe_echoes, describe_leaks
from dawgen.records import Example
from support.synthetic_sets import make_set


def test_planted_pairs_and_sentences_are_counted_on_both_sides() -> None:
    rows, held = make_set(30), make_set(20, seed=1)
    planted = [
        Example(held[0].text1, held[0].text2, "no"),
        Example(str(held[1].text2), held[1].text1.upper(), "yes"),  # the other way round
        Example(held[2].text1, "words of its own", "yes"),
        Example(held[2].text1, "and others", "yes"),
    ]
    found = count_leaks([*rows, *planted], held)
    assert found["example"] == f"no: {held[0].text1} | {held[0].text2}"
    assert {name: found[name] for name in ("pairs", "sentences", "held_pairs", "held_sentences", "held")} == {
        "pairs": 2,
        "sentences": 4,
        "held_pairs": 2,
        "held_sentences": 3,
        "held": 20,
    }
    clean = count_leaks(rows, held)
    assert (clean["pairs"], clean["sentences"], clean["held_sentences"], clean["example"]) == (0, 0, 0, None)


def test_single_texts_leak_as_a_whole() -> None:
    found = count_leaks([Example("A text!", label="a")], [Example("a text", label="b"), Example("other", label="a")])
    assert (found["pairs"], found["sentences"], found["held_sentences"]) == (1, 1, 1)


def test_echoes_are_texts_of_real_rows_beside_what_real_rows_repeat_themselves() -> None:
    real = [Example("one", "the same answer", "yes"), Example("two", "The same answer!", "yes"), *make_set(10)]
    rows = [Example("three", "the same answer", "no"), *make_set(20, seed=1), Example("four", real[5].text2, "no")]
    assert describe_echoes(rows, real) == {"echoes": 2, "real_echoes": 1}


def test_what_was_not_given_is_none() -> None:
    rows, real = make_set(10), make_set(10, seed=1)
    found = describe_leaks(rows, real, {"test": rows[:3]})
    assert found["dev"] is None
    assert found["test"]["pairs"] == 3
    assert found["real"] | {"pairs": 0, "echoes": 0, "real_echoes": 0} == found["real"]
