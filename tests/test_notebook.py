"""What notebooks show: results as tables with all texts escaped, and a bar for what takes a while, only there."""

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import dawgen
from dawgen import progress
from dawgen.curation import Verdict
from dawgen.generator.write.quotas import Generation
from dawgen.notebook import Bar, in_notebook, shorten, show_table
from dawgen.progress import Reporter, be_quiet
from dawgen.records import Candidate
from dawgen.report.table.core import Cell, make_table
from support.generators import PAIR_ROWS, PAIRS, TEXTS
from support.targets import make_pairs, make_task

BAD = "<script>alert('x')</script>"


class Screen:
    """What the cells of a notebook show: one list of HTML for each display, its last one stays."""

    def __init__(self) -> None:
        self.shown: list[list[str]] = []

    def display(self, html: str, display_id: bool = False) -> Any:
        assert display_id
        self.shown.append([html])
        return SimpleNamespace(update=self.shown[-1].append)

    @property
    def lines(self) -> list[str]:
        return [updates[-1] for updates in self.shown]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A Jupyter notebook, as far as IPython says."""
    screen, shell = Screen(), type("ZMQInteractiveShell", (), {})()
    package, shows = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: shell  # type: ignore[attr-defined]
    shows.HTML, shows.display = str, screen.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", shows)
    return screen


def test_a_terminal_and_a_script_are_no_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    package, shell = ModuleType("IPython"), type("TerminalInteractiveShell", (), {})()
    package.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    assert not in_notebook()
    package.get_ipython = lambda: None  # type: ignore[attr-defined]  # imported by another library
    assert not in_notebook()


def test_every_text_of_a_table_is_escaped() -> None:
    shown = show_table(BAD, [BAD, "n"], [[BAD, 3]], notes=[BAD])
    assert "<script" not in shown and shown.count("&lt;script&gt;") == 4
    assert '<td style="text-align:right">3</td>' in shown
    table = make_table(BAD, [BAD], [[Cell(BAD)]], key="k", notes=[BAD])._repr_html_()
    assert "<script" not in table and table.count("&lt;script&gt;") == 4


def test_long_texts_are_shortened_to_one_line() -> None:
    assert shorten("a\n b") == "a b"
    assert len(shorten("a" * 500)) == 120


def test_a_generation_says_what_was_dropped_with_an_example() -> None:
    verdict = Verdict(False, "copy", 1.0)
    generation = Generation(generated=Counter({"yes": 1200, "no": 3}), counts=Counter({"yes": 7, "no": 2}), surplus=4)
    for text in (BAD, "another"):
        generation.count_drop(Candidate(dawgen.Example(text, "a second text", "yes")), verdict)
    shown = generation._repr_html_()
    assert "&lt;script&gt;" in shown and "<script" not in shown and "another" not in shown
    assert all(part in shown for part in (">1200<", ">7<", ">copy<", ">2<", "a second text", "4 more came"))
    assert "Dropped" not in Generation()._repr_html_()


def test_what_curation_did_is_counted_by_reason_in_the_order_of_the_filters() -> None:
    real = [dawgen.Example("a man is asleep", "a man is sleeping", "yes")]
    texts = ["a girl runs", "", "a girl is running", ""]
    found = dawgen.curate([dawgen.Example("a girl runs", text, "yes") for text in texts], real=real)
    kept, dropped = found
    assert (len(kept), len(dropped)) == (1, 3) and found == (kept, dropped)
    assert found.reasons == {"copy": 1, "empty": 2}
    shown = found._repr_html_()
    assert shown.index(">kept<") < shown.index(">empty<") < shown.index(">copy<") and "4 rows" in shown


def test_trainings_and_writing_show_bars_in_notebooks_alone(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.notebook.EVERY", 0.0)
    generator = dawgen.Generator("mini-ctrl", PAIRS, kind="plain", steps=2, device="cpu").fit(PAIR_ROWS)
    generator.generate(1, first_texts=TEXTS)
    task = make_task(template="{text1}. {text2}. {mask}")
    classifier = dawgen.PromptClassifier("mini-t5", task, prompt_length=3, steps=2, batch_size=4).fit(make_pairs(24))
    tuned, written, trained, *held_out = screen.lines
    assert [line.partition(":")[0] for line in held_out] == [
        f"<small>held-out rows, part {part} of 2" for part in (1, 2)
    ]
    assert f"tuning on {len(PAIR_ROWS)} rows: " in tuned and "of 0" not in tuned
    total = len(PAIRS.labels)
    assert f"writing {total} examples: {total} of {total}" in written
    assert "training on 24 rows: 2 of 2" in trained
    assert '<progress value="1" max="2">' in screen.shown[2][1]
    seen = len(screen.shown)
    classifier.fit(make_pairs(8), log=lambda record: None)  # who logs has progress of his own
    monkeypatch.setattr(progress, "_quiet", True)
    classifier.fit(make_pairs(8))
    monkeypatch.undo()
    classifier.fit(make_pairs(8))  # in a script
    assert len(screen.shown) == seen


def test_a_bar_that_an_error_ends_says_how_far_it_came(screen: Screen) -> None:
    def stop() -> None:
        with Reporter().stage("a <stage>", 3) as advance:
            advance()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert screen.lines[0].startswith("<small>a &lt;stage&gt;: 1 of 3, ")
    bar = Bar("nothing", 0)
    bar.end()
    assert "0 of 0" in screen.lines[1]


def test_who_is_quiet_shows_no_bar(screen: Screen) -> None:
    be_quiet()
    try:
        with Reporter().stage("a stage", 2) as advance:
            advance()
    finally:
        be_quiet(False)
    assert screen.shown == []


def test_a_report_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(dawgen.errors.ConfigError, match="got none"):
        dawgen.open_report()
    with pytest.raises(dawgen.errors.DataError, match="expected a finished run"):
        dawgen.open_report(tmp_path)
