"""What a notebook shows of results and of jobs that take a while, in plain HTML: no extension is needed.

>>> show_table("", ["label"], [["<a>"]])[-63:]
'<td style="text-align:left">&lt;a&gt;</td></tr></tbody></table>'
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any

EVERY = 0.2  # s between two looks of a bar
_LEFT, _RIGHT = "text-align:left", "text-align:right"


def in_notebook() -> bool:
    """Return whether what is displayed becomes part of a notebook: Jupyter, VS Code, Colab; not IPython's terminal."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)  # a notebook has imported it long ago
    shell = get_shell() if get_shell is not None else None
    return shell is not None and (type(shell).__name__ == "ZMQInteractiveShell" or "google.colab" in str(type(shell)))


def show_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    notes: Sequence[str] = (),
    names: int = 1,
) -> str:
    """Return a table in HTML, all texts escaped; the first `names` columns are aligned left, the others right."""

    def place(tag: str, cells: Sequence[object]) -> str:
        styles = (_LEFT if column < names else _RIGHT for column in range(len(cells)))
        found = (
            f'<{tag} style="{style}">{escape(str(cell))}</{tag}>' for style, cell in zip(styles, cells, strict=True)
        )
        return f"<tr>{''.join(found)}</tr>"

    body = "".join(place("td", row) for row in rows)
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    below = "".join(f"<p><small>{escape(note)}</small></p>" for note in notes)
    return f"<table>{caption}<thead>{place('th', header)}</thead><tbody>{body}</tbody></table>{below}"


def shorten(text: object, most: int = 120) -> str:
    """Return a text in one line of at most so many characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


class Bar:
    """A bar in the cell that runs; its last line stays in the notebook. total: steps."""

    def __init__(self, what: str, total: int) -> None:
        shown: Any = import_module("IPython.display")
        self.what, self.total, self.done = what, total, 0
        self._begin = self._drawn = time.perf_counter()
        self._make = shown.HTML
        self._handle = shown.display(shown.HTML(self._draw()), display_id=True)

    def advance(self, done: int | None = None) -> None:
        """Count one more step, or say how many are done."""
        self.done = self.done + 1 if done is None else done
        if time.perf_counter() - self._drawn >= EVERY:
            self._drawn = time.perf_counter()
            self._handle.update(self._make(self._draw()))

    def end(self) -> None:
        """Put the line in the bar's place that stays."""
        said = f"{self.what}: {self.done:,} of {self.total:,}, {time.perf_counter() - self._begin:.0f} s"
        self._handle.update(self._make(f"<small>{escape(said)}</small>"))

    def _draw(self) -> str:
        spent = time.perf_counter() - self._begin
        left = f", about {spent / self.done * (self.total - self.done):.0f} s to go" if self.done else ""
        bar = f'<progress value="{self.done}" max="{max(self.total, 1)}"></progress>'
        return f"{escape(self.what)} {bar} {self.done:,} of {self.total:,}{left}"
