"""Who the rivals of a label are, and what is then held against whom: in tuning, decoding, scores and files."""

from copy import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dawgen.config import GeneratorConfig
from dawgen.data.store import ShardStore
from dawgen.generator.estimator import Generator
from dawgen.generator.rivals import choose_rivals
from dawgen.generator.saved import join_saved, read_saved
from dawgen.rng import torch_rng
from support.generators import (
    MANY,
    MANY_ROWS,
    PAIR_ROWS,
    TEXTS,
    EverySecond,
    backbone,
    make_generator,
    tuned,
    tuned_many,
)
from support.tiny import tiny_model


def test_the_labels_with_the_most_similar_texts_are_rivals() -> None:
    texts = [[[10, 11, 12]], [[40, 41]], [[10, 11, 13]], [[40, 42]], [[12, 11, 10]]]
    rivals = choose_rivals(tiny_model("gpt2"), texts, 1)
    assert rivals is not None and rivals.tolist() == [[4], [3], [0], [1], [0]]


def test_few_labels_are_all_held_against_each_other_in_turn() -> None:
    assert choose_rivals(tiny_model("gpt2"), [[[1]], [[2]], [[3]]], 2) is None
    assert tuned().prefix_.rivals is None
    assert tuned().prefix_.held.tolist() == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]


def test_labels_without_texts_have_the_first_ones_as_rivals() -> None:
    rivals = choose_rivals(tiny_model("gpt2"), [[[-1]]] * 4, 2)
    assert rivals is not None and rivals.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]


def test_more_rivals_than_labels_change_nothing() -> None:
    few, many = [make_generator(kind="dawgen", rivals=rivals).fit(PAIR_ROWS) for rivals in (4, 100)]
    assert all(torch.equal(few.prefix_.q[name], many.prefix_.q[name]) for name in few.prefix_.q)
    assert few.preview(2, first_texts=TEXTS) == many.preview(2, first_texts=TEXTS)


def test_a_text_is_decoded_scored_and_judged_under_its_own_label_and_its_rivals() -> None:
    generator = tuned_many()
    held = generator.prefix_.held.tolist()
    candidates = generator.preview(3)
    everywhere = generator.log_likelihood([candidate.example for candidate in candidates])
    for candidate, scores in zip(candidates, everywhere, strict=True):
        own = MANY.labels.index(str(candidate.example.label))
        assert candidate.logp is not None
        assert {label for label, value in enumerate(candidate.logp) if value is not None} == set(held[own])
        for label in held[own]:
            assert candidate.logp[label] == pytest.approx(scores[label], abs=1e-3)


def test_shards_of_many_labels_have_no_more_rows_than_those_of_few_and_resume(tmp_path: Path) -> None:
    generator = copy(tuned_many())
    size = generator._decode().shard_texts * 3

    whole = generator.generate(8, curator=EverySecond(), store=ShardStore(tmp_path / "whole", {}))
    assert len(whole) == 64
    assert len(generator.generation_.shards) > 2
    assert max(rows for rows, _ in generator.generation_.shards) <= size
    (tmp_path / "killed").mkdir()
    for shard in (tmp_path / "whole" / "settings.json", *sorted((tmp_path / "whole").glob("shard-*"))[:2]):
        (tmp_path / "killed" / shard.name).write_bytes(shard.read_bytes())
    again = copy(tuned_many()).generate(8, curator=EverySecond(), store=ShardStore(tmp_path / "killed", {}))
    assert again == whole
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "killed" / path.name).read_bytes() == path.read_bytes()


def test_rivals_are_saved_where_there_are_some_and_generators_of_before_have_none(tmp_path: Path) -> None:
    base = backbone()
    tuned_many().save(tmp_path / "many")
    tuned().save(tmp_path / "few")
    assert "rivals" not in load_file(tmp_path / "few" / "prefix.safetensors")
    again = Generator.load(tmp_path / "many", model=base)
    assert torch.equal(again.prefix_.held, tuned_many().prefix_.held)
    assert again.preview(1) == tuned_many().preview(1)
    _, tensors = read_saved(tmp_path / "many")
    tensors.pop("rivals")
    assert join_saved(base.model, tensors).held.shape == (8, 8)  # tuned against all, so written against all


def test_an_untuned_generator_looks_at_no_real_text_for_its_rivals() -> None:
    found = [make_generator(task=MANY, kind="untuned", rivals=2).fit(rows).prefix_.held for rows in _turn(MANY_ROWS)]
    assert torch.equal(*found)
    found = [make_generator(task=MANY, kind="plain", rivals=2).fit(rows).prefix_.held for rows in _turn(MANY_ROWS)]
    assert not torch.equal(*found)


def test_the_default_number_of_rivals_is_left_out_of_what_is_recorded() -> None:
    assert "rivals" not in GeneratorConfig().model_dump()
    assert GeneratorConfig(rivals=2).model_dump()["rivals"] == 2
    assert GeneratorConfig.model_validate(GeneratorConfig(rivals=2).model_dump()).rivals == 2


def _turn(rows: list) -> tuple[list, list]:  # type: ignore[type-arg]
    """Return the rows, and the same with texts of other labels."""
    order = torch.randperm(len(rows), generator=torch_rng(0, "test")).tolist()
    other = [type(row)(rows[i].text1, None, row.label) for i, row in zip(order, rows, strict=True)]
    return rows, other
