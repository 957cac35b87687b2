"""Plans: sets are shared over cells and sizes, blocks join without repeats, and needs come along."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.bench.arms import parse_arm
from dawgen.bench.plan import Plan, make_plan
from dawgen.bench.prompts import PromptCell
from dawgen.bench.read import read_grid
from dawgen.bench.sets import SetCell
from dawgen.errors import ConfigError

FIRST: dict[str, Any] = {"tasks": ["scenes-nli"], "seeds": [1, 2], "shots": [4], "multiples": [2, 8]}


def plan(folder: Path, *blocks: dict[str, Any]) -> Plan:
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump({"name": "x", "blocks": [FIRST | block for block in blocks]}))
    return make_plan(read_grid(path))


def sets(plan: Plan) -> list[SetCell]:
    return [cell for cell in plan.cells.values() if isinstance(cell, SetCell)]


def test_one_set_serves_all_methods_targets_and_sizes_of_its_task_and_seed(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["dawgen", "dawgen/pooled"], "targets": ["mini-t5", "mini-flan"]})
    assert len(found.rows) == 2 * 2 * 2 * 2  # seeds, multiples, arms, targets
    assert [(cell.config.seed, cell.config.per_label) for cell in sets(found)] == [(1, 32), (2, 32)]
    taken = {(row.multiple, cell.take) for row, cells in found.rows.items() for cell in cells}
    assert taken == {(2, 8), (8, 32)}
    assert {row.method for row in found.sets.values()} == {"dawgen"}


def test_each_generator_and_each_number_of_shots_has_its_own_set(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["dawgen", "plain", "zero_generation"], "shots": [4, 8], "seeds": [1]})
    kinds = [(cell.config.generator.kind, cell.config.shots, cell.likeliest) for cell in sets(found)]
    assert sorted(kinds) == sorted(
        (kind, shots, kind == "untuned") for kind in ("dawgen", "plain", "untuned") for shots in (4, 8)
    )


def test_blocks_join_without_repeats(tmp_path: Path) -> None:
    one = plan(tmp_path, {"arms": ["lora", "dawgen"]})
    both = plan(tmp_path, {"arms": ["lora", "dawgen"]}, {"arms": ["dawgen", "zero_shot"]})
    assert set(one.rows) < set(both.rows)
    assert set(one.cells) < set(both.cells)
    assert all(len(cells) == 1 for cells in both.rows.values())
    assert len(both.cells) == len(one.cells) + 1  # zero_shot depends on no seed
    assert len(both.rows) == len(one.rows) + 2


def test_a_set_grows_to_the_largest_size_of_any_block(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["dawgen"], "seeds": [1]}, {"arms": ["dawgen"], "seeds": [1], "multiples": [16]})
    assert [cell.config.per_label for cell in sets(found)] == [64]


def test_arms_without_a_size_are_there_once(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["lora", "gold", "eda"], "seeds": [1]})
    assert sorted((row.method, row.multiple) for row in found.rows if row.method != "lora") == [
        ("eda", 2),
        ("eda", 8),
        ("gold", 2),
        ("gold", 8),
    ]
    assert [row.multiple for row in found.rows if row.method == "lora"] == [None]
    per_label = {cell.config.per_label for row, (cell,) in found.rows.items() if row.method == "gold"}
    assert per_label == {8, 32}


def test_blocks_that_differ_in_settings_alone_leave_a_row_to_the_dev_set(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        {"arms": ["lora"], "seeds": [1]},
        {"arms": ["lora"], "seeds": [1], "settings": {"baselines": {"lora_lr": 0.5}}},
    )
    assert [len(cells) for cells in found.rows.values()] == [2]


def test_spot_starts_from_gold_prompts_of_other_tasks_which_stay(tmp_path: Path) -> None:
    found = plan(
        tmp_path, {"arms": ["spot"], "seeds": [1], "sources": ["scenes-nli", "scenes-topic", "scenes-question"]}
    )
    ((spot,),) = found.rows.values()
    gold = [cell for cell in found.cells.values() if isinstance(cell, PromptCell) and cell.method == "gold"]
    assert {cell.config.task for cell in gold} == {"scenes-topic", "scenes-question"}
    assert all(cell.keep and cell.config.per_label == 32 for cell in gold)
    assert set(spot.needs) == {cell.key for cell in gold}
    assert set(found.cells) == {spot.key, *spot.needs}


def test_a_gold_cell_of_the_grid_is_the_source_too(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["gold", "spot"], "seeds": [1], "tasks": ["scenes-nli", "scenes-topic"]})
    gold = {(row.task, row.multiple): cell for row, (cell,) in found.rows.items() if row.method == "gold"}
    spot = {row.task: cell for row, (cell,) in found.rows.items() if row.method == "spot"}
    assert spot["scenes-nli"].needs == (gold["scenes-topic", 8].key,)
    assert gold["scenes-topic", 8].keep
    assert not gold["scenes-topic", 2].keep


def test_spot_without_other_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give sources"):
        plan(tmp_path, {"arms": ["spot"]})


def test_chosen_arms_bring_what_they_need_and_nothing_else(tmp_path: Path) -> None:
    found = plan(tmp_path, {"arms": ["lora", "dawgen", "plain", "dawgen/pooled"], "seeds": [1], "multiples": [2]})
    chosen = found.choose([parse_arm("dawgen")])
    assert [cell.config.generator.kind for cell in chosen if isinstance(cell, SetCell)] == ["dawgen"]
    assert [cell.method for cell in chosen if isinstance(cell, PromptCell)] == ["dawgen"]
    assert len(found.choose(None)) == len(found.cells)
