"""The architecture page: its tree is the package's, and every function of its walk is where it says."""

import re
from pathlib import Path

import dawgen

ROOT = Path(__file__).parents[2]
SOURCE = Path(dawgen.__file__).parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_tree_is_that_of_the_package() -> None:
    block = re.search(r"^```tree\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    listed = [line.split()[0].removesuffix("/") for line in block[1].splitlines()]
    there = {path.name for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert sorted(listed) == sorted(there - {"__init__.py", "__main__.py"})


def test_every_function_of_the_walk_is_there() -> None:
    named = re.findall(r"\[`(\w+)`\]\(\.\./(src/[\w/.]+)\)", PAGE)
    assert len(named) > 20
    gone = [
        (name, file)
        for name, file in named
        if not re.search(rf"^(?:async )?(?:def|class) {name}\b", (ROOT / file).read_text(), re.MULTILINE)
    ]
    assert gone == []
