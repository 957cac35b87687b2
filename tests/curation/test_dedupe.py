"""The index of near duplicates: exact scores, equal rows always, similar ones nearly always, no memory of its own."""

import random
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.config import CurateConfig
from dawgen.curation import Curator, dedupe
from dawgen.curation.dedupe import PERMUTATIONS, RECALL, NearIndex, choose_bands, find_shingles, measure_jaccard, sketch
from dawgen.records import Candidate, Example
from dawgen.sameness import normalise
from dawgen.scenes import draw_data

words = st.lists(st.sampled_from(["a", "b", "c", "d", "man", "runs"]), max_size=6).map(" ".join)
rows = st.tuples(words, words)


def compare(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """Return the similarity that the index promises, found by comparing."""
    return min(measure_jaccard(find_shingles(x), find_shingles(y)) for x, y in zip(a, b, strict=True))


@settings(deadline=None)
@given(st.lists(rows, max_size=15), rows, st.floats(0.05, 1))
def test_what_is_found_is_as_similar_as_it_says_and_equal_rows_are_found(
    known: list[tuple[str, str]], query: tuple[str, str], threshold: float
) -> None:
    index = NearIndex(threshold)
    for number, row in enumerate(known):
        index.add(row, str(number))
    scores = [compare(row, query) for row in known]
    found = index.find(query)
    if found is not None:
        assert found[0] >= threshold
        assert found[0] == scores[int(found[1])]
    if 1.0 in scores:
        assert found == (1.0, str(scores.index(1.0)))
    same = [tuple(map(normalise, row)) == tuple(map(normalise, query)) for row in known]
    assert index.find_equal(query) == (str(same.index(True)) if any(same) else None)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_similar_texts_are_found_with_the_promised_probability(threshold: float) -> None:
    rng = random.Random(3)
    vocabulary = [f"word{i}" for i in range(400)]
    index, pairs = NearIndex(threshold), []
    while len(pairs) < 400:
        text = [rng.choice(vocabulary) for _ in range(rng.randrange(30, 70))]
        twin = list(text)
        for _ in range(rng.randrange(1, 8)):
            twin[rng.randrange(len(twin))] = rng.choice(vocabulary)
        score = compare((" ".join(text),), (" ".join(twin),))
        if threshold <= score < threshold + 0.1:  # the hardest ones
            pairs.append((" ".join(text), " ".join(twin), score))
    for number, (text, _, _) in enumerate(pairs):
        index.add((text,), str(number))
    found = [index.find((twin,)) for _, twin, _ in pairs]
    right = [hit == (score, str(number)) for number, (hit, (_, _, score)) in enumerate(zip(found, pairs, strict=True))]
    assert sum(right) >= 0.99 * len(pairs)


@given(st.floats(0.04, 1))
def test_bands_reach_the_recall_with_the_permutations_there_are(threshold: float) -> None:
    b, r = choose_bands(threshold)
    assert b * r <= PERMUTATIONS
    assert 1 - (1 - threshold**r) ** b >= RECALL
    assert r == PERMUTATIONS or 1 - (1 - threshold ** (r + 1)) ** (PERMUTATIONS // (r + 1)) < RECALL


def test_labels_are_apart_for_near_rows_and_together_for_equal_ones() -> None:
    index = NearIndex(0.4)
    index.add(("a man is sleeping", "he rests"), "row 1", label="yes")
    index.add(("A man is sleeping!", "he rests."), "row 2", label="yes")
    assert index.find(("a man is sleeping now", "he rests"), label="no") is None
    assert index.find(("a man is sleeping now", "he rests"), label="yes") == (4 / 9, "row 1")
    assert index.find_equal(("a man is sleeping", "He rests")) == "row 1"
    assert index.find_equal(("he rests", "a man is sleeping")) is None


def test_one_first_text_offered_again_and_again_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    index, first = NearIndex(0.9), "two dogs are running through the tall grass of a field"
    compared = []
    for number in range(1500):
        index.add((first, f"thing{number} is here and thing{number * 7} is not"), str(number))
        if number in (100, 1499):
            calls = []
            monkeypatch.setattr(dedupe, "measure_jaccard", lambda a, b, calls=calls: calls.append(1) or 0.95)
            index.find((first, "something else altogether is here"))
            index.find((first, "thing7 is here and thing49 is not"))
            compared.append(len(calls))
            monkeypatch.undo()
    assert compared[1] <= compared[0] + 2


def test_memory_does_not_grow_with_the_rows() -> None:
    curator = Curator((), ("yes", "no"), CurateConfig())
    sizes = []
    tracemalloc.start()
    for number in range(2400):
        row = Example(f"person{number} sees thing{number % 97}", f"thing{number % 89} is seen by {number}", "yes")
        assert curator.judge([Candidate(row)])[0].kept
        if number in (1199, 2399):
            sketch.cache_clear()
            find_shingles.cache_clear()
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert (sizes[1] - sizes[0]) / 1200 < 16  # bytes per kept row


def test_curating_grammatical_pairs_agrees_with_comparing_all_rows() -> None:
    pairs = draw_data("scenes-nli", 1, shots=150, test=3).train
    curator = Curator((), ("entailment", "neutral", "contradiction"), CurateConfig(near_duplicate=0.6))
    kept: list[Example] = []
    for pair in pairs:
        verdict = curator.judge([Candidate(pair)])[0]
        scores = [compare((row.text1, row.text2), (pair.text1, pair.text2)) for row in kept if row.label == pair.label]
        if verdict.kept:
            kept.append(pair)
        if verdict.reason == "near_duplicate":
            assert verdict.score == max(scores)
            assert verdict.twin in {f"synthetic ({row.label}): {row.text1} | {row.text2}" for row in kept}
        else:
            assert max(scores, default=0.0) < 0.6


def test_sketches_are_the_same_in_every_process() -> None:
    code = "from dawgen.curation.dedupe import sketch; print(sketch('a man sleeps')[:4].tolist())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{sketch('a man sleeps')[:4].tolist()}\n"}
