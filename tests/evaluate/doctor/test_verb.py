"""`dawgen doctor` as a user types it."""

import json
import re
from pathlib import Path
from typing import Any

from dawgen.evaluate.doctor.diagnose import NAMES
from dawgen.runs.settings import resolve_config
from support.grid_folders import make_grid
from support.run_folders import make_run, write

ROOT = Path(__file__).parents[3]
COLLAPSED = {"gold": [0, 1, 2] * 100, "predicted": [1] * 300}


def test_a_finding_is_no_failure(dawgen: Any, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    write(folder / "prompts" / "dawgen" / "predicted.json", json.dumps(COLLAPSED))
    status, out, err = dawgen("doctor", folder, "--no-look", "--json")
    assert status == 0, err
    assert "collapsed (serious)" in out
    assert f"{folder}, dawgen: 300 of 300 answers are 'neutral'" in out
    assert "1 run examined, 0 with nothing found" in out
    found = json.loads(out.splitlines()[-1])
    assert found["runs"] == [str(folder)]
    assert found["findings"][0] | {"try": "", "cause": ""} == {
        "name": "collapsed",
        "severity": "serious",
        "run": str(folder),
        "method": "dawgen",
        "evidence": "300 of 300 answers are 'neutral'; the largest label has 100 rows",
        "numbers": {"share": 1.0, "largest_label": 1 / 3},
        "cause": "",
        "try": "",
    }


def test_runs_without_a_finding(dawgen: Any, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, seed=seed) for name, seed in (("a", 13), ("b", 21))]
    status, out, _ = dawgen("doctor", *runs, "--threads", 1)
    assert status == 0
    assert "2 runs examined, 2 with nothing found" in out
    assert "note: rows not looked at again" in out
    assert "(2 runs)" in out


def test_a_grid_is_examined(dawgen: Any, tmp_path: Path) -> None:
    arms = [("prompt_tuning", "real", ""), ("dawgen", "paired", "project")]
    folder = make_grid(tmp_path / "grid", tasks=["sick"], targets=["mini-t5"], arms=arms, sizes=False)
    status, out, _ = dawgen("doctor", folder)
    assert status == 0
    assert "note: a grid" in out


def test_what_is_no_run_is_refused(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("doctor", tmp_path)
    assert status == 2
    assert "expected a finished run, found no metrics.json" in err
    folder = make_run(tmp_path / "a")
    assert dawgen("doctor", folder, "--test", tmp_path / "none.jsonl")[0] == 2
    write(folder / "metrics.json", "{")
    status, _, err = dawgen("doctor", folder)
    assert status == 2
    assert "metrics.json" in err


def test_the_switches_to_try_are_settings_that_exist() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src" / "dawgen" / "evaluate" / "doctor").glob("*.py"))
    switches = sorted(set(re.findall(r"--set (\w+\.\w+=[\w./-]+)", sources)))
    assert len(switches) > 10
    assert resolve_config(assignments=switches)


def test_the_docs_explain_every_name() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    assert [name for name in NAMES if f"**{name}**" not in page] == []
