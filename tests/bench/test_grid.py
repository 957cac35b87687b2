"""Grid files: what is wrong is said with file, line and key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.bench.named import FOLDER, find_grid, list_grids
from dawgen.bench.read import read_grid
from dawgen.config import TargetConfig
from dawgen.errors import ConfigError
from support.grids import write_grid

GOOD = """name: small
tasks:
  sick: {train: train.jsonl, test: test.jsonl, test_rows: 5}
settings:
  target: {steps: 7}
blocks:
  - tasks: [sick]
    seeds: [1]
    arms: [lora]
  - tasks: [scenes-nli]
    seeds: [1]
    generators: [plain, dawgen]
    schedules: [pooled, paired]
    surgery: [none, drop]
    arms: [dawgen/paired/drop]
    settings: {target: {lr: 0.1}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_text("")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text)
    return path


def test_a_grid_is_read_with_its_files_and_settings(data: Path) -> None:
    grid = read_grid(write(data, GOOD))
    assert grid.tasks["sick"].train == str(data / "train.jsonl")
    assert (grid.baseline, grid.tasks["sick"].test_rows) == ("prompt_tuning", 5)
    settings = [grid.resolve(block).target for block in grid.blocks]
    assert [(target.steps, target.lr) for target in settings] == [(7, None), (7, 0.1)]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({}, {}, (0.2, 0.3)),  # a folder of the time when 0.3 was the default
        ({"target": {"lr": 0.1}}, {}, (0.2, 0.1)),
        ({"target": {"rate": 0.5}}, {}, (0.5, None)),
        ({}, {"target": {"rate": 0.5}}, (0.5, None)),
        ({"target": {"rate": 0.5}}, {"target": {"lr": 0.1}}, (0.2, 0.1)),
    ],
)
def test_a_grid_goes_on_with_the_rate_of_its_folder(
    data: Path, before: dict[str, Any], now: dict[str, Any], found: tuple[float, float | None]
) -> None:
    grid = read_grid(write(data, GOOD))
    settings = {name: value for name, value in grid.settings.items() if name != "target"}
    old = {"preset": "mini", "settings": settings | before}
    block = grid.blocks[0].model_copy(update={"settings": {}})
    kept = grid.model_copy(update={"settings": settings | now}).continue_from(old)
    assert (kept.resolve(block).target.rate, kept.resolve(block).target.lr) == found
    again = kept.continue_from(kept.describe())
    assert again.resolve(block) == kept.resolve(block)


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({}, {}, 0),  # a folder from before there was an early end
        ({"target": {"patience": 3}}, {}, 3),
        ({}, {"target": {"patience": 4}}, 4),
    ],
)
def test_a_grid_goes_on_with_the_patience_of_its_folder(
    data: Path, before: dict[str, Any], now: dict[str, Any], found: int
) -> None:
    grid = read_grid(write(data, GOOD))
    settings = {name: value for name, value in grid.settings.items() if name != "target"}
    block = grid.blocks[0].model_copy(update={"settings": {}})
    kept = grid.model_copy(update={"settings": settings | now}).continue_from({"settings": settings | before})
    assert kept.resolve(block).target.patience == found
    assert kept.continue_from(kept.describe()).resolve(block) == kept.resolve(block)
    new = grid.model_copy(update={"settings": settings})
    assert new.describe()["settings"]["target"]["patience"] == new.resolve(block).target.patience == 2


def test_a_grid_says_the_rate_of_its_time_in_its_folder(data: Path) -> None:
    grid = read_grid(write(data, GOOD))
    assert grid.describe()["settings"]["target"]["rate"] == TargetConfig().rate
    assert "rate" not in grid.model_copy(update={"preset": "paper"}).describe()["settings"].get("target", {})


def test_generators_schedules_and_surgery_make_arms_and_surgery_goes_with_paired_alone(data: Path) -> None:
    arms = [arm.name for arm in read_grid(write(data, GOOD)).blocks[1].list_arms()]
    assert arms == [
        "dawgen/paired/drop",
        "plain/pooled",
        "plain/paired",
        "plain/paired/drop",
        "dawgen/pooled",
        "dawgen/paired",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("seeds: [1]\n    arms", "seds: [1]\n    arms", 8, r"blocks\.0\.seds: unknown key.*did you mean seeds"),
        ("name: small", "nam: small", 1, "nam: unknown key.*did you mean name"),
        ("test_rows: 5", "test_rows: 0", 3, r"tasks\.sick\.test_rows: .*greater than or equal to 1"),
        ("test_rows: 5", "rows: 5", 3, r"tasks\.sick\.rows: unknown key"),
        ("arms: [lora]", "arms: [lorra]", 9, "did you mean lora"),
        ("arms: [lora]", "", 7, "expected arms or generators"),
        ("seeds: [1]\n    arms", "seeds: [one]\n    arms", 8, "a whole number"),
        ("tasks: [scenes-nli]", "tasks: [scenes-nil]", 10, "did you mean scenes-nli"),
        ("{steps: 7}", "{stepz: 7}", 7, "did you mean steps"),
        ("{steps: 7}", "{model: mini-flan}", 5, "a grid says this by 'targets'"),
        ("{target: {lr: 0.1}}", "{seed: 4}", 16, "a grid says this by 'seeds'"),
        ("train: train.jsonl", "train: none.jsonl", 3, "there is no .*none.jsonl"),
        ("test: test.jsonl, ", "", 3, "expected train and test, or neither"),
        ("name: small", "name: small\nbaseline: nothing", 2, "baseline: unknown arm"),
        ("arms: [lora]", "arms: [lora]\n    sweeps: {}", 10, r"blocks\.0\.sweeps: unknown key.*did you mean sweep"),
        ("arms: [lora]", "arms: [lora]\n    sweep: {target.lrr: [1]}", 10, "sweep.target.lrr: .*did you mean lr"),
        ("arms: [lora]", "arms: [lora]\n    sweep: {target.lr: [0]}", 10, r"target\.lr: .*greater than 0"),
        ("arms: [lora]", "arms: [lora]\n    sweep: {target.lr: 0.1}", 10, "a list, such as"),
        ("arms: [lora]", "arms: [lora]\n    sweep: {target.lr: []}", 10, "at least 1 item"),
        ("arms: [lora]", "arms: [lora]\n    sweep: {per_label: [9]}", 10, "a grid says this by 'multiples'"),
        ("arms: [lora]", "arms: [dawgen]\n    sets: [rwa]", 10, "blocks.0.sets: there is no such file: .*rwa"),
        ("arms: [lora]", "arms: [dawgen]\n    sets: [a/x.csv, b/x.csv]", 10, "sets of different names, found x, x"),
        (
            "arms: [lora]",
            "arms: [dawgen/paired, fewgen]\n    sets: [train.jsonl]",
            10,
            "dawgen/paired and fewgen/paired are one",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    path = write(data, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError, match=words) as error:
        read_grid(path)
    assert str(error.value).startswith(f"{path}:{line}: ")


def test_no_file_no_yaml_and_no_mapping_are_said(tmp_path: Path) -> None:
    for text, words in ((None, "no such grid file"), ("a: [", "expected YAML"), ("- 1", "expected keys")):
        path = tmp_path / "none.yaml" if text is None else write(tmp_path, text)
        with pytest.raises(ConfigError, match=words):
            read_grid(path)


def test_a_look_ahead_needs_no_files(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path, GOOD), need_files=False)
    assert grid.tasks["sick"].test == str(tmp_path / "test.jsonl")


def test_the_grid_that_a_run_leaves_can_be_read_again(tmp_path: Path) -> None:
    grid = read_grid(write_grid(tmp_path))
    again = write(tmp_path, yaml.safe_dump(grid.describe()))
    assert read_grid(again).describe() == grid.describe()
    assert read_grid(again).resolve(grid.blocks[0]) == grid.resolve(grid.blocks[0])


@pytest.mark.parametrize("name", list_grids())
def test_the_grids_that_come_with_the_package_can_be_read(name: str) -> None:
    path, _ = find_grid(name)
    assert read_grid(path, need_files=False).name == name
    assert f"dawgen bench --grid {name}" in path.read_text()


def test_a_file_of_the_users_wins_over_a_named_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_grid("first") == (FOLDER / "first.yaml", Path())
    (tmp_path / "first").write_text(GOOD)
    assert find_grid("first") == (Path("first"), Path())
    assert find_grid(tmp_path / "first") == (tmp_path / "first", tmp_path)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("frist", "there are audit_mnli, .*: did you mean first"),
        ("experiments/grids/mini.yaml", "comes with dawgen: --grid mini"),
    ],
)
def test_an_unknown_grid_is_refused_with_the_names_that_there_are(grid: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_grid(grid)
