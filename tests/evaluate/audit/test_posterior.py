"""The labels as the generator sees them: from what it wrote down, and asked anew."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dawgen.data import ShardStore
from dawgen.errors import BundleError, DataError
from dawgen.evaluate.audit.posterior import describe_posterior, read_raw, score_rows
from dawgen.generator.estimator import Generator
from dawgen.records import Candidate, Example
from support.generators import PAIR_ROWS, PAIRS
from support.jobs import write_rows
from support.tiny import save_tiny

LABELS = ("yes", "no")
ROWS = [Example("a", "b", "yes"), Example("c", "d", "no"), Example("e", "f", "no")]


def test_the_mean_probability_and_the_agreement_counted_by_hand() -> None:
    logp = np.array([[math.log(0.3), math.log(0.1)], [-700.0, -701.0], [np.nan, np.nan]])
    found = describe_posterior(ROWS, logp, LABELS, "raw")
    assert found is not None
    assert found["value"] == pytest.approx((0.75 + 1 / (1 + math.e)) / 2)
    assert (found["agreement"], found["rows"], found["from"]) == (0.5, 2, "raw")
    assert describe_posterior(ROWS, np.full((3, 2), np.nan), LABELS, "raw") is None


def test_shards_beside_a_set_are_read_by_its_rows(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "train.jsonl", [{"text1": row.text1, "text2": row.text2} for row in ROWS])
    assert read_raw(path, ROWS, LABELS) is None
    written = [Candidate(ROWS[1], logp=(-3.0, -1.0)), Candidate(ROWS[0], logp=(-1.0, -2.0)), Candidate(ROWS[2])]
    ShardStore(tmp_path / "raw", {}).write(0, written)
    found = read_raw(path, ROWS, LABELS)
    assert found is not None
    assert found[:2].tolist() == [[-1.0, -2.0], [-3.0, -1.0]]
    assert np.isnan(found[2]).all()
    # the generator's own order of labels counts, where there is one
    task = PAIRS.model_dump(mode="json") | {"labels": ["no", "yes"]}
    task["generator"]["prompts"].pop("maybe")
    generator = tmp_path / "generator"
    _save_generator(generator, tmp_path / "model")
    record = json.loads((generator / "generator.json").read_bytes())
    (generator / "generator.json").write_text(json.dumps(record | {"task": task}))
    found = read_raw(path, ROWS, LABELS)
    assert found is not None
    assert found[:2].tolist() == [[-2.0, -1.0], [-1.0, -3.0]]
    with pytest.raises(DataError, match="expected a generator for the labels yes, no, maybe, found no, yes"):
        read_raw(path, ROWS, ("yes", "no", "maybe"))


def test_a_saved_generator_is_asked_in_our_order_of_labels(tmp_path: Path) -> None:
    generator = _save_generator(tmp_path / "generator", tmp_path / "model")
    wanted = generator.log_likelihood(PAIR_ROWS)
    assert score_rows(tmp_path / "generator", PAIR_ROWS, PAIRS.labels) == pytest.approx(wanted)
    turned = score_rows(tmp_path / "generator", PAIR_ROWS, ("maybe", "yes", "no"))
    assert turned == pytest.approx(wanted[:, [2, 0, 1]])
    with pytest.raises(DataError, match="expected a generator for the labels yes, no, found yes, no, maybe"):
        score_rows(tmp_path / "generator", PAIR_ROWS, LABELS)
    with pytest.raises(BundleError):
        score_rows(tmp_path / "none", PAIR_ROWS, LABELS)


def _save_generator(folder: Path, model: Path) -> Generator:
    generator = Generator(str(save_tiny("ctrl", model)), PAIRS, steps=1, device="cpu").fit(PAIR_ROWS)
    generator.save(folder)
    return generator
