"""Training on unequal numbers of rows: labels count the same, and with equal numbers nothing changes by a bit."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.probe import Probe
from dawgen.config import TargetConfig
from dawgen.data.balance import weigh_labels, weigh_rows
from dawgen.errors import ConfigError
from dawgen.methods.interface import Given
from dawgen.methods.table import METHODS
from support.targets import make_backbone, make_pairs, make_scorer, make_task

SMALL: dict[str, Any] = {"prompt_length": 3, "steps": 3, "batch_size": 4}
EQUAL = make_pairs(8, 1)
UNEQUAL = [*EQUAL, *make_pairs(12, 5)[::2]]  # more of the first label


def fit(rows: Any, **changes: Any) -> torch.Tensor:
    options = {name: changes.pop(name) for name in ("synthetic", "dev") if name in changes}
    return PromptClassifier(make_backbone(), make_task(), **(SMALL | changes)).fit(rows, **options).prompt_


@pytest.mark.parametrize("schedule", ["real", "paired", "pooled", "synthetic", "real_then_synthetic"])
def test_with_equal_numbers_every_bit_is_the_same(schedule: str) -> None:
    options: dict[str, Any] = {"schedule": schedule}
    if schedule != "real":
        options["synthetic"] = make_pairs(12, 2)
    assert torch.equal(fit(EQUAL, class_weight="balanced", **options), fit(EQUAL, **options))


@pytest.mark.parametrize("schedule", ["real", "paired", "pooled"])
@pytest.mark.parametrize("granularity", ["prompt", "example"])
def test_with_unequal_numbers_weights_change_the_prompt(schedule: str, granularity: str) -> None:
    options: dict[str, Any] = {"schedule": schedule, "granularity": granularity}
    if schedule != "real":
        options["synthetic"] = make_pairs(12, 2)
    weighed = fit(UNEQUAL, class_weight="balanced", **options)
    assert torch.isfinite(weighed).all() and not torch.equal(weighed, fit(UNEQUAL, **options))


def test_the_weighted_gradient_is_the_mean_of_the_labels_gradients() -> None:
    scorer = make_scorer(make_backbone(), (82, 12))
    ids, labels = [[5, 6, 7], [9, 8], [20, 21, 22], [30, 31]], [0, 0, 0, 1]
    prompt = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    weights = weigh_rows(labels, weigh_labels(labels))
    weighed, losses = differentiate(scorer, prompt, ids, labels, [4], row_weights=weights)
    first, _ = differentiate(scorer, prompt, ids[:3], labels[:3], [3])
    second, _ = differentiate(scorer, prompt, ids[3:], labels[3:], [1])
    torch.testing.assert_close(weighed, (first + second) / 2, rtol=1e-4, atol=1e-6)
    plain = differentiate(scorer, prompt, ids, labels, [4])[1]
    torch.testing.assert_close(losses, plain)  # what is logged is without weights


@pytest.mark.parametrize("name", ["prompt_tuning", "linear_probe", "tfidf_probe", "fine_tuning", "prompt_fine_tuning"])
def test_methods_weigh_only_where_they_are_asked_and_numbers_differ(name: str) -> None:
    given = Given(task=make_task(), real=EQUAL, target=TargetConfig(**SMALL))

    def answer(given: Given) -> list[Any]:
        made: Any = METHODS[name].fit(make_backbone(), given)
        if isinstance(made, Probe):
            return made._head.coef_.tolist()
        parts = made.parameters if hasattr(made, "parameters") else [made.prompt_]
        return [part.detach().sum().item() for part in parts]

    assert answer(given) == answer(replace(given, weigh=True))
    unequal = replace(given, real=UNEQUAL)
    assert answer(unequal) != answer(replace(unequal, weigh=True))


def test_class_weight_is_balanced_or_none() -> None:
    with pytest.raises(ConfigError, match="class_weight: expected balanced or None"):
        fit(EQUAL, class_weight={"same": 2.0})
