"""EDA's edits: how many words they change, that they differ, and where synonyms come from."""

from collections import Counter

import torch

from dawgen.config import TargetConfig
from dawgen.methods.eda import NEAREST, Neighbours, drop, edit_examples, fit_eda, insert_words, replace_words, swap
from dawgen.methods.interface import Given
from dawgen.records import Example
from dawgen.rng import python_rng
from support.targets import LABELS, make_backbone, make_pairs, make_task

WORDS = ["the", "quick", "dog,", "is", "running", "in", "the", "park"]


def find(word: str) -> list[str]:
    return {"dog": ["cat"], "park": ["garden"]}.get(word, [])


def test_each_edit_changes_as_many_words_as_asked() -> None:
    rng = python_rng(0, "test")
    for _ in range(20):
        replaced = replace_words(WORDS, 1, rng, synonyms=find)
        assert [new for new, old in zip(replaced, WORDS, strict=True) if new != old] in (["cat,"], ["garden"])
        assert " ".join(replace_words(WORDS, 5, rng, synonyms=find)) == "the quick cat, is running in the garden"
        inserted = insert_words(WORDS, 1, rng, synonyms=find)
        assert sorted((Counter(inserted) - Counter(WORDS)).elements()) in (["cat"], ["garden"])
        assert Counter(swap(WORDS, 1, rng)) == Counter(WORDS)
        assert sum(new != old for new, old in zip(swap(WORDS, 1, rng), WORDS, strict=True)) in (0, 2)
        assert len(drop(WORDS, 2, rng)) == 6
    assert len(drop(["one", "two"], 5, rng)) == 1
    assert swap(["one"], 1, rng) == ["one"]
    assert WORDS == ["the", "quick", "dog,", "is", "running", "in", "the", "park"]


def test_edited_examples_are_new_and_as_many_as_asked() -> None:
    real = make_pairs(8, 1)
    edited = edit_examples(real, LABELS, 20, find, 0.2, seed=0)
    assert Counter(row.label for row in edited) == dict.fromkeys(LABELS, 20)
    texts = [(row.text1, row.text2) for row in edited]
    assert len(set(texts) | {(row.text1, row.text2) for row in real}) == 48
    assert edit_examples(real, LABELS, 20, find, 0.2, seed=0) == edited
    assert edit_examples(real, LABELS, 20, find, 0.2, seed=1) != edited


def test_a_text_that_cannot_differ_ends_the_search_and_is_warned_of() -> None:
    real = [Example("dog", None, label) for label in LABELS]
    assert edit_examples(real, LABELS, 5, lambda _: [], 0.1, seed=0) == []
    task = make_task(pair=False, template="{text1} {mask}")
    given = Given(task, [Example("zzz", None, "same"), Example("a man", None, "different")], per_label=9)
    given = Given(task, given.real, per_label=9, target=TargetConfig(prompt_length=3, steps=2, batch_size=4))
    classifier = fit_eda(make_backbone(), given)
    assert given.facts["n_synthetic"] < 18
    assert f"found {given.facts['n_synthetic']} different edited examples, 18 were asked for" in classifier.warnings_


def test_synonyms_are_the_nearest_words_of_the_target() -> None:
    backbone = make_backbone()
    neighbours = Neighbours(backbone)
    found = neighbours.find("Dog")
    assert len(found) == NEAREST
    embedding = backbone.model.get_input_embeddings().weight
    ids = backbone.tokenizer.convert_tokens_to_ids

    def cosine(word: str) -> float:
        return float(torch.cosine_similarity(embedding[ids("▁dog")], embedding[ids(f"▁{word}")], dim=0))

    others = [cosine(word) for word in ("cat", "man", "park", "running", "sleeping", "apple", "yes")]
    assert cosine(found[0]) == max(cosine(word) for word in found)
    assert cosine(found[-1]) >= sorted(others)[-NEAREST]
    assert neighbours.find("zzz") == []
