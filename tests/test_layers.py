"""Imports go one way: a module imports only from its own part and from parts below it.

The layers are drawn on docs/architecture.md, and read from there.
"""

import ast
import re
from pathlib import Path

import pytest

import dawgen

SOURCE = Path(dawgen.__file__).parent
PAGE = SOURCE.parent.parent / "docs" / "architecture.md"
GROUPS = ("deploy", "evaluate")  # folders of parts that stand in layers of their own


def read_layers(page: str) -> list[set[str]]:
    """Return the parts of each layer, from top to bottom: the lines of the page's block called `layers`."""
    block = re.search(r"^```layers\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block, f"{PAGE}: expected a block that begins with ```layers"
    return [set(re.findall(r"[\w/]+", line.partition("  ")[0])) for line in block[1].splitlines()]


LAYERS = read_layers(PAGE.read_text(encoding="utf-8"))
LEVELS = {part: level for level, parts in enumerate(LAYERS) for part in parts}
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def name_part(names: list[str]) -> str:
    """Return the part that a module belongs to, given the names of its path: "runs", or "deploy/serve"."""
    return "/".join(names[:2]) if names[0] in GROUPS and len(names) > 1 else names[0]


def list_imports(path: Path) -> set[str]:
    """Return the parts of dawgen that a module imports anywhere, also inside functions and for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((SOURCE / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            whole = node.module in ("dawgen", *(f"dawgen.{group}" for group in GROUPS))
            names = [f"{node.module}.{alias.name}" for alias in node.names] if whole else [node.module or ""]
        else:
            continue
        found |= {name_part(name.split(".")[1:]) for name in names if name.startswith("dawgen.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    part = name_part([name for name in path.with_suffix("").parts if name != "__init__"])
    if part in GROUPS:
        return
    assert part in LEVELS, f"{part} has no layer: say in {PAGE.name} where it stands"
    wrong = sorted(other for other in list_imports(path) - {part} if LEVELS.get(other, -1) <= LEVELS[part])
    assert not wrong, f"{path} imports {wrong}, which do not stand below {part}"


def test_what_would_break_the_rule_is_seen() -> None:
    assert list_imports(Path("data/read.py")) >= {"data", "errors", "records", "tasks"}
    assert "deploy/serve" in list_imports(Path("cli/serve.py"))


def test_the_page_names_every_part_once() -> None:
    listed = [part for parts in LAYERS for part in parts]
    there = {name_part([name for name in path.with_suffix("").parts if name != "__init__"]) for path in MODULES}
    assert sorted(listed) == sorted({*listed}), "a part stands in two layers"
    assert set(listed) - {"__version__"} == there - set(GROUPS)
