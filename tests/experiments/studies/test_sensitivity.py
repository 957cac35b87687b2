"""Sensitivity: which cells a setting has, generators shared between sets, tables and figure."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.engine.storage import Store
from experiments.studies import sensitivity
from experiments.studies.sensitivity import SETTINGS, Redecoded, plan_prompts, plan_sets, values_of
from experiments.studies.sensitivity_report import Measured, draw_panels, tabulate_setting

BASE = RunConfig(task="scenes-paraphrase", per_label=300, seed=1)
TINY = {
    "task": "scenes-paraphrase",
    "per_label": 4,
    "seed": 1,
    "generator": {"steps": 2},
    "decode": {"shard_texts": 8, "max_new_tokens": 12},
    "curate": {"posterior": False},
}


def test_every_setting_exists_and_has_its_default_among_its_values() -> None:
    for setting in SETTINGS.values():
        values = values_of(setting, BASE)
        assert setting.read(BASE) in values
        for value in values:
            assert setting.read(setting.change(BASE, value)) == value


def test_a_default_that_is_not_on_the_list_is_added() -> None:
    config = SETTINGS["contrast"].change(BASE, 0.7)
    assert values_of(SETTINGS["contrast"], config) == [0, 0.25, 0.5, 0.7, 1]


def test_the_default_has_the_same_cells_in_every_setting() -> None:
    first = {1: SetCell(BASE)}
    settings = {name: SETTINGS[name] for name in ("target-lr", "contrast", "generator-lr")}
    sets = plan_sets(settings, first)
    assert not any(name == "target-lr" for name, _, _ in sets)
    assert sets["contrast", 0.5, 1].key == sets["generator-lr", 0.005, 1].key == first[1].key
    assert len({cell.key for cell in sets.values()}) == 4 + 5 - 1
    cells = plan_prompts(settings, first, sets)
    default = cells["dawgen", "target-lr", 0.3, 1]
    assert default.key == cells["dawgen", "contrast", 0.5, 1].key == cells["dawgen", "generator-lr", 0.005, 1].key
    assert cells["dawgen", "contrast", 0, 1].source == f"{sets['contrast', 0, 1].place}/train.jsonl"
    assert ("prompt_tuning", "target-lr", 0.1, 1) in cells
    assert ("prompt_tuning", "contrast", 0, 1) not in cells


def test_settings_of_writing_share_the_generator_and_settings_of_tuning_do_not() -> None:
    first = {1: SetCell(BASE)}
    sets = plan_sets(SETTINGS, first)
    for (name, _, _), cell in sets.items():
        assert isinstance(cell, Redecoded) == (SETTINGS[name].section != "generator")


def test_sizes_are_the_first_rows_of_one_set() -> None:
    settings = {"per-label": SETTINGS["per-label"]}
    sets = plan_sets(settings, {1: SetCell(BASE)})
    assert [key[1] for key in sets] == [900]
    cells = plan_prompts(settings, {1: SetCell(BASE)}, sets)
    whole = f"{sets['per-label', 900, 1].place}/train.jsonl"
    taken = {value: (cell.source, cell.take) for (_, _, value, _), cell in cells.items()}
    assert taken == {value: (whole, value) for value in (50, 100, 300, 900)}


def test_a_shared_generator_writes_what_one_tuned_anew_writes(tmp_path: Path) -> None:
    first = SetCell(RunConfig.model_validate(TINY))
    first.run(Store(tmp_path / "shared"))
    config = SETTINGS["top-k"].change(first.config, 50)
    shared = Redecoded(config, tuned=f"{first.place}/generator")
    alone = Redecoded(config, tuned="sets/nothing/generator")
    assert shared.key == alone.key == SetCell(config).key != first.key
    shared.run(Store(tmp_path / "shared"))
    assert "tuning dawgen" not in (tmp_path / "shared" / shared.place / "log.jsonl").read_text()
    alone.run(Store(tmp_path / "alone"))
    for file in ("train.jsonl", "raw/shard-00000.jsonl", "generator/generator.json", "generator/prefix.safetensors"):
        name = f"{shared.place}/{file}"
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_the_command_prints_a_table_per_setting_and_names_a_set_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_cells(cells: Iterable[Any], out: Path, *, jobs: int) -> dict[str, Any]:
        return {cell.key: _invent(cell) for cell in cells}

    monkeypatch.setattr(sensitivity, "run_cells", run_cells)
    plot = tmp_path / "plot.png"
    options = ["--out", tmp_path, "--seeds", "1", "2", "--only", "epsilon", "temperature", "--plot", plot]
    sensitivity.main(list(map(str, options)))
    printed = capsys.readouterr().out
    assert "| 2 (default) | 63.0 ± 1.4 | 62.0, 64.0 |  |" in printed
    assert "| 4 | 65.0 ± 1.4 | 64.0, 66.0 | +2.0 ± 0.0 (2/2, p 0.500) |" in printed
    assert "| 0.7 | 80.0 ± 0.0 | 50.0 ± 0.0 |" in printed
    assert "no set for temperature 1.3, seed 2: too few rows" in printed
    assert "choosing" in printed
    assert plot.read_bytes().startswith(b"\x89PNG")


def _invent(cell: Any) -> dict[str, Any]:
    config = cell.config
    if isinstance(cell, SetCell) and config.decode.temperature == 1.3 and config.seed == 2:
        return {"error": "too few rows"}
    if isinstance(cell, SetCell):
        return {"fidelity": 0.8, "kept": 60, "generated": 130, "surplus": 10}
    return {"accuracy": 0.58 + 0.01 * config.target.epsilon + 0.02 * config.seed}


def test_a_setting_of_the_target_shows_prompt_tuning_beside_dawgen(tmp_path: Path) -> None:
    accuracy = {
        (method, "target-lr", value, seed): 0.6 + value / 10 + 0.1 * (method == "dawgen")
        for method in ("dawgen", "prompt_tuning")
        for value in (0.1, 0.3)
        for seed in (1, 2)
    }
    one = Measured.collect("target-lr", "rate", [0.1, 0.3], 0.3, accuracy)
    table = tabulate_setting(one, {})
    assert "| value | prompt_tuning | minus default | dawgen |" in table
    assert "| 0.3 (default) | 63.0 ± 0.0 |  | 73.0 ± 0.0 | 73.0, 73.0 |  |" in table
    draw_panels([one], tmp_path / "one.png")
    assert (tmp_path / "one.png").is_file()
