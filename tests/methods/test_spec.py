"""Specs: light to read, each in the file that does the method, and all that other parts know of a method."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dawgen.methods
from dawgen.config import BaselineConfig, RunConfig
from dawgen.errors import ConfigError
from dawgen.methods.table import METHODS, check_names, list_specs

PROBE = """
import dawgen.cli.options, dawgen.report.grid.arms, dawgen.bench.arms, dawgen.methods.table, dawgen.runs.settings

print("coin" in dawgen.methods.table.METHODS)
print(dawgen.runs.settings.resolve_config(arguments={"methods": ["coin"]}).methods)
print("coin" in dawgen.cli.options.Methods.__metadata__[0].help)
print(sorted(["gold", "coin", "lora"], key=lambda name: dawgen.report.grid.arms.Arm(name).place))
print(dawgen.report.grid.arms.name_family("coin"), dawgen.bench.arms.parse_arm("coin").schedule == "")
"""
COIN = """
from dawgen.methods.interface import Untrained
from dawgen.methods.spec import MethodSpec


def fit_coin(backbone, given):
    return Untrained(given.task.labels, lambda rows: rows)


SPECS = (MethodSpec(name="coin", fit=fit_coin, place=75, family="luck", trains=(), schedule=None),)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose modules are methods of the package too."""
    dawgen.methods.__path__.append(str(tmp_path))
    yield tmp_path
    dawgen.methods.__path__.remove(str(tmp_path))
    sys.modules.pop("dawgen.methods.coin", None)


def test_specs_load_nothing_heavy() -> None:
    code = "import sys, dawgen.methods.table; sys.exit(bool({'torch', 'sklearn', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_with_a_spec_is_a_method(folder: Path) -> None:
    (folder / "coin.py").write_text(COIN)
    names = [spec.name for spec in list_specs()]
    assert names.index("coin") == names.index("lora") + 1
    assert set(names) == {*METHODS, "coin"}


def test_its_name_stands_in_settings_help_tables_and_grids(tmp_path: Path) -> None:
    (tmp_path / "coin.py").write_text(COIN)
    code = f"import dawgen.methods; dawgen.methods.__path__.append({str(tmp_path)!r})\n{PROBE}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.splitlines() == [
        "True",
        "('coin',)",
        "True",
        "['lora', 'coin', 'gold']",
        "luck True",
    ], found.stderr


def test_names_and_places_are_distinct() -> None:
    specs = list_specs()
    assert len({spec.name for spec in specs}) == len({spec.place for spec in specs}) == len(specs)


def test_every_setting_of_baselines_is_some_method_s_own() -> None:
    assert {name for spec in METHODS.values() for name in spec.settings} == set(BaselineConfig.model_fields)


def test_what_trains_has_a_schedule_and_what_has_a_set_uses_it() -> None:
    for spec in METHODS.values():
        assert (spec.schedule is None) == (spec.trains == ())
        assert (spec.rows in ("set", "edited")) == (spec.schedule not in (None, "real"))
        assert bool(spec.way) == spec.synthetic


def test_the_default_methods_exist_and_an_unknown_one_is_said_with_the_nearest() -> None:
    check_names(RunConfig().methods)
    with pytest.raises(ConfigError, match=r"methods\.1: unknown method 'dawgn'; .*did you mean dawgen"):
        check_names(["lora", "dawgn"])
