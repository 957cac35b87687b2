"""SetFit: the library on the named encoder, alone and with a set, leaving all randomness but its own alone."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dawgen.config import BaselineConfig, RunConfig
from dawgen.errors import ConfigError, ModelError
from dawgen.methods.interface import Given
from dawgen.methods.setfit import count_pairs
from dawgen.methods.table import METHODS
from dawgen.records import Example
from dawgen.runs.stages import train_stage
from support.sentence_models import save_sentence_model
from support.targets import make_backbone, make_pairs, make_task

setfit = pytest.importorskip("setfit")


def test_it_is_a_function_of_rows_and_seed_and_leaves_randomness_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, pairs = str(save_sentence_model(tmp_path)), make_pairs(20, 5)
    given = Given(task=make_task(), real=make_pairs(4, 1), baselines=BaselineConfig(encoder=folder, setfit_steps=3))
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (METHODS["setfit"].fit(make_backbone(), given) for _ in range(2))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    assert (first.predict(pairs) == second.predict(pairs)).all()
    assert set(first.predict(pairs)) <= {"same", "different"} and first.predict([]).size == 0
    assert given.facts == {"encoder": folder} and first.trainable_ > 0
    assert first.count_cut([("a man", "the dog " * 30), ("a man", "the dog")]) == 1
    assert "{" not in "".join(capfd.readouterr())


def test_with_a_set_it_learns_what_the_shots_do_not_say(tmp_path: Path) -> None:
    synthetic = [Example(f"{word} dog", None, label) for word, label in (("happy", "same"), ("sad", "different"))] * 8
    real = [Example("a boy", None, "same"), Example("a girl", None, "different")]
    task = make_task(pair=False, template="{text1} {mask}")
    options = BaselineConfig(encoder=str(save_sentence_model(tmp_path)), setfit_steps=20)
    found = METHODS["setfit_synthetic"].fit(
        make_backbone(), Given(task=task, real=real, synthetic=synthetic, baselines=options)
    )
    assert found.predict(["happy dog", "sad dog"]).tolist() == ["same", "different"]


@pytest.mark.parametrize("rows", [(2, 2), (3, 5), (1, 1, 1), (7,)])
def test_pairs_of_one_pass_are_those_that_the_library_draws(rows: tuple[int, ...]) -> None:
    from setfit.sampler import ContrastiveDataset

    numbers = [label for label, times in enumerate(rows) for _ in range(times)]
    assert count_pairs(numbers) == len(ContrastiveDataset([str(n) for n in range(len(numbers))], numbers, False))


def test_what_it_lacks_is_said_before_it_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = Given(task=make_task(), real=make_pairs(4, 1), baselines=BaselineConfig(encoder="./no-such-encoder"))
    check = METHODS["setfit"].check
    assert check is not None
    with pytest.raises(ModelError, match="no-such-encoder"):
        check(given)
    monkeypatch.setitem(sys.modules, "setfit", None)
    with pytest.raises(ConfigError, match=r'pip install "dawgen\[setfit\]"'):
        check(given)
    with pytest.raises(ConfigError, match="trains an encoder"):
        train_stage(RunConfig(methods=("setfit",)), tmp_path / "out")
