"""What every page of the report must be: well nested, with ids of its own, and without anything from outside."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "wbr"}


class Structure(HTMLParser):
    """Collects headings, ids and links within the page, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.stack: list[str] = []
        self.plots = 0

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value[1:] for name, value in attrs if name == "href"]
        self.plots += tag == "svg"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] in {"h1", "h2"}:
            self.headings.append(data.strip())


def parse(page: str) -> Structure:
    """Return the structure of a page whose elements nest."""
    structure = Structure()
    structure.feed(page)
    assert structure.stack == []
    return structure


def check_self_contained(page: str) -> None:
    """Assert that a browser fetches nothing for the page, and that links and references end within it."""
    assert "http" not in page
    assert "@import" not in page
    assert not re.search(r"\b(src|srcset|action)=", page)
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    structure = parse(page)
    assert len(structure.ids) == len(set(structure.ids))
    assert set(structure.links) <= set(structure.ids)
