"""What is public loads when it is used, and the light entry points leave the heavy libraries alone."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dawgen

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "datasets", "sklearn", "matplotlib", "pyarrow")

LIGHT = {
    "package": "import dawgen; dawgen.errors, dawgen.Example, dawgen.__version__",
    "reading": "import dawgen; dawgen.read, dawgen.Task; dawgen.Task.load('mnli'); import dawgen.data",
    "data files": "import dawgen.config, dawgen.files, dawgen.records, dawgen.rng, dawgen.tasks",
    "command line": "import dawgen.cli",
    "help": "import runpy, sys; sys.argv = ['dawgen', '--help']; runpy.run_module('dawgen', run_name='__main__')",
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
def test_light_entry_points_load_nothing_heavy(code: str) -> None:
    script = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted(set(sys.modules) & set({HEAVY}))))
{code}
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "loaded:"


def test_public_names_are_there() -> None:
    for name in dawgen.__all__:
        assert getattr(dawgen, name) is not None
    assert set(dawgen.__all__) <= set(dir(dawgen))


def test_unknown_names_fail_as_usual() -> None:
    with pytest.raises(AttributeError, match="module 'dawgen' has no attribute 'Classifier'"):
        dawgen.Classifier  # noqa: B018


def test_version_is_the_same_everywhere() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == dawgen.__version__
    assert re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1] == dawgen.__version__  # type: ignore[index]
    assert f"## [{dawgen.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_pin_what_the_project_asks_for() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.+]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    names = {re.split(r"[\[<>=~! ]", item)[0].lower().replace("_", "-") for item in asked}
    assert names - set(pinned) == {"dawgen"}
    assert [item for item in asked if ">=" not in item] == [item for item in asked if item.startswith("dawgen[")]
    assert pinned["torch"] == "2.13.0"
    assert not re.search(r"file:|https?:|/opt|\+cpu", (ROOT / "constraints.txt").read_text())
