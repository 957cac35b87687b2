"""Files of the repository as pages of the site: where each one is, which are linked to, and links to them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = "repository"
CODE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*$|(?:^ {4}[^\n]*\n)+|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^()\s#]+)(#[^()\s]*)?(?=\))")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".cff": "yaml", ".json": "json"}
COPIED = (".png", ".svg", ".jpg")
LARGEST = 200_000  # bytes of a file that is shown; of a larger one its first lines


def place(path: str) -> str:
    """Return where the site has a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.endswith(".md") or is_copied(path):
        return f"{FOLDER}/{path.removesuffix('README.md')}{'index.md' if path.endswith('README.md') else ''}"
    return f"{FOLDER}/{path}.md"


def find_source(name: str) -> str:
    """Return which file of the repository a page of the site shows, by the page's name."""
    return next((path for path in list_linked() if place(path) == name), f"docs/{name}")


def is_copied(path: str) -> bool:
    """Return whether a file is an image, which is no page."""
    return path.endswith(COPIED)


@cache
def list_linked() -> tuple[str, ...]:
    """Return the files and folders outside docs/ that a page links to, directly or by way of others."""
    found: dict[str, None] = {}
    waiting = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
    while waiting:
        source = waiting.pop(0)
        for target in list_targets(source):
            if target not in found and not target.startswith("docs/") and (ROOT / target).exists():
                found[target] = None
                waiting += [target] if target.endswith(".md") or (ROOT / target).is_dir() else []
    return tuple(found)


def list_targets(source: str) -> Iterator[str]:
    """Yield the files that a page of the repository links to; of a folder all that is in it."""
    if (ROOT / source).is_dir():
        yield from (f"{source}/{path.name}" for path in sorted((ROOT / source).iterdir()) if path.is_file())
        return
    text = CODE.sub("", (ROOT / source).read_text(encoding="utf-8"))
    for link in LINK.finditer(text):
        yield _resolve(source, link[1])


def make_page(path: str) -> str:
    """Return a file of the repository as a page: a page as it is, a folder as a list, any other file as its text."""
    file = ROOT / path
    if path.endswith(".md"):
        return re.sub(r"\A---\n.*?\n---\n", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    head = f"---\ntitle: {file.name}\nsearch: {{exclude: true}}\nhide: [toc]\n---\n\n# {path}\n\n"
    if file.is_dir():
        names = [posixpath.basename(name) for name in list_targets(path)]
        return head + "".join(f"- [{name}]({name})\n" for name in names)
    text = file.read_bytes()[:LARGEST].decode("utf-8", errors="ignore").rstrip("\n")
    fence = "`" * max(4, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{head}{fence}{LANGUAGES.get(file.suffix, 'text')}\n{text}\n{fence}\n"


def relink(markdown: str, source: str) -> str:
    """Return a page's text with its links to files of the repository as links inside the site.

    source: which file of the repository the page is.
    """
    parts, end = list[str](), 0
    for code in CODE.finditer(markdown):
        parts += [_relink(markdown[end : code.start()], source), code[0]]
        end = code.end()
    return "".join(parts) + _relink(markdown[end:], source)


def _relink(text: str, source: str) -> str:
    def turn(link: re.Match[str]) -> str:
        target = _resolve(source, link[1])
        if not (ROOT / target).exists():
            return link[0]  # a page that is made, or a dead link, which mkdocs names
        return posixpath.relpath(place(target), posixpath.dirname(place(source)) or ".") + (link[2] or "")

    return LINK.sub(turn, text)


def _resolve(source: str, link: str) -> str:
    folder = source if (ROOT / source).is_dir() else posixpath.dirname(source)
    return posixpath.normpath(posixpath.join(folder, link))
