"""The README: short, and what it says of speed is in the benchmarks' own table."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
BENCHMARKS = ROOT / "benchmarks"


def test_it_stays_short() -> None:
    assert len(PAGE.splitlines()) < 150


def test_speeds_are_those_of_the_benchmarks() -> None:
    measured = re.findall(r"\| ([\d.]+ \([\d.]+ to [\d.]+\)) \|$", PAGE, re.MULTILINE)
    assert len(measured) >= 4
    table = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert [ratio for ratio in measured if f"| {ratio} |" not in table] == []


def test_it_counts_the_aims_that_were_missed() -> None:
    results = json.loads((BENCHMARKS / "speed" / "results.json").read_text())
    missed = sum(not row["holds"] for row in results)
    assert f"all {len(results)} lines; {missed} miss" in PAGE
