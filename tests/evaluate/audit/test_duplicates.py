"""Copies and duplicates: planted ones are counted, each as what it is."""

from dataclasses import replace

import pytest

from dawgen.evaluate.audit.duplicates import NEAR_COPY, describe_copies, describe_duplicates, is_near_copy
from dawgen.records import Example
from support.synthetic_sets import LABELS, make_set, plant


def test_planted_copies_are_counted_by_label() -> None:
    rows = plant(make_set(200), "yes", lambda row: row.text1.upper() + "!", every=4)
    found = describe_copies(rows, make_set(40, seed=1), (*LABELS, "maybe"))
    assert found["copy_share"] == 25 / 200
    assert found["copy_share_by_label"] == {"yes": 0.25, "no": 0.0, "maybe": None}
    assert found["copy_share_real"] == {"yes": 0.0, "no": 0.0, "maybe": None}
    assert found["near_copies"]["rows"] == 0


def test_a_near_copy_exchanges_few_words() -> None:
    text = " ".join(f"w{i}" for i in range(20))
    assert is_near_copy(Example(text, text.replace("w7", "other")))
    assert not is_near_copy(Example(text, text))  # a copy is counted as such
    assert not is_near_copy(Example(text, text.replace("w3", "x").replace("w9", "y").replace("w15", "z")))
    assert not is_near_copy(Example(text))
    assert 0.5 < NEAR_COPY < 1
    long = [replace(row, text1=f"{row.text1} {text}") for row in make_set(60)]
    rows = plant(long, "no", lambda row: row.text1 + " more", every=2)
    near = describe_copies(rows, make_set(20, seed=1), LABELS)["near_copies"]
    assert near["by_label"] == {"yes": 0.0, "no": pytest.approx(15 / 30)}
    assert near["share"] == pytest.approx(15 / 60)
    assert near["example"].startswith("no: ")
    assert near["example"].endswith(" more")


def test_single_texts_have_no_copies() -> None:
    rows = [Example("a text", label="yes"), Example("a text", label="no")]
    found = describe_copies(rows, rows, LABELS)
    assert found["copy_share"] == 0.0
    assert found["near_copies"]["share"] == 0.0
    assert describe_duplicates(rows)["conflicts"]["rows"] == 1


def test_exact_and_near_duplicates_and_conflicts_are_told_apart() -> None:
    rows = make_set(40)
    first, second = " ".join(f"w{i}" for i in range(80)), " ".join(f"v{i}" for i in range(80))
    planted = [
        Example(rows[0].text1 + ".", str(rows[0].text2).title(), "yes"),  # the same but for case and punctuation
        Example(rows[1].text1, rows[1].text2, "yes"),  # stood under "no"
        Example(first, second, "yes"),
        Example(first + " w", second, "yes"),  # nearly the row before
        Example(first, second + " v", "no"),  # a minimal pair, of another label
    ]
    found = describe_duplicates([*rows, *planted])
    assert {kind: found[kind]["rows"] for kind in found} == {"exact": 2, "near": 1, "conflicts": 1}
    assert found["exact"]["share"] == pytest.approx(2 / 45)
    assert found["near"]["example"] == {"row": f"yes: {first} w | {second}", "repeats": f"yes: {first} | {second}"}
    assert found["conflicts"]["example"]["repeats"].startswith("no: ")
    clean = describe_duplicates(rows)
    assert [clean[kind]["rows"] for kind in clean] == [0, 0, 0]
    assert clean["exact"]["example"] is None
