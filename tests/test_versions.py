"""Versions, and hints that name extras, are the same wherever they stand."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HINT = re.compile(r"pip install[^\n]{0,80}?(\S?)\bdawgen\[([\w,]+)\](\S?)")
OTHER = re.compile(r"""pip install[^\n"']*\s\.?(?:dawgen)?\[""")


def list_texts() -> list[Path]:
    found = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.j2"), *(ROOT / "src").rglob("*.yaml")]
    return [*found, *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.yml")]


def test_commits_are_checked_with_the_tools_of_ci() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [re.findall(r"\.venv/bin/python -m (\w+)(?: (\w+))?", hook["entry"]) for hook in local["hooks"]]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint is not None
    tools = re.findall(r"\$\(IN\) (\w+)(?: (\w+))?", lint[1])
    assert tools == [("ruff", "check"), ("ruff", "format"), ("mypy", "")]
    assert [found for (found,) in hooks] == tools


def test_hints_name_extras_that_there_are_in_quotes() -> None:
    count = 0
    for path in list_texts():
        text = path.read_text(encoding="utf-8")
        for before, extras, behind in HINT.findall(text):
            assert (before, behind) == ('"', '"'), f"{path}: {extras}"
            assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys() | {"NAME"}, path
            count += 1
        assert not OTHER.search(text), f"{path}: {OTHER.search(text)}"
    assert count > 12


def test_mkdocs_2_which_has_no_plugins_is_excluded() -> None:
    assert any(re.fullmatch(r"mkdocs>=1\.\d+,<2", item) for item in PROJECT["optional-dependencies"]["docs"])
