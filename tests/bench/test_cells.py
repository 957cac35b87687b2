"""Cells: their names say what they depend on and nothing else, and a failed one leaves no file."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.plan import Cell
from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.engine.storage import Store
from dawgen.engine.work import run_work
from dawgen.methods.table import METHODS
from support.grids import Toy

CONFIG = RunConfig(task="scenes-nli", seed=1)
SOURCE = "sets/a/train.jsonl"
# Of the version before cells were two classes; with models that are not there, whose names stand for their weights.
KEYS = {
    "": "cdc9fc5a8dac83eb",
    "zero_shot": "c1cde14f37319536",
    "in_context": "a518fb324f2c8e55",
    "in_context_calibrated": "66699c9fa35a9f3f",
    "fine_tuning": "100810a9ed0ecf31",
    "prompt_fine_tuning": "d18e511805b15005",
    "soft_fine_tuning": "33245570db8ebf14",
    "lora": "282d1ecf42d5bf77",
    "ppt": "f5a3839d6e4b9f1f",
    "spot": "92429e12267cde82",
    "eda": "063d01517ae68091",
    "prompt_tuning": "11d077c42945d011",
    "synthetic_only": "056c0e32387f5e57",
    "pooled": "e4a68d8941cea72c",
    "pooled_smoothed": "36b7db8e765c9882",
    "real_then_synthetic": "c9cffaae4ffd3fd9",
    "synthetic_then_real": "e8b9786286724bc9",
    "paired": "f1a188389a2efe8f",
    "dawgen": "b7335819ac655fd9",
    "gold": "9cdbe3aa4df4713d",
}


def change(section: str, **values: Any) -> RunConfig:
    return CONFIG.model_copy(update={section: getattr(CONFIG, section).model_copy(update=values)})


def put(**values: Any) -> RunConfig:
    return CONFIG.model_copy(update=values)


def make(config: RunConfig, method: str | None, source: str | None) -> Cell:
    return SetCell(config) if method is None else PromptCell(config, method, source)


LEARNING = change("target", rate=0.1)
ABSOLUTE = change("target", lr=0.1)
WRITING = change("decode", top_k=3)
WEIGHING = change("target", epsilon=0.3, surgery="none")


@pytest.mark.parametrize(
    ("changed", "method", "source", "differs"),
    [
        (LEARNING, None, None, False),
        (WRITING, None, None, True),
        (put(per_label=7), None, None, True),
        (change("generator", kind="weighted"), None, None, True),
        (LEARNING, "prompt_tuning", None, True),
        (ABSOLUTE, "prompt_tuning", None, True),
        (LEARNING, "zero_shot", None, False),
        (change("target", init="question"), "zero_shot", None, True),
        (change("target", chat=False), "zero_shot", None, True),
        (change("generator", chat="auto"), None, None, True),
        (change("target", chat=True), "prompt_tuning", None, True),
        (change("target", init="question"), "in_context", None, True),
        (change("target", init="random"), "zero_shot", None, False),
        (change("target", prompt_length=7), "zero_shot", None, False),
        (change("target", model="mini-flan"), "zero_shot", None, True),
        (change("target", max_tokens=99), "zero_shot", None, True),
        (WRITING, "prompt_tuning", None, False),
        (WEIGHING, "gold", None, False),
        (WEIGHING, "dawgen", SOURCE, True),
        (put(per_label=7), "prompt_tuning", None, False),
        (put(per_label=7), "dawgen", SOURCE, False),
        (put(per_label=7), "gold", None, True),
        (put(per_label=7), "eda", None, True),
        (put(question="Which?"), "prompt_tuning", None, True),
        (put(question="Which?"), None, None, False),
        (put(seed=2), "zero_shot", None, False),
        (put(shots=4), "zero_shot", None, False),
        (put(seed=2), "in_context", None, True),
        (put(shots=4), "prompt_tuning", None, True),
        (put(unlabelled="texts"), "lora", None, False),
        (put(unlabelled="texts"), "ppt", None, True),
        (put(unlabelled="texts"), None, None, True),
        (change("baselines", lora_lr=0.5), "lora", None, True),
        (change("baselines", lora_lr=0.5), "fine_tuning", None, False),
        (change("baselines", tuning_lr=0.5), "fine_tuning", None, True),
        (change("baselines", smoothing=0.5), "pooled", SOURCE, False),
        (change("baselines", smoothing=0.5), "pooled_smoothed", SOURCE, True),
        (change("target", placement="behind"), "prompt_tuning", None, True),
        (change("target", placement="behind"), "dawgen", SOURCE, True),
        (change("target", placement="behind"), "spot", None, True),
        (change("target", placement="behind"), "zero_shot", None, True),
        (change("target", placement="behind"), "in_context", None, False),
        (change("target", placement="behind"), "soft_fine_tuning", None, False),
        (change("target", placement="behind"), "lora", None, False),
        (change("target", placement="behind"), "linear_probe", None, False),
        (change("target", placement="behind"), None, None, False),
        (change("target", patience=0), "prompt_tuning", None, True),
        (change("target", patience=0), "fine_tuning", None, False),
        (change("target", patience=0), "lora", None, False),
        (change("target", patience=0), "zero_shot", None, False),
        (change("target", patience=0), None, None, False),
        (put(threads=3, tracking=("wandb",)), "dawgen", SOURCE, False),
    ],
)
def test_a_name_changes_with_what_the_cell_depends_on_and_nothing_else(
    changed: RunConfig, method: str | None, source: str | None, differs: bool
) -> None:
    assert (make(changed, method, source).key != make(CONFIG, method, source).key) is differs


@pytest.mark.parametrize("method", KEYS)
def test_names_are_those_of_grids_that_were_made_before(method: str) -> None:
    target = {"model": "./none", "lr": 0.3, "patience": 0}  # as was the default
    settings = {"task": "scenes-nli", "seed": 1, "target": target, "generator": {"model": "./none"}}
    settings |= {"unlabelled": "texts", "baselines": {"prompt_sources": ("a",)}}
    config = RunConfig.model_validate(settings)
    source = SOURCE if method and METHODS[method].synthetic else None
    prompts = ("prompts/a",) if method == "spot" else ()
    assert (PromptCell(config, method, source, prompts=prompts) if method else SetCell(config)).key == KEYS[method]


def test_a_rate_that_is_not_used_is_not_in_the_name() -> None:
    names = {make(change("target", lr=0.3, rate=rate), "prompt_tuning", None).key for rate in (0.1, 0.2)}
    assert len(names) == 1


def test_a_name_changes_with_the_rows_that_the_cell_uses() -> None:
    cells = [
        PromptCell(CONFIG, "dawgen", SOURCE),
        PromptCell(CONFIG, "dawgen", "sets/b/train.jsonl"),
        PromptCell(CONFIG, "dawgen", SOURCE, take=4),
        PromptCell(CONFIG, "dawgen", SOURCE, test_rows=9),
        PromptCell(CONFIG, "paired", SOURCE),
        SetCell(CONFIG),
        SetCell(CONFIG, likeliest=True),
        PromptCell(CONFIG, "spot", prompts=("prompts/a",)),
        PromptCell(CONFIG, "spot", prompts=("prompts/a", "prompts/b")),
    ]
    assert len({cell.key for cell in cells}) == len(cells)
    both = [
        PromptCell(CONFIG, "spot", prompts=names).key
        for names in (("prompts/a", "prompts/b"), ("prompts/b", "prompts/a"))
    ]
    assert both[0] == both[1]
    assert PromptCell(CONFIG, "gold", keep=True).key == PromptCell(CONFIG, "gold").key


def test_a_file_is_named_by_what_is_in_it(tmp_path: Path) -> None:
    places = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for place in places:
        place.write_text("x")
    one, other = (PromptCell(put(train=str(place), test=str(place)), "lora").key for place in places)
    assert one == other
    places[1].write_text("yy")
    assert PromptCell(put(train=str(places[1]), test=str(places[1])), "lora").key != one


def test_a_cell_needs_its_set_and_prompts() -> None:
    assert PromptCell(CONFIG, "dawgen", SOURCE).needs == ("a",)
    assert PromptCell(CONFIG, "dawgen", "inputs/published.jsonl").needs == ()
    assert PromptCell(CONFIG, "spot", prompts=("prompts/b", "prompts/c")).needs == ("b", "c")


def test_a_prompt_that_shall_stay_is_done_when_it_is_there(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), PromptCell(CONFIG, "gold")
    assert not cell.is_done(store)
    store.write_json(cell.file, {})
    assert cell.is_done(store)
    cell.keep = True
    assert not cell.is_done(store)
    store.write_json(f"{cell.place}/bundle.json", {})
    assert cell.is_done(store)


def test_a_cell_that_fails_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert run_work(Toy("a", fails=True), store) == {"error": "no rows in a"}
    assert not store.exists("prompts/a.json")
    numbers = run_work(Toy("b"), store)
    assert store.read_json("prompts/b.json") == numbers
    assert numbers["accuracy"] == 0.5
    assert numbers["seconds"] >= 0


def test_an_error_of_any_kind_ends_its_cell_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def divide(self: PromptCell, store: Store) -> dict[str, Any]:
        return {"accuracy": 1 / 0}

    monkeypatch.setattr(PromptCell, "run", divide)
    found = run_work(PromptCell(CONFIG, "gold"), Store(tmp_path))
    assert found["error"].startswith("ZeroDivisionError: division by zero (test_cells.py:")
