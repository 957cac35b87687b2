"""Imports go one way: a module imports only from its own part and from parts below it."""

import ast
from pathlib import Path

import pytest

import dawgen

SOURCE = Path(dawgen.__file__).parent

# From top to bottom; the parts of one layer do not import each other.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"analysis", "annotate", "batch", "doctor", "serve"},
    {"web"},
    {"bench"},
    {"pipeline"},
    {"report"},
    {"cost"},
    {"baselines"},
    {"audit"},
    {"generator", "target"},
    {"curation", "prompt"},
    {"backbones"},
    {"data", "scenes"},
    {"tasks"},
    {"config", "records", "files", "rng", "stats"},
    {"errors", "__version__"},
]
LEVELS = {part: level for level, parts in enumerate(LAYERS) for part in parts}

MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def list_imports(path: Path) -> set[str]:
    """Return the parts of dawgen that a module imports anywhere, also inside functions and for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((SOURCE / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names = [f"dawgen.{alias.name}" for alias in node.names] if node.module == "dawgen" else [node.module or ""]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("dawgen.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    part = path.parts[0].removesuffix(".py")
    assert part in LEVELS, f"{part} has no layer: say in LAYERS where it stands"
    wrong = sorted(other for other in list_imports(path) - {part} if LEVELS.get(other, -1) <= LEVELS[part])
    assert not wrong, f"{path} imports {wrong}, which do not stand below {part}"


def test_what_would_break_the_rule_is_seen() -> None:
    assert list_imports(Path("data/read.py")) >= {"data", "errors", "records", "tasks"}
