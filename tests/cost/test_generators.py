"""Generators side by side: energy, money and costs per example and per point, and what an API reads."""

from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.cost import Machine, Measuring, assume_workload, predict_run
from dawgen.cost.generators import WATTS, WORDS, GeneratorCost, Prices, choose_watts, measure_kind
from dawgen.evaluate.costs.table import tabulate_generators
from support.tiny import tiny_model

MACHINE = Machine("by hand", rate=1e11, bandwidth=1e10, overhead=1e-6)
PRICES = Prices(watts=100.0, hour=3.6, api_in=2.0, api_out=8.0, currency="EUR")
SET = GeneratorCost("dawgen", rows=200, texts=250, tokens_in=5000, tokens_out=3000, flops=1e12, seconds=50, tuning=20)


def predict(**settings: Any) -> dict[str, GeneratorCost]:
    config = RunConfig.model_validate({"per_label": 200} | settings)
    load = assume_workload(config, labels=3, length=40, test_rows=100)
    models = tiny_model("t5").config, tiny_model("ctrl").config
    found = predict_run(config, load, *models, measuring=Measuring(machine=MACHINE), kinds={"untuned": 0.5})
    return {one.way: one for one in found.generators}


def test_energy_and_money_are_power_and_price_times_time() -> None:
    found = SET.price(PRICES)
    assert found.energy == pytest.approx(100 * 50 / 3600)
    assert found.money == pytest.approx(3.6 * 50 / 3600)
    bought = GeneratorCost("api", rows=200, texts=250, tokens_in=1e6, tokens_out=5e5).price(PRICES)
    assert bought.money == pytest.approx(2.0 + 4.0)
    assert bought.energy is None


def test_no_price_no_money() -> None:
    assert SET.price(Prices(watts=1.0)).money is None
    assert GeneratorCost("api", 1, 1, 1, 1).price(Prices(watts=1.0, hour=1.0)).money is None


def test_costs_per_kept_example_and_per_point() -> None:
    found = SET.price(PRICES).as_dict()
    assert found["seconds_per_row"] == 0.25
    assert found["seconds_per_point"] is None
    assert SET.per_point(50.0) is None
    for gain, expected in ((10.0, 5.0), (0.0, None), (-3.0, None)):
        cost = GeneratorCost("dawgen", 200, 250, 1, 1, seconds=50, gain=gain)
        assert cost.per_point(cost.seconds) == expected


def test_measured_figures_take_the_place_of_predicted_ones() -> None:
    found = measure_kind(SET, kept=0.4, tuning=10.0, writing=0.1)
    assert (found.texts, found.seconds, found.tuning, found.measured) == (500, 30.0, 10.0, True)
    assert (found.tokens_in, found.tokens_out) == (10_000, 6_000)
    assert found.flops == SET.flops  # which no clock measures


def test_every_kind_is_predicted_and_the_richer_ones_cost_more() -> None:
    costs = predict()
    assert list(costs) == ["untuned", "plain", "weighted", "dawgen", "api"]
    assert costs["untuned"].tuning == 0
    assert costs["plain"].seconds < costs["weighted"].seconds
    assert costs["plain"].flops < costs["weighted"].flops
    assert costs["untuned"].texts > costs["plain"].texts  # of which half are kept, not four fifths
    assert costs["dawgen"].memory > 0
    assert costs["api"].seconds is None


def test_a_kind_costs_what_a_run_with_it_costs() -> None:
    config = RunConfig(per_label=200, methods=("dawgen",))
    load = assume_workload(config, labels=3, length=40, test_rows=100)
    models = tiny_model("t5").config, tiny_model("ctrl").config
    found = predict_run(config, load, *models, measuring=Measuring(machine=MACHINE), kinds={})
    groups = found.by_group()
    cost = next(one for one in found.generators if one.way == "dawgen")
    assert cost.seconds == pytest.approx(groups["tuning dawgen"] + groups["writing"])
    assert not predict_run(config, load, *models, measuring=Measuring(machine=MACHINE)).generators


def test_an_api_reads_its_words_and_some_shots_with_every_text() -> None:
    few, many = predict(shots=4)["api"], predict(shots=16)["api"]
    assert few.texts == many.texts == 3 * 250
    shot = 1 + 20 + 4 + 21  # opening, text1, infix, text2 and its end
    assert many.tokens_in == few.tokens_in == pytest.approx(few.texts * (WORDS + 4 * shot + 25))
    assert few.tokens_out == pytest.approx(few.texts * 21)


def test_the_same_money_pays_tuning_first_and_then_rows() -> None:
    prices = Prices(5.0, hour=0.05, api_in=0.15, api_out=0.6)
    costs = {way: one.price(prices) for way, one in predict(shots=16).items()}
    for one in costs.values():
        assert one.money is not None and one.buy_rows(one.money) == pytest.approx(one.rows)
    own = costs["dawgen"]
    assert own.money is not None and own.seconds is not None and own.tuning is not None
    tuning = own.money * own.tuning / own.seconds
    assert own.buy_rows(tuning / 2) == 0 and own.buy_rows(2 * own.money - tuning) == pytest.approx(2 * own.rows)
    assert costs["api"].buy_rows(0.0) == 0


def test_the_assumed_power_grows_with_threads_not_with_gpus() -> None:
    assert choose_watts("cpu", 4) == 4 * choose_watts("cpu", 1) == 4 * WATTS["cpu"]
    assert choose_watts("cuda:0", 4) == WATTS["cuda"]


def test_the_table_says_what_is_not_known() -> None:
    costs = [SET.price(PRICES), GeneratorCost("api", 200, 250, 1e6, 5e5).price(PRICES)]
    table = tabulate_generators(costs, PRICES, "Measured somewhere.")
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert rows["time"] == ["50 s", "-"]
    assert rows["money"] == ["0.05 EUR", "6 EUR"]
    assert rows["time per kept example"] == ["250 ms", "-"]
    assert "gain, points" not in rows
    assert table.notes[1] == "Measured somewhere."
    assert "100 W while the machine works; 3.6 EUR per hour of it; an API at 2 and 8 EUR" in table.notes[-1]
    assert "--hour states one" in tabulate_generators(costs, Prices(1.0)).notes[-1]
