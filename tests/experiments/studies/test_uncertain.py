"""The study of chosen rows in miniature: its rows are disjoint, and what is measured is not measured again."""

import gzip
import json
from pathlib import Path

import pytest

from dawgen.data import leak_key
from dawgen.tasks import Task
from experiments.pages.rows import read_rows
from experiments.studies import uncertain
from experiments.studies.uncertain import ARMS, Data, Row, draw_real, draw_scenes, main, make_block
from support.tiny import save_tiny


def test_shots_pool_and_test_rows_share_no_text() -> None:
    drawn = draw_scenes("scenes-nli", 13)
    parts = [{leak_key(row) for row in rows} for rows in (drawn.shots, drawn.pool, drawn.test)]
    assert [len(part) for part in parts] == [48, 400, 600] and len(set.union(*parts)) == 1048


def test_pool_and_test_rows_of_a_real_task_are_the_same_for_every_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uncertain, "POOL", 40)
    monkeypatch.setattr(uncertain, "TEST", 20)
    (tmp_path / "sst2").mkdir()
    rows = [{"text": f"text number {n}", "label": ("negative", "positive")[n % 2]} for n in range(130)]
    for name, part in (("train", rows[:110]), ("validation", rows[100:])):  # ten rows stand in both
        with gzip.open(tmp_path / "sst2" / f"{name}.jsonl.gz", "wt") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in part)
    first, second = (draw_real(Task.load("sst2"), tmp_path, seed) for seed in (13, 21))
    assert first.pool == second.pool and first.test == second.test and first.shots != second.shots
    assert (len(first.shots), len(first.pool), len(first.test)) == (32, 40, 20)
    parts = [{leak_key(row) for row in rows} for rows in (first.shots, first.pool, first.test)]
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_a_task_and_seed_gives_every_arm_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(task: str, seed: int) -> Data:
        rows = draw_scenes(task, seed)
        return Data(rows.shots[:12], rows.pool[:30], rows.test[:12])

    monkeypatch.setattr(uncertain, "SCENES", ("scenes-question",))
    monkeypatch.setattr(uncertain, "SEEDS", (13,))
    monkeypatch.setattr(uncertain, "draw_scenes", draw)
    target, out = str(save_tiny("t5", tmp_path / "t5")), tmp_path / "rows.csv"
    monkeypatch.setattr(uncertain, "make_settings", lambda data: {"steps": 2, "prompt_length": 3})
    main(["--out", str(out), "--target", target])
    rows = read_rows(out, Row)
    assert [row.arm for row in rows] == list(ARMS) and all(row.n == 12 for row in rows)
    assert [sum(map(int, row.counts.split("-"))) for row in rows[1:]] == [16, 16, 16]
    stamp = out.stat().st_mtime_ns
    main(["--out", str(out), "--target", target])
    assert out.stat().st_mtime_ns == stamp


def test_the_table_compares_the_same_tasks_and_seeds() -> None:
    shares = {"shots": 0.5, "chosen": 0.7, "random": 0.6, "margin alone": 0.65}
    rows = [
        Row("m", task, seed, arm, share, 10, 0.0, share / 2, "", 1.0)
        for task in ("a", "b")
        for seed in (1, 2)
        for arm, share in shares.items()
    ]
    lines = [[cell.text for cell in line] for line in make_block(rows).rows]
    assert [line[1] for line in lines] == ["a", "b", "all"]
    assert {line[6] for line in lines} == {"35 / 30"}
    assert lines[2][7].startswith("+10.0 ± 0.0 (4/4") and lines[2][8].startswith("+10.0 ± 0.0 (4/4")
