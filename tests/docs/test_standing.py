"""Who has only installed the package can follow every page: one that needs files of the repository says so first."""

import re
from pathlib import Path

import pytest

from website.start_page import PAGE, list_navigation

DOCS = PAGE.parent
PAGES = sorted(DOCS.glob("*.md"))
NOTE = (
    "> **Needs a clone of the repository** for commands with `make`, `experiments` or `benchmarks`; all others need "
    "the package alone."
)
CODE = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4}[^\n]*\n)+)|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(
    r"^make \w|python -m (?:experiments|benchmarks)\b|(?:^dawgen |^ *--).*(?<![\w/])(?:experiments|benchmarks)/"
)

each = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def list_commands(text: str) -> list[str]:
    """Return the lines of code blocks, and code inside lines."""
    text = re.sub(r"\bpython -m\n", "python -m ", text)  # inside a paragraph
    return [line.strip() for block in CODE.findall(text) for line in "".join(block).splitlines()]


@each
def test_a_page_whose_commands_need_a_clone_says_so_in_its_first_lines(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    needing = [line for line in list_commands(text) if NEEDS.search(line)]
    says = NOTE in text.splitlines()[:4]
    assert says == bool(needing), f"expected {NOTE!r} below the title" if needing else "no command needs a clone"


def test_what_needs_a_clone_is_found() -> None:
    text = (
        "`make demo` and\n\n    python -m experiments.a\n    dawgen bench --grid experiments/a.yaml\n    dawgen demo\n"
    )
    assert [bool(NEEDS.search(line)) for line in list_commands(text)] == [True, True, True, False]


def test_the_start_page_leads_to_every_page() -> None:
    named = {
        name for section in list_navigation() for pages in section.values() for one in pages for name in one.values()
    }
    missing = sorted({page.name for page in PAGES} - named - {PAGE.name})
    assert not missing, f"docs/README.md, from which the site's navigation is made, expected a line for {missing}"
