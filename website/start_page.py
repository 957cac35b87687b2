"""The start page: docs/README.md with a card for each reader, and the navigation, which is its lists."""

from __future__ import annotations

import re

from website.repository import ROOT, place

PAGE = ROOT / "docs" / "README.md"
# The headings of docs/README.md, and what a tab of the site calls them.
TABS = {
    "You have texts and want a classifier": "Use it",
    "You study the method": "Study it",
    "You run it for others": "Run it for others",
    "You change it": "Change it",
}
CARDS = 3  # of the headings: the readers
_SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^\d+\. \[(.+?)\]\(([^)#]+)\)", re.MULTILINE)


def list_sections() -> dict[str, str]:
    """Return what stands under each heading of docs/README.md."""
    return dict(_SECTION.findall(PAGE.read_text(encoding="utf-8")))


def list_navigation() -> list[dict[str, list[dict[str, str]]]]:
    """Return the sections with their pages, each page where it is named first."""
    seen, found = set[str](), []
    for heading, text in list_sections().items():
        pages = []
        for title, link in _ENTRY.findall(text):
            name = place(link.removeprefix("../") if link.startswith("../") else f"docs/{link}")
            if name not in seen:
                pages.append({title: name})
            seen.add(name)
        found.append({TABS.get(heading, heading): pages})
    return found


def add_cards(markdown: str) -> str:
    """Return the start page with a card for each reader in front of the lists."""
    cards = ['<div class="grid cards" markdown>\n']
    for heading, text in list(list_sections().items())[:CARDS]:
        said = text.strip().partition("\n\n")[0].replace("\n", " ")
        first, link = _ENTRY.findall(text)[0]
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        cards.append(f"-   **[{heading}](#{anchor})**\n\n    {said}\n\n    Begin with [{first}]({link}).\n")
    before, heading, after = markdown.partition("\n## ")
    return before + "\n\n" + "\n".join(cards) + "\n</div>\n" + heading + after
