"""The whole of what words tell: a set like FewGen's MRPC, warnings of each number, and the lines on the terminal."""

from typing import Any

import pytest

from dawgen.errors import DataError
from dawgen.evaluate.audit.quality import describe_quality, find_warnings
from dawgen.evaluate.audit.quality_lines import list_lines
from dawgen.records import Example
from dawgen.rng import python_rng
from support.synthetic_sets import LABELS, WORDS, make_set

KEYS = ["copy_share", "copy_share_by_label", "copy_share_real", "near_copies"]
KEYS += ["duplicates", "diversity", "artefacts", "leaks"]


def write_paraphrases(rows: int) -> list[Example]:
    """Return what FewGen wrote for MRPC: copies where they should be paraphrases, other words where not."""
    rng = python_rng(0, "paraphrases")
    made = []
    for row in range(rows):
        first = " ".join(rng.choice(WORDS) for _ in range(20))
        if row % 2:
            made.append(Example(first, " ".join(rng.choice(WORDS) + "x" for _ in range(12)), "not_equivalent"))
        elif row % 3:
            made.append(Example(first, first, "equivalent"))
        else:
            made.append(Example(first, first.replace(first.split()[4], "other", 1), "equivalent"))
    return made


def judge(rows: list[Example], real: list[Example], labels: Any = LABELS, **held: list[Example]) -> dict[str, Any]:
    numbers = {"rows": len(rows), "labels": dict.fromkeys(labels, 1)}
    return numbers | describe_quality(rows, real, labels, held=held, seed=0)


def test_a_set_of_copies_is_flagged_with_the_rule_that_solves_it() -> None:
    labels = ("equivalent", "not_equivalent")
    numbers = judge(write_paraphrases(240), make_set(80, labels=labels), labels)
    assert list(numbers)[2:] == KEYS
    assert numbers["copy_share"] == pytest.approx(1 / 3)
    assert numbers["copy_share_by_label"] == {"equivalent": pytest.approx(2 / 3), "not_equivalent": 0.0}
    warnings = find_warnings(numbers)
    assert any(text.startswith("copies: 66.7 % of the rows of 'equivalent' repeat text1 word") for text in warnings)
    assert any(text.startswith("copies: 33.3 % of the rows of 'equivalent' nearly repeat") for text in warnings)
    rule = next(text for text in warnings if "rule of two lines" in text)
    assert "solves 100.0 % of the set (always the most frequent label: 50.0 %; on 80 real rows: 50.0 %" in rule
    assert rule.endswith("else: equivalent.")


def test_a_clean_set_gets_no_warning_and_the_same_numbers_twice() -> None:
    rows, real = make_set(160), make_set(80, seed=1)
    numbers = judge(rows, real, test=make_set(50, seed=2), dev=make_set(50, seed=3))
    assert find_warnings(numbers) == []
    assert judge(rows, real, test=make_set(50, seed=2), dev=make_set(50, seed=3)) == numbers


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="got 0 and 2"):
        describe_quality([], make_set(2), LABELS, held={}, seed=0)


def make_judge(**changes: Any) -> dict[str, Any]:
    found = {"name": "a judge", "trained_on": 99, "accuracy": 0.8, "low": 0.7, "high": 0.9, "n_test": 90}
    found |= {"chance": 0.5, "agreement": 0.6, "tells": True}
    return {"judge": found | {"corrected": 0.6, "corrected_low": 0.55, "corrected_high": 0.65} | changes}


ORACLE = {"source": "oracle", "value": 0.5, "ungrammatical": 0.2, "by_label": {"yes": 0.4, "no": None}}
SIDE = {"distinct_1": 0.1, "distinct_2": 0.2, "distinct_3": 0.3, "self_bleu": 0.9, "words": 90, "vocabulary": 9}
REAL = SIDE | {"distinct_2": 0.4, "self_bleu": 0.5, "vendi": 30.0, "sample": 40}
LEAK = {"pairs": 3, "sentences": 4, "held_pairs": 2, "held_sentences": 2, "held": 50, "example": "yes: a | b"}
WORD = {"word": "an", "label": "no", "pmi": 1.0, "rows": 20, "share": 0.95, "real_share": 0.5, "p": 0.001}


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"labels": {"yes": 3, "no": 0}}, "no row of label 'no'"),
        ({"label_correctness": ORACLE}, "only 50.0 % of the labels are right by the oracle"),
        ({"label_correctness": ORACLE}, "20.0 % of the rows cannot be read"),
        ({"label_correctness": make_judge(tells=False)}, "this judge cannot tell: a judge is right on 80.0 % of 90"),
        ({"label_correctness": make_judge()}, "only about 60.0 % of the labels are right (95 %: 55.0 % to 65.0 %)"),
        ({"label_correctness": make_judge(agreement=0.95)}, "easier than real rows: the judge agrees with 95.0 %"),
        ({"label_correctness": {"posterior": {"agreement": 0.6}}}, "generator itself gives 40.0 % of the rows"),
        ({"duplicates": {"exact": {"rows": 6, "share": 0.06}}}, "duplicates: 6 rows (6.0 %)"),
        ({"duplicates": {"conflicts": {"rows": 2, "share": 0.02}}}, "conflicts: 2 rows (2.0 %)"),
        (
            {"c2st": {"auc": 0.95, "p": 0.01}},
            "a classifier tells the set from the real rows (area under the curve 0.95",
        ),
        ({"diversity": {"matched": SIDE | {"vendi": 9.0}, "real": REAL}}, "self-BLEU 0.90 against 0.50"),
        ({"diversity": {"matched": SIDE | {"vendi": 9.0}, "real": REAL}}, "distinct-2 0.20 against 0.40"),
        ({"diversity": {"matched": SIDE | {"vendi": 9.0}, "real": REAL}}, "Vendi 9.0 against 30.0, of 40 rows each"),
        ({"artefacts": {"sample": 100, "words": [WORD]}}, "'an' stands in 20 of 100 generated texts, 95.0 % of them"),
        ({"leaks": {"test": LEAK}}, "leak: 3 rows repeat 2 of the 50 test rows"),
        (
            {"rows": 100, "leaks": {"real": LEAK | {"echoes": 9, "real_echoes": 1}}},
            "echoes: 3 rows are real rows, and 9",
        ),
    ],
)
def test_each_number_that_is_bad_is_named(numbers: dict[str, Any], said: str) -> None:
    assert any(said in text for text in find_warnings(numbers))


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"label_correctness": {"source": None, "value": None, "judge": None, "posterior": None, "ungrammatical": None}},
        {"label_correctness": ORACLE | {"value": 0.9, "ungrammatical": 0.0}},
        {"label_correctness": make_judge(corrected_high=0.75, agreement=0.85)},
        {"c2st": {"auc": 0.95, "p": 0.2}},
        {"diversity": {"matched": SIDE, "real": REAL | {"sample": 8}}},
        {"artefacts": {"sample": 1000, "words": [WORD]}},
        {"artefacts": {"sample": 100, "words": [WORD | {"real_share": 0.9}, WORD | {"real_share": None}]}},
        {"artefacts": {"sample": 100, "words": [WORD | {"p": 0.2}]}},
        {"rows": 100, "leaks": {"test": None, "real": LEAK | {"pairs": 1, "echoes": 9, "real_echoes": 4}}},
    ],
)
def test_numbers_that_are_sound_or_missing_warn_of_nothing(numbers: dict[str, Any]) -> None:
    assert find_warnings(numbers) == []


def test_lines_say_every_part_and_fit_the_width() -> None:
    numbers = judge(make_set(120), make_set(60, seed=1), test=make_set(20, seed=2))
    test = {"value": 0.01, "error": 0.002, "chance": 0.005, "p": 0.001}
    numbers |= {"real_rows": 60, "embedding": "tiny", "mmd": test, "energy": test}
    numbers |= {"c2st": {"auc": 0.7, "error": 0.02, "chance": 0.55, "p": 0.001}, "label_correctness": ORACLE}
    numbers |= {"mauve": {"value": 0.5, "low": 0.4, "high": 0.6, "seeds": 5, "rows": 60}, "warnings": ["look " * 30]}
    lines = list_lines(numbers, width=90)
    assert max(map(len, lines)) <= 90
    names = [line[:17].strip() for line in lines if line[:17].strip()]
    assert names[:4] == ["rows", "labels right", "copies of text1", "duplicates"]
    assert {"kernel MMD^2", "told from real", "MAUVE", "diversity", "120 set", "60 set", "60 real"} <= set(names)
    assert {"text2 alone", "overlap rule", "one-word rule", "found in test", "found in real", "warning"} <= set(names)
    assert "50.0 % by the oracle; 20.0 % cannot be read (yes 40.0 %, no -)" in "".join(lines)


def test_lines_say_who_judged_the_labels() -> None:
    numbers = judge(make_set(60), make_set(60, seed=1)) | {"real_rows": 60, "warnings": []}

    def show(correct: dict[str, Any]) -> str:
        return "\n".join(list_lines(numbers | {"label_correctness": correct}, width=400))

    judged = {"source": "judge", "value": 0.6, "ungrammatical": None, "by_label": None} | make_judge()
    assert "60.0 % (from 55.0 % to 65.0 %), the judge's own mistakes allowed for; the judge agrees with 60.0 %" in show(
        judged
    )
    assert "a judge; right on 80.0 % of 90 other real rows (95 %: 70.0 % to 90.0 %), guessing 50.0 %" in show(judged)
    assert "unknown: this judge cannot tell" in show(judged | {"value": None})
    posterior = {"value": 0.7, "agreement": 0.8, "rows": 60}
    assert "70.0 % by the generator's own" in show({"source": "posterior", "value": 0.7, "posterior": posterior})
    assert "with 80.0 % of the labels of 60 rows" in show({"source": "posterior", "value": 0.7, "posterior": posterior})
    assert "unknown: no oracle" in show({"source": None, "value": None})
