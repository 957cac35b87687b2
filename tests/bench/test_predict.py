"""Predicted times: what they grow with, and what cannot be predicted."""

from typing import Any

import pytest

from dawgen.bench import predict
from dawgen.bench.plan import Cell
from dawgen.bench.predict import predict_cells
from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.runs.inputs import Inputs

TASK = {"task": "scenes-topic", "shots": 4, "per_label": 10}


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "CALIBRATION", 0.1)  # too little to measure anything


def make(method: str | None = None, **settings: Any) -> Cell:
    config = RunConfig.model_validate(TASK | settings)
    return SetCell(config) if method is None else PromptCell(config, method)


def seconds(*cells: Cell) -> list[float]:
    found = predict_cells(cells).seconds
    return [found[cell.key] for cell in cells]


def test_larger_sets_and_more_steps_take_longer() -> None:
    large, small = seconds(make(per_label=600), make(per_label=10, generator={"steps": 10}))
    assert large > 5 * small
    long, short = seconds(*(make("lora", target={"steps": steps}) for steps in (300, 100)))
    assert long > 1.5 * short


def test_methods_of_two_prompts_take_longer_than_those_of_one() -> None:
    ppt = make("ppt", baselines={"pretraining_steps": 300}, target={"steps": 150})
    one, spot, pretrained, none = seconds(make("prompt_tuning"), make("spot"), ppt, make("zero_shot"))
    assert 1.5 * one < spot < 2.5 * one
    assert 2 * one < pretrained < 4 * one  # twice the steps before, of as many rows or more
    assert none < one


def test_one_cell_counts_for_all_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[bool] = []
    real = predict._count_seconds

    def count(cell: Cell, inputs: Inputs, *, measured: bool) -> float:
        counted.append(measured)
        return real(cell, inputs, measured=measured)

    monkeypatch.setattr(predict, "_count_seconds", count)
    cells = [PromptCell(RunConfig.model_validate(TASK | {"seed": seed}), "lora") for seed in range(5)]
    times = predict_cells(cells)
    assert counted == [False, True]
    assert set(times.seconds) == {cell.key for cell in cells}
    assert times.total == pytest.approx(5 * times.seconds[cells[0].key])


def test_cells_of_an_unknown_model_are_counted_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = predict.read_base
    monkeypatch.setattr(predict, "read_base", lambda name: (asked.append(name), real(name))[1])
    cells = [
        PromptCell(RunConfig.model_validate({"task": task, "target": {"model": "./nowhere"}}), "lora")
        for task in ("scenes-nli", "scenes-topic")
    ]
    times = predict_cells([*cells, PromptCell(RunConfig.model_validate(TASK), "zero_shot")])
    assert len(times.seconds) == 1
    ((reason, count),) = times.unknown.items()
    assert (count, "./nowhere" in reason) == (2, True)
    assert asked.count("./nowhere") == 1
