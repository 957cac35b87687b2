"""Rows that are rendered when a step takes them: the same ids, nothing else looked at, the same cuts after a kill."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.classifier import rows as module
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.rows import LazyRows
from dawgen.data import RowFile
from dawgen.errors import DataError
from dawgen.records import Example
from support.targets import LABELS, make_backbone, make_pairs, make_scorer, make_task

SMALL: dict[str, Any] = {"prompt_length": 4, "steps": 6, "batch_size": 4}
LIMIT = 30
SCORER = replace(make_scorer(make_backbone()), max_tokens=LIMIT)
LONG = Example("a dog is sleeping " * 60, "a cat", "same")


class Watched(Sequence[Example]):
    """A list that notes which rows were read."""

    def __init__(self, examples: list[Example]) -> None:
        self.examples, self.read = examples, list[int]()

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: Any) -> Any:
        self.read.append(index)
        return self.examples[index]


def make_lazy(examples: Sequence[Example]) -> LazyRows:
    return LazyRows(SCORER, examples, LABELS, "synthetic examples")


def fit(synthetic: Sequence[Example], checkpoint: Path | None = None, **changes: Any) -> PromptClassifier:
    classifier = PromptClassifier(make_backbone(), make_task(), **(SMALL | {"max_tokens": LIMIT} | changes))
    return classifier.fit(make_pairs(8, 1), synthetic=synthetic, checkpoint=checkpoint)


def test_taken_rows_are_those_of_rendering_all() -> None:
    pairs = [*make_pairs(20, 2), LONG]
    ids = SCORER.render(pairs).ids
    lazy = make_lazy(pairs)
    assert lazy.take([3, 20, 0]) == [ids[3], ids[20], ids[0]]
    assert lazy.take([0, 1]) == ids[:2]
    assert lazy.cut == {20}
    assert list(lazy.labels) == [LABELS.index(str(pair.label)) for pair in pairs]


def test_a_file_and_a_list_train_the_same_prompt() -> None:
    pairs = make_pairs(30, 2)
    assert torch.equal(fit(RowFile.spool(pairs, "set")).prompt_, fit(pairs).prompt_)


def test_only_rows_that_a_step_takes_are_rendered() -> None:
    watched = Watched(make_pairs(500, 2))
    lazy = make_lazy(watched)
    watched.read.clear()
    lazy.take([7, 400])
    lazy.take([400, 9])
    assert watched.read == [7, 400, 9]


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE", 5)
    pairs = make_pairs(40, 2)
    lazy, ids = make_lazy(pairs), SCORER.render(pairs).ids
    for start in range(0, 40, 8):
        assert lazy.take(range(start, start + 8)) == ids[start : start + 8]
        assert len(lazy._ids) <= 5


def test_the_key_tells_sets_and_manners_apart() -> None:
    pairs = make_pairs(10, 2)
    file = RowFile.spool(pairs, "set")
    keys = [
        make_lazy(pairs).key,
        make_lazy(pairs[1:]).key,
        make_lazy(file).key,
        LazyRows(SCORER, pairs, LABELS[::-1], "x").key,
        LazyRows(replace(SCORER, max_tokens=31), pairs, LABELS, "x").key,
    ]
    assert len(set(keys)) == 5
    assert make_lazy(list(pairs)).key == keys[0] and make_lazy(RowFile.spool(pairs, "again")).key == keys[2]


def test_wrong_labels_are_named_with_their_place() -> None:
    wrong = [*make_pairs(3), Example("a", "b", "maybe"), Example("a", "b", None)]
    for examples in (wrong, RowFile.spool(wrong, "set")):
        with pytest.raises(DataError, match="synthetic examples, example 3: expected one of the labels .* got 'maybe'"):
            make_lazy(examples)


def test_cut_texts_are_counted_alike_after_a_kill(tmp_path: Path) -> None:
    pairs = [LONG if row % 5 == 0 else pair for row, pair in enumerate(make_pairs(300, 2))]
    whole = fit(pairs, steps=30)
    assert 0 < whole.cut_ < 60

    def kill(record: dict[str, Any]) -> None:
        if record["step"] == 28:
            raise KeyboardInterrupt

    killed = PromptClassifier(make_backbone(), make_task(), **(SMALL | {"max_tokens": LIMIT, "steps": 30}))
    with pytest.raises(KeyboardInterrupt):
        killed.fit(make_pairs(8, 1), synthetic=pairs, checkpoint=tmp_path / "state.pt", log=kill)
    resumed = fit(pairs, tmp_path / "state.pt", steps=30)
    assert resumed.warnings_ == whole.warnings_ and resumed.cut_ == whole.cut_
    assert torch.equal(resumed.prompt_, whole.prompt_)
