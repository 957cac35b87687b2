"""Predictions: what grows with what, what is measured and what is left alone."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml
from transformers import LlamaConfig

from dawgen.config import RunConfig
from dawgen.cost import Machine, Measuring, Prediction, Workload, assume_workload, predict_run
from dawgen.cost.calibration import forget
from dawgen.cost.memory import weigh
from dawgen.cost.predict import choose_threads
from dawgen.cost.room import check_fit
from dawgen.cost.shape import read_shape
from dawgen.cost.stages import JUDGED
from dawgen.cost.table import compare, describe, describe_threads, list_rows, show_count, show_seconds
from dawgen.errors import ConfigError
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
    measuring = Measuring(machine=machine, budget=2.0)
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
    assert groups["encoder_probe"] < groups["encoder_probe_synthetic"]
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
    assert ", in all at most " in line and line.endswith(" MB of memory")
    assert list_rows(predict())[-1][0] == "in all"


def test_measured_times_stand_beside_predicted_ones() -> None:
    prediction = predict(methods=("prompt_tuning", "dawgen"))
    metrics = RunMetrics.model_validate({"seconds": {"tuning dawgen": 2.0}, "methods": {"dawgen": {"seconds": 3.0}}})
    rows = {group: measured for group, _, measured in compare(prediction, metrics.times)}
    assert rows == {"tuning dawgen": 2.0, "writing": None, "prompt_tuning": None, "dawgen": 3.0, "in all": 5.0}


def test_numbers_are_said_plainly() -> None:
    assert [show_seconds(value) for value in (0.23, 31.2, 300.0, 20000.0)] == ["0.2 s", "31 s", "5 min", "5.6 h"]
    assert [show_count(value) for value in (7, 1500, 2.5e12)] == ["7", "1.5 k", "2.5 T"]


FEW_SECONDS = """
import sys, time
from benchmarks.speed.harness import peak_rss
from transformers import AutoConfig
from dawgen.config import RunConfig
from dawgen.cost import Measuring, assume_workload, predict_run
from dawgen.models.load import read_config
config = RunConfig()
models = read_config(config.target.model), read_config(config.generator.model)
load = assume_workload(config, labels=int(sys.argv[1]), length=int(sys.argv[2]), test_rows=3000)
begin = time.process_time()
prediction = predict_run(config, load, *models, measuring=Measuring(threads=(1,)))
print(time.process_time() - begin, peak_rss(), prediction.calibrated)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it says no peak")
@pytest.mark.parametrize(("labels", "length"), [(77, 40), (150, 40), (3, 1000)])
def test_a_forecast_takes_seconds_and_less_than_a_gigabyte_whatever_the_labels_and_texts(
    labels: int, length: int
) -> None:
    command = [sys.executable, "-c", FEW_SECONDS, str(labels), str(length)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True
    )
    seconds, peak, calibrated = done.stdout.split()
    assert calibrated == "True"
    assert float(seconds) < 8  # five of calibration, formulas and the import of the models' code
    assert float(peak) < 1e9


@pytest.mark.parametrize("width", [4096, 8192])
def test_a_model_too_large_for_a_probe_is_not_made(width: int) -> None:
    forget()
    large = LlamaConfig(
        hidden_size=width, intermediate_size=3 * width, num_attention_heads=32, num_hidden_layers=40, vocab_size=100_000
    )
    config = RunConfig.model_validate(BASE)
    begin = time.process_time()
    found = predict_run(config, make_load(config), tiny_model("t5").config, large, measuring=Measuring(threads=(1,)))
    assert time.process_time() - begin < 8
    assert not any(name.startswith("tuning") for name in found.calibration.factors)
    assert found.by_group()["writing"] > 100


def test_the_faster_number_of_threads_is_taken_and_more_than_the_fewest_must_be_worth_it() -> None:
    assert [choose_threads({1: 10.0, 2: other}) for other in (40.0, 10.0, 9.5, 9.0, 5.0)] == [1, 1, 1, 2, 2]
    line = [describe_threads(replace(predict(), threads=1, by_threads={1: 10.0, 2: other})) for other in (14.0, 9.5)]
    assert line == ["1 of 2 threads: 1.4 times as fast as 2", "1 of 2 threads: 2 are only 1.05 times as fast"]
    assert describe_threads(predict()) is None


def test_numbers_of_threads_are_compared_by_the_same_probes_and_the_setting_is_left_alone() -> None:
    forget()
    config, before = RunConfig.model_validate(BASE), torch.get_num_threads()
    models = tiny_model("t5").config, tiny_model("ctrl").config
    found = predict_run(config, make_load(config), *models, measuring=Measuring(budget=1.5, threads=(1, 2)))
    assert torch.get_num_threads() == before
    assert set(found.by_threads) == {1, 2} and found.threads in (1, 2)
    assert found.seconds == pytest.approx(found.by_threads[found.threads])


def test_a_job_with_a_dev_set_says_that_it_may_end_early_and_others_do_not() -> None:
    assert predict().may_end and " in all at most " in describe(predict())
    for settings in ({"target": {"patience": 0}}, {"methods": ("zero_shot", "lora")}):
        assert not predict(**settings).may_end and " in all about " in describe(predict(**settings))


def test_a_job_that_does_not_fit_is_refused_with_settings_that_do() -> None:
    settings = {"methods": ("prompt_tuning",), "target": {"batch_size": 64}}
    config = RunConfig.model_validate(BASE | settings)
    load, models = make_load(config), (tiny_model("t5").config, None)
    check_fit(config, load, *models, free=1 << 40)
    peak = predict_run(config, load, *models, measuring=Measuring(machine=MACHINE)).memory
    free = int(0.7 * (peak - weigh(read_shape(models[0]))))
    with pytest.raises(ConfigError) as caught:
        check_fit(config, load, *models, free=free)
    text = str(caught.value)
    assert "prompt_tuning" in text and "of memory, which is free" in text and "--set memory=try" in text
    name, _, value = text.partition("--set ")[2].partition(" ")[0].partition("=")
    section, _, key = name.partition(".")
    changed = getattr(config, section).model_copy(update={key: yaml.safe_load(value)})
    check_fit(config.model_copy(update={section: changed}), load, *models, free=free)
