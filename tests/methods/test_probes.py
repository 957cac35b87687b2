"""Probes: fitted on frozen features, twice alike, with and without a set, and named by every table of methods."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dawgen.bench.arms import find_job, parse_arm
from dawgen.classifier.embed import encode_rows
from dawgen.config import BaselineConfig
from dawgen.errors import ModelError
from dawgen.methods.interface import Given
from dawgen.methods.table import METHODS
from dawgen.models.encoder import load_encoder
from dawgen.models.load import fingerprint
from dawgen.records import Example
from dawgen.report.grid.arms import Arm
from support.sentence_models import save_sentence_model
from support.targets import make_backbone, make_pairs, make_task

PROBES = ("linear_probe", "tfidf_probe")


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_a_function_of_the_rows_and_leaves_target_and_randomness_alone(name: str) -> None:
    backbone, pairs = make_backbone(), make_pairs(20, 5)
    before, state = fingerprint(backbone.model, backbone.tokenizer), torch.get_rng_state()
    given = Given(task=make_task(), real=make_pairs(16, 1))
    first, second = (METHODS[name].fit(backbone, given).predict(pairs) for _ in range(2))
    assert (first == second).all() and set(first) <= {"same", "different"}
    assert torch.equal(torch.get_rng_state(), state)
    assert fingerprint(backbone.model, backbone.tokenizer) == before


@pytest.mark.parametrize("name", PROBES)
def test_with_a_set_it_learns_what_the_shots_do_not_say(name: str) -> None:
    synthetic = [Example(f"{word} dog", None, label) for word, label in (("happy", "same"), ("sad", "different"))] * 8
    real = [Example("a boy", None, "same"), Example("a girl", None, "different")]
    given = Given(task=make_task(pair=False, template="{text1} {mask}"), real=real, synthetic=synthetic)
    probe = METHODS[f"{name}_synthetic"].fit(make_backbone(), given)
    assert probe.predict(["happy dog", "sad dog"]).tolist() == ["same", "different"]
    assert probe.trainable_ > 0 and probe.dev_accuracy_ is None


def test_overlap_tells_copies_from_other_texts() -> None:
    words = np.random.default_rng(0).permutation([f"word{number}" for number in range(400)]).reshape(-1, 4)
    texts = [" ".join(row) for row in words]
    rows = [Example(text, text, "same") for text in texts[:20]]
    rows += [Example(*pair, "different") for pair in zip(texts[20:40], texts[40:60], strict=True)]
    test = [(texts[70], texts[70]), (texts[71], texts[72])]  # of words that no row has
    probe = METHODS["tfidf_probe"].fit(make_backbone(), Given(task=make_task(), real=rows))
    assert probe.predict(test).tolist() == ["same", "different"]


def test_grids_write_it_alone_or_with_a_generator() -> None:
    assert parse_arm("linear_probe") == Arm("linear_probe", "real")
    arm = parse_arm("plain/linear_probe")
    assert (arm, arm.name) == (Arm("plain", "linear_probe"), "plain/linear_probe")
    assert find_job(arm) == ("linear_probe_synthetic", {})
    assert arm.probe and parse_arm("tfidf_probe").probe and not parse_arm("dawgen").probe


def test_a_named_encoder_reads_the_rows_and_pairs_are_told_by_how_their_texts_differ(tmp_path: Path) -> None:
    folder = str(save_sentence_model(tmp_path))
    pairs, labels = make_pairs(20, 5), [example.label for example in make_pairs(16, 1)]
    given = Given(task=make_task(), real=make_pairs(16, 1), baselines=BaselineConfig(encoder=folder))
    probe = METHODS["encoder_probe"].fit(make_backbone(), given)
    assert given.facts == {"encoder": folder} and set(labels) == set(probe.predict(pairs))
    encoder = load_encoder(folder)
    features = encode_rows(encoder, pairs)
    u, v = (encoder.encode([text]).numpy()[0] for text in (pairs[3].text1, str(pairs[3].text2)))
    assert np.allclose(features[3], np.concatenate([abs(u - v), u * v]), atol=1e-5)
    swapped = [Example(str(pair.text2), pair.text1, pair.label) for pair in pairs]
    assert np.allclose(features, encode_rows(encoder, swapped), atol=1e-5)
    alone = encode_rows(encoder, [Example("a man"), Example("the dog"), Example("a man")])
    assert alone.shape == (3, 32) and (alone[0] == alone[2]).all()
    assert probe.count_cut([("a man", "the dog " * 30), ("a man", "the dog")]) == 1


def test_an_encoder_that_is_nowhere_is_refused_before_work(tmp_path: Path) -> None:
    given = Given(
        task=make_task(), real=make_pairs(4, 1), baselines=BaselineConfig(encoder=str(tmp_path / "no/such/folder"))
    )
    check = METHODS["encoder_probe_synthetic"].check
    assert check is not None
    with pytest.raises(ModelError, match="no/such/folder"):
        check(given)
