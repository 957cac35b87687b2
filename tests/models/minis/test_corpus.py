"""What the minis read: connectives agree as often as said, reserved pairs and labels never appear."""

import random
from pathlib import Path

import pytest

from dawgen.errors import DataError
from dawgen.models.minis.card import measure_agreement
from dawgen.models.minis.corpus import (
    Mixture,
    Text,
    draw_english,
    draw_instruction,
    draw_scene,
    read_english,
    scenes_words,
)
from dawgen.models.minis.objectives import draw_rows, mask_spans, mask_text
from dawgen.records import Example
from dawgen.scenes import LABELS, is_reserved


@pytest.mark.parametrize("agreement", [0.5, 0.75, 0.9])
def test_connectives_agree_with_the_relation_as_often_as_said(agreement: float) -> None:
    assert abs(measure_agreement(Mixture(agreement=agreement)) - agreement) < 0.03


def test_english_pairs_are_made_of_plain_text() -> None:
    rng = random.Random(3)
    english = [Text("wikipedia", "The old man sold his boat last year."), Text("wikipedia", "It rained in Rome.")]
    words = {word for text in english for word in text.first.split()}
    texts = [draw_english(english, rng, Mixture(english_pairs=0.5)) for _ in range(400)]
    paired = [text for text in texts if text.second]
    assert 150 < len(paired) < 250
    assert all(text.connective and set(text.second.split()) <= words for text in paired)
    assert all(text in english for text in texts if not text.second)


def test_no_reserved_pair_and_no_label_enters_pretraining() -> None:
    rng = random.Random(1)
    labels = {label for task in LABELS.values() for label in task} - {"music", "reading", "sport"}  # words of captions
    for _ in range(3000):
        text = draw_scene(rng, Mixture())
        assert not is_reserved(Example(text.first, text.second))
        question, answer = draw_instruction(rng, Mixture())
        assert labels.isdisjoint(f"{text.plain} {question} {answer}".replace(",", "").split())
        if question.startswith(("same", "connective")):
            first, second = question.split(": ", 1)[1].split("; ")
            if question.startswith("connective"):
                assert not is_reserved(Example(first, second))


def test_masking_hides_words_that_the_target_gives_back() -> None:
    rng = random.Random(2)
    for _ in range(300):
        words = draw_scene(rng, Mixture()).plain.split()
        source, target = mask_spans(list(words), rng)
        pieces = target.split("<extra_id_")[1:]
        hidden = [piece.split(">")[1].split() for piece in pieces]
        rebuilt: list[str] = []
        for word in source.split():
            rebuilt += hidden[int(word[10:-1])] if word.startswith("<extra_id_") else [word]
        assert rebuilt == words
        assert hidden


def test_batches_are_functions_of_the_generator_alone() -> None:
    english = [Text("wikipedia", "A man sleeps.")]
    for mini in ("mini-ctrl", "mini-t5", "mini-flan"):
        one, two = (draw_rows(mini, 20, random.Random(5), english, Mixture(english=0.5)) for _ in range(2))
        assert one == two
    assert mask_text(Text("scenes", "A. b", "so", "c"), random.Random(0))[1]


def test_english_is_read_without_labels_and_only_from_open_sources(tmp_path: Path) -> None:
    file = tmp_path / "english.jsonl"
    file.write_text(
        '{"text": "Open text.", "source": "wikisplit"}\n'
        '{"text": "Closed text.", "source": "other"}\n'
        '{"text1": "A.", "text2": "B.", "label": "secret"}\n'
    )
    texts = read_english([file], ["wikisplit"])
    assert [text.plain for text in texts] == ["Open text.", "A. B."]
    (tmp_path / "none.jsonl").write_text('{"text": "x", "source": "other"}\n')
    with pytest.raises(DataError, match=r"none\.jsonl"):
        read_english([tmp_path / "none.jsonl"], ["wikisplit"])


def test_the_words_of_the_scenes_are_known() -> None:
    assert {"guitar", "meanwhile", "scenes", "soccer", "contrary"} <= set(scenes_words().split())
