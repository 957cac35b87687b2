"""Predictions: what grows with what, what is measured and what is left alone."""

from typing import Any

import pytest
import torch

from dawgen.config import RunConfig
from dawgen.cost import Machine, Measuring, Prediction, Workload, assume_workload, predict_run
from dawgen.cost.calibration import forget
from dawgen.cost.stages import JUDGED
from dawgen.cost.table import compare, describe, list_rows, show_count, show_seconds
from dawgen.methods.table import METHODS
from dawgen.report.run.metrics import RunMetrics
from dawgen.runs.generate import FIDELITY_ROWS
from support.tiny import tiny_model

MACHINE = Machine("by hand", rate=1e11, bandwidth=1e10, overhead=1e-6)
BASE: dict[str, Any] = {"methods": ("zero_shot", "in_context", "prompt_tuning", "dawgen"), "per_label": 200}


def make_load(config: RunConfig, **changes: Any) -> Workload:
    values: dict[str, Any] = {"labels": 3, "length": 40, "test_rows": 200}
    return assume_workload(config, **(values | changes))


def predict(machine: Machine | None = MACHINE, load: dict[str, Any] | None = None, **settings: Any) -> Prediction:
    config = RunConfig.model_validate(BASE | settings)
    measuring = Measuring(machine=machine, budget=0.6)
    models = tiny_model("t5").config, tiny_model("ctrl").config
    return predict_run(config, make_load(config, **(load or {})), *models, measuring=measuring)


def test_the_stages_are_those_of_the_run() -> None:
    stages = [(stage.group, stage.name) for stage in predict().stages]
    assert stages[:3] == [("tuning dawgen", "tuning"), ("writing", "writing"), ("writing", "curation")]
    assert stages[3:5] == [("zero_shot", "evaluation"), ("in_context", "evaluation")]
    assert stages[-3:] == [("dawgen", "training"), ("dawgen", "dev looks"), ("dawgen", "evaluation")]


@pytest.mark.parametrize(
    ("group", "changes"),
    [
        ("tuning dawgen", {"generator": {"steps": 200}}),
        ("tuning dawgen", {"generator": {"weight_every": 1}}),
        ("tuning dawgen", {"generator": {"alignment": "B"}}),
        ("writing", {"per_label": 400}),
        ("writing", {"decode": {"contrast": 0.9, "shard_texts": 64}, "per_label": 320}),
        ("writing", {"load": {"kept": 0.4}}),
        ("writing", {"load": {"length": 80}}),
        ("zero_shot", {"load": {"test_rows": 400}}),
        ("in_context", {"shots": 8, "load": {"test_rows": 400}}),
        ("prompt_tuning", {"target": {"steps": 200}}),
        ("prompt_tuning", {"target": {"prompt_length": 40}}),
        ("dawgen", {"target": {"batch_size": 24}}),
        ("dawgen", {"load": {"length": 60}}),
    ],
    ids=str,
)
def test_more_work_takes_longer(group: str, changes: dict[str, Any]) -> None:
    assert predict(**changes).by_group()[group] > predict().by_group()[group]


def test_what_baselines_do_beside_a_prompt_costs() -> None:
    methods = tuple(METHODS)
    groups = predict(methods=methods).by_group()
    assert set(methods) <= set(groups)
    assert groups["prompt_fine_tuning"] > 1.2 * groups["lora"]
    assert groups["lora"] < groups["prompt_tuning"] < groups["soft_fine_tuning"]
    assert groups["tfidf_probe"] < groups["linear_probe"] < groups["linear_probe_synthetic"] < groups["prompt_tuning"]
    assert groups["spot"] > 1.5 * groups["prompt_tuning"]
    assert predict(methods=methods, baselines={"pretraining_steps": 600}).by_group()["ppt"] > groups["ppt"] * 1.3


def test_as_many_texts_are_judged_as_the_pipeline_judges() -> None:
    assert JUDGED == FIDELITY_ROWS


def test_without_contrast_writing_is_cheaper() -> None:
    without = predict(decode={"contrast": 0.0})
    assert without.by_group()["writing"] < predict().by_group()["writing"]
    assert ("writing", "scoring") in [(stage.group, stage.name) for stage in without.stages]  # which contrast saves


def test_a_slower_machine_takes_longer() -> None:
    for slower in (Machine("", 5e10, 1e10, 1e-6), Machine("", 1e11, 5e9, 1e-6), Machine("", 1e11, 1e10, 2e-6)):
        assert predict(slower).seconds > predict().seconds
    assert predict(Machine("", 1e11, 1e10, 1e-6, queues=True)).seconds < predict().seconds


def test_a_given_set_needs_no_generator() -> None:
    groups = predict(load={"given": 900}).by_group()
    assert list(groups) == ["zero_shot", "in_context", "prompt_tuning", "dawgen"]


def test_calibration_measures_every_kind_of_stage_once_and_leaves_randomness_alone() -> None:
    forget()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    prediction = predict(None)
    assert torch.equal(torch.get_rng_state(), state)
    assert prediction.calibrated
    assert set(prediction.calibration.factors) == {"tuning dawgen", "writing", "training", "evaluation"}
    assert all(0.1 < factor < 20 for factor in prediction.calibration.factors.values())
    assert predict(None).calibration is prediction.calibration


def test_runs_of_seconds_are_not_calibrated_for() -> None:
    config = RunConfig.model_validate(BASE | {"per_label": 5, "target": {"steps": 5}, "generator": {"steps": 5}})
    models = tiny_model("t5").config, tiny_model("ctrl").config
    prediction = predict_run(config, make_load(config), *models, measuring=Measuring(share=0.03))
    assert not prediction.calibrated
    assert prediction.seconds > 0


def test_the_line_names_what_takes_time() -> None:
    line = describe(predict())
    assert line.startswith("predicted: tuning ")
    assert ", 4 methods " in line
    assert ", in all about " in line
    assert list_rows(predict())[-1][0] == "in all"


def test_measured_times_stand_beside_predicted_ones() -> None:
    prediction = predict(methods=("prompt_tuning", "dawgen"))
    metrics = RunMetrics.model_validate({"seconds": {"tuning dawgen": 2.0}, "methods": {"dawgen": {"seconds": 3.0}}})
    rows = {group: measured for group, _, measured in compare(prediction, metrics.times)}
    assert rows == {"tuning dawgen": 2.0, "writing": None, "prompt_tuning": None, "dawgen": 3.0, "in all": 5.0}


def test_numbers_are_said_plainly() -> None:
    assert [show_seconds(value) for value in (0.23, 31.2, 300.0, 20000.0)] == ["0.2 s", "31 s", "5 min", "5.6 h"]
    assert [show_count(value) for value in (7, 1500, 2.5e12)] == ["7", "1.5 k", "2.5 T"]
