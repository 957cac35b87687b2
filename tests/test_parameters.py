"""A setting is said once, in config.py: estimators, the command line and `config show` have it from there."""

import inspect
import subprocess
import sys
from typing import Any

import pytest
import typer.main
from sklearn.base import clone

import dawgen
from dawgen.classifier.estimator import PromptClassifier
from dawgen.cli import app
from dawgen.config import SEED, RunConfig, TargetConfig, TuningConfig
from dawgen.errors import ConfigError
from dawgen.generator.estimator import Generator
from dawgen.methods.interface import Given
from dawgen.records import Example
from dawgen.runs.demo import demo_config, run_demo

ESTIMATORS: list[Any] = [Generator, PromptClassifier]

ADD_ONE_LINE = """
import importlib.util, sys
spec = importlib.util.find_spec("dawgen.config")
lines = open(spec.origin, encoding="utf-8").read().splitlines()
place = next(number for number, line in enumerate(lines) if line.startswith("    eval_every"))
lines.insert(place, "    warm_up: Positive = 7")
module = importlib.util.module_from_spec(spec)
exec(compile("\\n".join(lines), spec.origin, "exec"), module.__dict__)
sys.modules["dawgen.config"] = module
"""

USE_IT = """
import inspect
from dawgen import PromptClassifier
from dawgen.cli import app

parameter = inspect.signature(PromptClassifier).parameters["warm_up"]
print("parameter:", parameter.default, parameter.kind.name)
print("get_params:", PromptClassifier(warm_up=9).get_params()["warm_up"])
app(["config", "show", "--set", "target.warm_up=8"])
"""


def test_a_new_setting_is_one_line_in_config_py() -> None:
    script = ADD_ONE_LINE + USE_IT
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    lines = [line.strip() for line in found.stdout.splitlines()]
    assert lines[:2] == ["parameter: 7 KEYWORD_ONLY", "get_params: 9"], found.stderr
    target = lines[lines.index("target:") :]
    assert "warm_up: 8" in target


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_settings_are_parameters_with_their_defaults(estimator: Any) -> None:
    config = {Generator: TuningConfig, PromptClassifier: TargetConfig}[estimator]
    parameters = inspect.signature(estimator).parameters
    assert {name: parameters[name].default for name in config.model_fields} == dict(config())
    assert [name for name, one in parameters.items() if one.kind is not one.KEYWORD_ONLY] == ["model", "task"]
    assert set(estimator().get_params()) == set(parameters)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_constructors_store_whatever_they_are_given(estimator: Any) -> None:
    model = object()
    given = estimator(model, steps="many", lr=-1.0)
    assert given.model is model and (given.steps, given.lr) == ("many", -1.0)
    assert clone(given.set_params(seed=3, model="mini")).get_params() == given.get_params()
    with pytest.raises(TypeError, match=r"has no parameter 'stepps'; .* did you mean steps\?"):
        estimator(stepps=3)
    with pytest.raises(TypeError, match="multiple values"):
        estimator("mini", model="mini")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_wrong_values_are_named_as_in_files_when_they_are_used(estimator: Any) -> None:
    section = {Generator: "generator", PromptClassifier: "target"}[estimator]
    with pytest.raises(ConfigError, match=rf"{section}\.lr: .*, got -1\.0"):
        estimator(lr=-1.0).fit([Example("a", None, "x"), Example("b", None, "y")])


def test_the_seed_has_one_default() -> None:
    assert RunConfig().seed == demo_config().seed == Given.__dataclass_fields__["seed"].default == SEED
    for function in (*ESTIMATORS, demo_config, run_demo):
        assert inspect.signature(function).parameters["seed"].default == SEED
    said = [one.help for verb in list_verbs(typer.main.get_command(app)) for one in verb.params if one.name == "seed"]
    assert len(said) >= 8 and all(f"default: {SEED}" in text for text in said)


def list_verbs(command: Any) -> list[Any]:
    """Return the verbs of the command line, those inside groups too."""
    groups = getattr(command, "commands", None)
    return [command] if groups is None else [verb for one in groups.values() for verb in list_verbs(one)]


def test_no_device_means_the_gpu_if_there_is_one() -> None:
    functions = [value for name in dawgen.__all__ if callable(value := getattr(dawgen, name))]
    functions += [estimator.load for estimator in ESTIMATORS]
    defaults = [
        parameter.default
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
        if name == "device"
    ]
    assert defaults == [None] * 4
