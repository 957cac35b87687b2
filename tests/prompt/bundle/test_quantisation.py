"""A bundle on a quantised model says so, and does not sit on the same model's other weights."""

from dataclasses import replace
from pathlib import Path

import pytest

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import BundleError
from dawgen.models.load import Backbone, load_target
from dawgen.prompt.bundle.format import load_bundle
from support.bundles import change, read_content, save_sound
from support.tiny import save_tiny


def load_as_smollm2(folder: Path, seed: int, quantisation: str | None) -> Backbone:
    backbone = load_target(str(save_tiny("llama", folder, seed)))
    return replace(backbone, name="smollm2", quantisation=quantisation)


def test_it_is_written_read_and_named_where_the_weights_are_others(tmp_path: Path) -> None:
    quantised = load_as_smollm2(tmp_path / "first", 0, "Q8_0")
    folder = save_sound(tmp_path / "bundle", quantised)
    assert load_bundle(folder)[1].quantisation == "Q8_0"
    assert PromptClassifier.load(folder, quantised).backbone_ is quantised
    other = load_as_smollm2(tmp_path / "second", 1, None)
    with pytest.raises(BundleError, match=r"trained on smollm2 \(Q8_0\); the weights of smollm2 are others") as caught:
        PromptClassifier.load(folder, other)
    assert "weights that were quantised as Q8_0: give their file or folder with --model" in str(caught.value)


def test_without_one_nothing_is_written(tmp_path: Path) -> None:
    folder = save_sound(tmp_path / "bundle", load_as_smollm2(tmp_path / "model", 0, None))
    assert "quantisation" not in read_content(folder)
    assert load_bundle(folder)[1].quantisation is None


def test_a_strangers_text_is_no_quantisation(tmp_path: Path) -> None:
    folder = save_sound(tmp_path / "bundle", load_as_smollm2(tmp_path / "model", 0, "Q8_0"))
    change(quantisation="Q8_0) \x1b[31m")(folder)
    with pytest.raises(BundleError, match="quantisation"):
        load_bundle(folder)
