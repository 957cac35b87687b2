"""Every page: its links, anchors, files, modules and commands are there, and a long one has a table of contents."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main

import dawgen
from dawgen.cli import app

ROOT = Path(__file__).parents[2]
SOURCE = Path(dawgen.__file__).parent
PAGES = sorted(
    path for where in ("*.md", "docs/*.md", "benchmarks/*.md", "experiments/*.md") for path in ROOT.glob(where)
)
OF_THE_PAST = {"CHANGELOG.md", "LOG.md"}  # these name what was there when they were written
FILES = {"dawgen.json"}
LONG = 2000  # words, all that stand between white space: code and tables count, as they are scrolled past too

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
NAMED = re.compile(r"(?<![\w/.-])(?<!--out )((?:experiments|benchmarks|docs|src|tests)/[\w./-]*\w)(?![\w*<{])")
LINK = re.compile(r"\[[^][]*(?:\[[^][]*\][^][]*)*\]\(([^()\s]+)\)")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def list_headings(text: str) -> list[tuple[int, str]]:
    """Return level and words of each heading outside code."""
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) +(.*)$", FENCE.sub("", text), re.MULTILINE)]


def make_anchor(words: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def list_anchors(page: Path) -> set[str]:
    return {make_anchor(words) for _, words in list_headings(read(page))}


def list_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each `dawgen` command in a page's code blocks."""
    text = read(page)
    for block in [*FENCE.findall(text), *INDENTED.findall(FENCE.sub("", text))]:
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith("dawgen "):
                yield shlex.split(line, comments=True)


named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
current = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in OF_THE_PAST], ids=lambda page: str(page.relative_to(ROOT))
)


@named
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", read(page))):
        if link.startswith(("http:", "https:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), f"{link}: there is no {target}"
        assert not anchor or anchor in list_anchors(target), f"{link}: no heading of {target.name} gives this anchor"


@named
def test_a_long_page_has_a_table_of_contents(page: Path) -> None:
    text = read(page)
    if len(text.split()) > LONG:
        top = text.partition("\n## ")[0]
        missing = [
            words for level, words in list_headings(text) if level == 2 and f"(#{make_anchor(words)})" not in top
        ]
        assert not missing, f"{len(text.split())} words: expected links to {missing} above the first of them"


@named
def test_tables_are_well_formed(page: Path) -> None:
    lines = FENCE.sub("", read(page)).splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert count_cells(above) == count_cells(line), line


def count_cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line)))


@current
def test_files_that_a_page_names_are_there(page: Path) -> None:
    found = re.findall(
        r"(?<![\w/.-])(?<!--out )((?:experiments|benchmarks|docs|src|tests)/[\w./-]*\w)(?![\w*<{])", read(page)
    )
    assert [name for name in found if "NAME" not in name and not (ROOT / name).exists()] == []


@current
def test_modules_that_a_page_names_are_there(page: Path) -> None:
    text = read(page)
    for name in re.findall(r"python -m ((?:experiments|benchmarks|dawgen)[\w.]*\w)", text):
        parts = name.split(".")
        place = (SOURCE.parent if parts[0] == "dawgen" else ROOT).joinpath(*parts)
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), name
    for name in set(re.findall(r"`(dawgen(?:\.\w+)+)[`(]", text)) - FILES:
        assert find_name(name.split(".")[1:]), f"{name}: neither a module nor a name in one"


def find_name(parts: list[str]) -> bool:
    """Return whether a dotted name below `dawgen` is a public name, a module, or a function or class of a module."""
    if len(parts) == 1 and parts[0] in dawgen.__all__:
        return True
    place = SOURCE.joinpath(*parts)
    if place.is_dir() or place.with_suffix(".py").is_file():
        return True
    home = SOURCE.joinpath(*parts[:-1])
    file = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
    return file.is_file() and bool(re.search(rf"^(?:def|class) {parts[-1]}\b", file.read_text(), re.MULTILINE))


@current
def test_commands_of_a_page_have_the_verbs_and_options_that_they_use(page: Path) -> None:
    for words in list_commands(page):
        command: Any = typer.main.get_command(app)
        rest = words[1:]
        if rest in (["--install-completion"], ["--version"]):
            continue
        while verbs := getattr(command, "commands", None):
            assert rest, f"{' '.join(words)}: expected a verb"
            assert rest[0] in verbs, f"{' '.join(words)}: no such verb"
            command = verbs[rest.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help", "--debug", "--quiet"}, " ".join(words)


@current
def test_targets_of_make_are_there(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    found = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", read(page), re.MULTILINE)
    assert set(found) <= set(targets)
