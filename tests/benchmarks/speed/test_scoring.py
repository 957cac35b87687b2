"""Both sides of the scoring benchmark choose the same labels with the same probabilities."""

import pytest
import torch

from benchmarks.speed import scoring
from benchmarks.speed.harness import Setup
from benchmarks.speed.peft_prompts import find_prompt, wrap
from benchmarks.speed.scoring import Padding, compare, score_in_order
from benchmarks.speed.targets import Family, draw_lengths, make_prompt, make_rows, make_scorer, make_target, ship


@pytest.mark.parametrize("padding", ["set", "batch"])
@pytest.mark.parametrize("family", ["t5", "llama"])
def test_labels_and_probabilities_agree(family: Family, padding: Padding) -> None:
    backbone = make_target(family, "tiny")
    rows, prompt = make_rows(backbone, draw_lengths(40, 1, 60, "lengths"), "rows"), make_prompt(backbone, 5)
    ours = make_scorer(ship(backbone)).score(rows.ids, prompt)
    theirs = score_in_order(wrap(backbone, prompt), rows, padding, batch=8)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert torch.equal(ours.argmax(1), theirs.argmax(1))
    assert len(set(ours.argmax(1).tolist())) > 1


def test_both_sides_share_the_weights() -> None:
    backbone = make_target("t5", "tiny")
    prompt = make_prompt(backbone, 5)
    peft = wrap(backbone, prompt)
    assert torch.equal(find_prompt(peft), prompt)
    places = {weight.data_ptr() for weight in backbone.model.parameters()}
    assert {weight.data_ptr() for weight in ship(backbone).model.parameters()} == places
    assert {weight.data_ptr() for weight in peft.base_model.parameters()} == places
    assert backbone.model.lm_head.weight.data_ptr() != backbone.model.shared.weight.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_line_runs_in_the_dtype_given(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    make = make_target
    monkeypatch.setattr(scoring, "make_target", lambda family, size, **options: make(family, "tiny", **options))
    for family in scoring.FAMILIES:
        line = compare(Setup(dtype=dtype, pairs=1), family, "batch")
        assert line.target == 2.0 and line.ratio_median > 0
