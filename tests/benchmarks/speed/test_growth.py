"""The growth benchmark: what it notes, what it makes of the notes, and that a killed one goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import growth
from benchmarks.speed.growth import Meter, compare_costs, grow_set, judge, list_milestones, read_rss, time_training
from benchmarks.speed.growth_plots import draw_generation, draw_training
from dawgen.config import GeneratorConfig
from dawgen.models.load import load_generator, load_target


def make_notes(shards: int, cost: Any = lambda shard: 0.01) -> list[dict[str, Any]]:
    return [
        {
            "generated": 100 * (shard + 1),
            "kept": 80 * (shard + 1),
            "cpu_s": 100 * cost(shard),
            "clock_s": 1.5,
            "rss": 600_000_000,
        }
        for shard in range(shards)
    ]


def test_milestones_look_at_the_second_half_of_the_way() -> None:
    notes = make_notes(1000, lambda shard: 0.01 if shard < 100 else 0.02)
    small, large = list_milestones(notes, [1000, 80_000])
    assert small["cpu_ms_per_generated"] == pytest.approx(10) and large["cpu_ms_per_generated"] == pytest.approx(20)
    assert small["clock_ms_per_generated"] == pytest.approx(15)
    assert small["yield"] == pytest.approx(0.8) and small["rss_mb"] == 600
    assert compare_costs(notes, 1000, 80_000) == pytest.approx([2.0] * 5)


def test_a_tenth_more_is_allowed() -> None:
    notes = make_notes(1000, lambda shard: 0.01 * (1 + shard / 10_000))
    cost, memory, training = judge(notes, [1000, 80_000], {1000: [1.0, 2.0], 80_000: [1.2, 2.3]})
    assert cost.holds and 1.04 < cost.ratio_median < 1.1 and cost.pairs == 5
    assert memory.ratio_median == 1
    assert not training.holds and training.ratio_median == pytest.approx(1.175)


def test_the_meter_keeps_the_first_note_of_a_shard(tmp_path: Path) -> None:
    row = {"stage": "generate", "generated": 9, "kept": {"a": 2, "b": 3}}
    first = Meter(tmp_path / "notes.jsonl")
    first.write({"stage": "generator", "step": 0})
    first.write(row | {"shard": 0})
    again = Meter(tmp_path / "notes.jsonl")
    again.write(row | {"shard": 0})
    again.write(row | {"shard": 1})
    assert again.rows[0] == first.rows[0] and len(again.rows) == 2
    assert again.rows == [json.loads(line) for line in (tmp_path / "notes.jsonl").read_text().splitlines()]
    assert again.rows[1]["kept"] == 5 and again.rows[1]["rss"] > 1e7
    assert read_rss() > 1e7


def test_a_small_growth_goes_on_trains_and_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BATCH", 2)
    quick = GeneratorConfig(kind="plain", steps=20, lr=0.02)
    notes = grow_set(load_generator("mini-ctrl"), 30, tmp_path, quick)
    assert notes[-1]["kept"] == 30
    assert grow_set(load_generator("mini-ctrl"), 30, tmp_path, quick) == notes
    train = tmp_path / "synthetic" / "train.jsonl"
    seconds = time_training(load_target("mini-t5"), train, [10, 30], steps=1, rounds=2)
    assert [len(values) for values in seconds.values()] == [2, 2]
    assert len((train.parent / "first-10.jsonl").read_bytes().splitlines()) == 10
    draw_generation(list_milestones(make_notes(100), [1000, 8000]), tmp_path / "a.png")
    draw_training(seconds, 1, tmp_path / "b.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("a.png", "b.png"))
