"""SPoT takes the source most like the query, and only sources of the same target."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dawgen.config import BaselineConfig, TargetConfig
from dawgen.errors import BundleError, ConfigError
from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.spot import compare_prompts, fit_spot
from support.targets import make_backbone, make_pairs, make_task

TARGET = TargetConfig(prompt_length=3, steps=3, batch_size=4)


def make_given(*sources: Path) -> Given:
    baselines = BaselineConfig(prompt_sources=tuple(map(str, sources)))
    return Given(make_task(), make_pairs(8, 1), dev=make_pairs(6, 2), target=TARGET, baselines=baselines)


def save_source(folder: Path, name: str, seed: int, kind: int = 0) -> Path:
    given = replace(make_given(), task=make_task(name=name), seed=seed, dev=None)
    fit_prompt(make_backbone("t5", kind), given, init="random").save(folder / name)
    return folder / name


def test_the_most_similar_source_is_the_start(tmp_path: Path) -> None:
    backbone = make_backbone()
    near = tmp_path / "near"
    fit_prompt(backbone, replace(make_given(), task=make_task(name="near"), dev=None)).save(near)  # the query itself
    far = save_source(tmp_path, "far", 7)
    given = make_given(far, near)
    classifier = fit_spot(backbone, given)
    note = given.facts["notes"][0]
    assert note.startswith("started from the prompt of near (cosines: far ")
    assert note.endswith("near 1.000)")
    expected = fit_prompt(backbone, make_given(), init_from=near)
    assert torch.equal(classifier.prompt_, expected.prompt_)


def test_similarity_is_that_of_mean_tokens() -> None:
    one = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert compare_prompts(one, one.flip(0)) == pytest.approx(1)
    assert compare_prompts(one, torch.tensor([[3.0, 0.0]])) == pytest.approx(0.5**0.5)


def test_sources_that_cannot_serve_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="prompt_sources"):
        fit_spot(make_backbone(), make_given())
    with pytest.raises(BundleError, match="weights of tiny are others"):
        fit_spot(make_backbone(), make_given(save_source(tmp_path, "other", 0, kind=1)))
