"""Real pairs: inputs from a little data folder, FewGen's sets, tables and figure."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.data import leak_key, read
from dawgen.errors import DataError
from dawgen.rng import python_rng
from dawgen.runs.inputs import load_inputs
from dawgen.runs.methods import gold_rows
from experiments.studies import real_table
from experiments.studies.real_data import Prepared, prepare, publish
from experiments.studies.real_report import Table, tabulate_arms, tabulate_differences, tabulate_published

LABELS = {"rte": ("entailment", "not_entailment"), "sick": ("entailment", "neutral", "contradiction")}
WORDS = ("red", "green", "old", "dog", "cat", "man", "boat", "tree", "sings", "runs", "under", "near", "house", "hill")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make a folder with the files of two tasks; sick has no ready splits."""
    folder = tmp_path / "data"
    for task, labels in LABELS.items():
        rows = [_make_row(task, i, labels[i % len(labels)]) for i in range(120 * len(labels))]
        _write(folder / task / "train.jsonl.gz", rows)
        _write(folder / task / "validation.jsonl.gz", [_make_row(f"{task}/v", i, labels[i % 2]) for i in range(60)])
    splits = [
        _make_row("rte", 32 * part + i, LABELS["rte"][i % 2]) | {"seed": seed, "split": split}
        for part, (seed, split) in enumerate((s, p) for s in (13, 21) for p in ("train", "dev"))
        for i in range(32)
    ]
    _write(folder / "rte" / "kshot16.jsonl.gz", splits)
    made = [_make_row("rte/f", i, LABELS["rte"][i % 2]) for i in range(60)]
    made += [row | {"text2": row["text1"], "label": "entailment"} for row in made[:20]]
    _write(folder / "rte" / "fewgen-16-13.jsonl.gz", made)
    for name in ("wiki_short", "wiki_long", "questions"):
        _write(
            folder / "sentences" / f"{name}.jsonl.gz",
            [{"text": _write_text(name, i), "source": "x"} for i in range(40)],
        )
    return folder


def _make_row(name: str, i: int, label: str) -> dict[str, Any]:
    return {"text1": _write_text(name, i), "text2": _write_text(f"{name}/2", i), "label": label}


def _write_text(name: str, i: int) -> str:
    rng = python_rng(i, name)
    return " ".join(f"{word}{rng.randrange(1000)}" for word in rng.choices(WORDS, k=8)) + "."


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def _prepare(data: Path, out: Path, task: str, seeds: tuple[int, ...] = (13,)) -> list[Prepared]:
    return prepare(data, out, task, seeds, per_label=40, test_rows=30)


def test_shots_and_dev_are_those_of_the_split_and_seed(data: Path, tmp_path: Path) -> None:
    one, other = _prepare(data, tmp_path / "out", "rte", (13, 21))
    inputs = load_inputs(one.config)
    assert {row.text1 for row in inputs.train} == {_write_text("rte", i) for i in range(32)}
    assert {row.text1 for row in inputs.dev or ()} == {_write_text("rte", i) for i in range(32, 64)}
    assert {row.text1 for row in load_inputs(other.config).train} == {_write_text("rte", i) for i in range(64, 96)}
    assert inputs.first_texts == [_write_text("wiki_long", i) for i in range(40)]


def test_every_seed_and_arm_has_the_same_test_rows(data: Path, tmp_path: Path) -> None:
    one, other = _prepare(data, tmp_path / "out", "rte", (13, 21))
    assert one.config.test == one.gold.test == other.config.test
    assert len(load_inputs(one.config).test or ()) == 30
    assert sum(one.classes.values()) == 30
    assert one.largest == max(one.classes.values()) / 30


def test_gold_trains_on_the_shots_and_others_and_never_on_dev_or_test(data: Path, tmp_path: Path) -> None:
    (one,) = _prepare(data, tmp_path / "out", "rte")
    inputs, gold = load_inputs(one.config), load_inputs(one.gold)
    rows = gold_rows(gold, None, one.gold.per_label)
    assert [sum(row.label == label for row in rows) for label in LABELS["rte"]] == [40, 40]
    assert set(inputs.train) <= set(rows)
    assert gold.dev == inputs.dev
    assert {leak_key(row) for row in rows}.isdisjoint(leak_key(row) for row in [*(gold.dev or ()), *(gold.test or ())])


def test_without_ready_splits_the_pipeline_draws_the_same_shots_for_every_arm(data: Path, tmp_path: Path) -> None:
    (one,) = _prepare(data, tmp_path / "out", "sick")
    assert one.config == one.gold
    inputs = load_inputs(one.config)
    assert len(inputs.train) == len(inputs.dev or ()) == 48
    assert set(inputs.train) <= set(gold_rows(inputs, None, 40))


def test_a_file_that_is_missing_and_a_seed_without_split_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected rows of seed 99"):
        _prepare(data, tmp_path / "out", "rte", (99,))
    (data / "rte" / "train.jsonl.gz").unlink()
    with pytest.raises(DataError, match=r"train\.jsonl\.gz: there is no such file"):
        _prepare(data, tmp_path / "out", "rte")


def test_a_published_set_is_cut_raw_and_curated_and_its_drops_are_counted(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (one,) = _prepare(data, out, "rte")
    found = publish(data, out, one, rows=10)
    raw, curated = read(out / found.raw), read(out / found.curated)
    assert len(raw) == len(curated) == 20
    counts = found.counts["entailment"]
    assert counts == {"rows": 50, "copy": 20, "kept": 30, "used": 10}
    assert publish(data, out, one, rows=10) == found  # read back
    everything = publish(data, out, one, rows=100)
    assert {count["used"] for count in everything.counts.values()} == {30}  # as many of every label


def test_the_command_runs_all_arms_and_goes_on_where_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[Any] = []

    def run_cells(cells: Iterable[Any], out: Path, *, jobs: int) -> dict[str, Any]:
        found = {}
        for cell in cells:
            ran.append(cell)
            found[cell.key] = {"accuracy": 0.5 + 0.01 * len(ran), "macro_f1": 0.4}
            if isinstance(cell, SetCell) and cell.config.task == "sick":
                found[cell.key] = {"error": "too few rows"}
            elif isinstance(cell, SetCell):
                _keep(out / "sets" / cell.key, cell.config.task)
            elif cell.source:
                assert (out / cell.source).is_file()
        return found

    monkeypatch.setattr(real_table, "run_cells", run_cells)
    plot = tmp_path / "plot.png"
    options = ["--data", data, "--out", tmp_path / "out", "--tasks", "rte", "sick", "--seeds", "13", "--plot", plot]
    real_table.main(list(map(str, options)))
    methods = [(cell.config.task, cell.method) for cell in ran if isinstance(cell, PromptCell)]
    assert methods.count(("rte", "dawgen")) == 3  # our set, FewGen's raw and curated
    assert ("rte", "gold") in methods
    assert ("sick", "dawgen") not in methods  # its set failed
    printed = capsys.readouterr().out
    assert "no set of our own for sick, seed 13: too few rows" in printed
    assert "curated - raw" in printed
    assert "| rte | all | entailment | 3 | 2 | 1 |" in printed
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert {row["task"] for row in json.loads((tmp_path / "out" / "results.json").read_bytes())} == {"rte", "sick"}


def _keep(folder: Path, task: str) -> None:
    folder.mkdir(parents=True)
    kept = [_make_row("s", i, label) for i, label in enumerate(2 * LABELS[task])]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    (folder / "dropped.jsonl").write_text(json.dumps(kept[0] | {"reason": "copy"}) + "\n")


def test_tables_show_spread_differences_and_the_way_to_gold() -> None:
    values = {"prompt_tuning": 0.5, "paired": 0.55, "dawgen": 0.6, "gold": 0.7}
    scores = {
        ("own", arm, "rte", seed): {"accuracy": value + 0.01 * seed, "macro_f1": value}
        for arm, value in values.items()
        for seed in (1, 2, 3)
    }
    scores["own", "zero_shot", "rte", 1] = {"accuracy": 0.48, "macro_f1": 0.4}
    del scores["own", "gold", "rte", 3]
    table = Table(scores, {"rte": {"entailment": 70, "not_entailment": 68}}, {}, {}, 10)
    assert "| rte | 138 | 3 | 50.7 | 48.0 | 52.0 ± 1.0 | 57.0 ± 1.0 | 62.0 ± 1.0 | 71.5 ± 0.7 (2) |" in tabulate_arms(
        table, "accuracy"
    )
    differences = tabulate_differences(table)
    assert "+10.0 ± 0.0 (3/3, p 0.250) | +5.0 ± 0.0 (3/3, p 0.250)" in differences
    assert "| 50% |" in differences


def test_published_sets_are_compared_on_their_seeds_alone() -> None:
    from experiments.studies.real_data import Published

    scores = {
        (kind, "dawgen", "rte", 13): {"accuracy": value}
        for kind, value in {"own": 0.7, "raw": 0.5, "curated": 0.6}.items()
    }
    scores |= {("own", "prompt_tuning", "rte", seed): {"accuracy": 0.01 * seed} for seed in (13, 42)}
    table = Table(scores, {"rte": {}}, {("rte", 13): Published("raw", "curated", {})}, {}, 10)
    assert "| rte | dawgen | 13.0 | 70.0 | 50.0 | 60.0 | +10.0 (1/1, p 1.000) |" in tabulate_published(table)
