"""The temperature of a prompt: where it comes from, what it changes and what it leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.held_out import deal_folds
from dawgen.classifier.metrics import measure_chances
from dawgen.errors import BundleError, ConfigError
from dawgen.models.load import load_target
from dawgen.prompt.bundle.format import load_bundle, save_bundle
from dawgen.records import Example
from dawgen.stats.temperature import fit_temperature
from support.bundles import change, forge, read_content
from support.targets import LABELS, make_backbone, make_pairs, make_task
from support.tiny import save_tiny

SMALL: dict[str, Any] = {"prompt_length": 4, "steps": 6, "batch_size": 4}


def fit(*, dev: int = 0, real: int = 20, model: Any = None, **changes: Any) -> PromptClassifier:
    classifier = PromptClassifier(model or make_backbone(), make_task(), **(SMALL | changes))
    return classifier.fit(make_pairs(real, 1), dev=make_pairs(dev, 3) if dev else None)


def test_with_dev_rows_it_is_the_one_of_their_scores() -> None:
    classifier, dev = fit(dev=30), make_pairs(30, 3)
    found = fit_temperature(classifier.score_labels(dev), [LABELS.index(str(row.label)) for row in dev])
    assert classifier.temperature_ == pytest.approx(found.value, rel=1e-3)
    assert classifier.temperature_ != 1 and classifier.tempered_ == "30 dev rows"


def test_probabilities_are_softmax_of_scores_over_temperature_and_labels_stay() -> None:
    rows = make_pairs(40, 9)
    plain, tempered = fit(dev=30, temperature="none"), fit(dev=30, temperature=3.0)
    np.testing.assert_array_equal(plain.prompt_, tempered.prompt_)
    assert (plain.temperature_, tempered.temperature_, tempered.tempered_) == (1.0, 3.0, "given")
    assert tempered.predict(rows).tolist() == plain.predict(rows).tolist()
    order = [LABELS.index(str(label)) for label in tempered.classes_]
    wanted = softmax(plain.score_labels(rows).astype(float) / 3.0, axis=1)[:, order]
    np.testing.assert_allclose(tempered.predict_proba(rows), wanted, atol=1e-6)
    np.testing.assert_array_equal(plain.predict_log_proba(rows), plain.score_labels(rows)[:, order])


def test_without_dev_rows_it_is_that_of_shots_which_their_prompt_has_not_learned_from() -> None:
    stages: list[str] = []
    classifier = PromptClassifier(make_backbone(), make_task(), **SMALL)
    classifier.fit(make_pairs(20, 1), log=lambda row: stages.append(row["stage"]))
    assert classifier.temperature_ != 1 and classifier.tempered_.startswith("20 real rows, scored by prompts that")
    assert [stages.count(name) for name in ("target", "fold 1", "fold 2")] == [6, 3, 3]  # as much again, in halves
    np.testing.assert_array_equal(classifier.prompt_, fit(temperature="none").prompt_)


def test_held_out_rows_are_scored_by_another_prompt_than_that_which_learned_from_them() -> None:
    # labels that nothing but memory can tell: who has learned the rows by heart is sure of them, who has not is wrong
    rows = [Example(f"a man is in the {place}", "a dog is in the park", label) for place, label in zip(
        ["street", "house", "kitchen", "garden", "room", "river", "field", "tree"] * 2, list(LABELS) * 8, strict=True
    )]  # fmt: skip
    classifier = PromptClassifier(make_backbone(), make_task(), **(SMALL | {"steps": 40, "rate": 1.0}))
    classifier.fit(rows, dev=None)
    numbers = [LABELS.index(str(row.label)) for row in rows]
    own = fit_temperature(classifier.score_labels(rows), numbers)
    assert classifier.temperature_ > 1.5 * own.value or own.refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperature": "none"}, "none"),
        ({"temperature": "dev"}, "none: there are no dev rows"),
        ({"real": 8}, "none: 8 rows are too few, it takes 16"),
    ],
)
def test_where_there_is_none_it_says_why_and_trains_nothing_more(changes: dict[str, Any], said: str) -> None:
    classifier = fit(**changes)
    assert (classifier.temperature_, classifier.tempered_) == (1.0, said)


def test_a_prompt_of_synthetic_rows_alone_takes_the_real_ones_as_they_are() -> None:
    classifier = PromptClassifier(make_backbone(), make_task(), schedule="synthetic", **SMALL)
    real = make_pairs(30, 1)
    classifier.fit(real, synthetic=make_pairs(12, 2))
    found = fit_temperature(classifier.score_labels(real), [LABELS.index(str(row.label)) for row in real])
    assert classifier.temperature_ == pytest.approx(found.value, rel=1e-3)
    assert classifier.tempered_ == "30 real rows, which it has not learned from"


@pytest.mark.parametrize("value", [0.0, 0.01, 21, "warm", True])
def test_a_temperature_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"target\.temperature"):
        fit(temperature=value)


def test_it_is_saved_with_the_bundle_and_golden_outputs_are_from_before_it(tmp_path: Path) -> None:
    save_tiny("t5", tmp_path / "t5")
    backbone = load_target(str(tmp_path / "t5"))
    classifier, rows = fit(dev=30, model=backbone, temperature=2.5), make_pairs(12, 9)
    classifier.save(tmp_path / "bundle")
    content = read_content(tmp_path / "bundle")
    assert (content["temperature"], content["tempered"], content["settings"]["temperature"]) == (2.5, "given", 2.5)
    fit(dev=30, model=backbone, temperature="none").save(tmp_path / "plain")
    assert read_content(tmp_path / "plain")["golden"] == content["golden"]
    loaded = PromptClassifier.load(tmp_path / "bundle", backbone)
    np.testing.assert_array_equal(loaded.predict_proba(rows), classifier.predict_proba(rows))
    assert (loaded.temperature_, loaded.tempered_, loaded.get_params()["temperature"]) == (2.5, "given", 2.5)


def test_a_bundle_from_before_has_one_and_stays_the_same_bytes(tmp_path: Path) -> None:
    save_tiny("t5", tmp_path / "t5")
    backbone = load_target(str(tmp_path / "t5"))
    fit(dev=30, model=backbone).save(tmp_path / "bundle")
    old = {name: value for name, value in read_content(tmp_path / "bundle").items() if not name.startswith("temper")}
    forge(tmp_path / "bundle", old)
    loaded = PromptClassifier.load(tmp_path / "bundle", backbone)
    assert (loaded.temperature_, loaded.tempered_, loaded.get_params()["temperature"]) == (1.0, "none", "none")
    prompt, info = load_bundle(tmp_path / "bundle")
    save_bundle(tmp_path / "again", prompt, info)
    assert read_content(tmp_path / "again") == read_content(tmp_path / "bundle")


@pytest.mark.parametrize("value", [0.0, -1.0, 1e9, "2"])
def test_a_bundle_with_a_temperature_out_of_bounds_is_refused(tmp_path: Path, value: Any) -> None:
    save_tiny("t5", tmp_path / "t5")
    backbone = load_target(str(tmp_path / "t5"))
    fit(dev=30, model=backbone).save(tmp_path / "bundle")
    change(temperature=value)(tmp_path / "bundle")
    with pytest.raises(BundleError):
        PromptClassifier.load(tmp_path / "bundle", backbone)


def test_folds_hold_every_row_once_and_every_label_evenly() -> None:
    labels = [0] * 5 + [1] * 4 + [2] * 7
    folds = deal_folds(labels, 13)
    assert sorted(row for fold in folds for row in fold) == list(range(16))
    for label in range(3):
        counts = [sum(labels[row] == label for row in fold) for fold in folds]
        assert max(counts) - min(counts) <= 1
    assert deal_folds(labels, 13) == folds != deal_folds(labels, 14)


def test_measures_say_what_the_temperature_did() -> None:
    scores = np.log(softmax(np.random.default_rng(1).normal(0, 4, (200, 3)), axis=1)).astype(np.float32)
    truth = np.random.default_rng(2).integers(3, size=200).tolist()
    plain, tempered = measure_chances(scores, truth), measure_chances(scores, truth, 4.0)
    assert "temperature" not in plain and tempered["temperature"] == 4.0
    assert tempered["untempered"] == {name: plain[name] for name in ("nll", "ece", "brier")}
    assert tempered["nll"] < plain["nll"] and tempered["ece"] < plain["ece"] and tempered["brier"] < plain["brier"]
    assert measure_chances(np.full((4, 2), np.nan, dtype=np.float32), [0, 1, 0, 1]) == {}
