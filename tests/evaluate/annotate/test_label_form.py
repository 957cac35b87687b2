"""The form for labels in a real browser: a choice is an answer, saved at once, and can be taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dawgen.evaluate.annotate.guide import write_guide
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.session import Session
from dawgen.records import Example
from support.browser import start_browser, start_playwright
from support.forms import HOSTILE, serve

pytestmark = pytest.mark.browser
FEW = ["bug", "feature_request", "account"]
MANY = [f"intent {number}" for number in range(30)]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with start_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser.new_page(viewport={"width": 360, "height": 640}, has_touch=True)
        browser.close()


def make_labels(folder: Path, labels: list[str]) -> None:
    texts = [HOSTILE, "the app does not start", "two", "three"]
    items = [Item(f"i{n}", text, None, "", None, "pool", None, n + 1) for n, text in enumerate(texts)]
    settings = {"kind": "labels", "seed": 13, "task": "tickets", "labels": labels, "pair": False, "columns": {}}
    session = Session.begin(folder, settings, lambda: items)
    write_guide(folder, session.items, [Example("it crashes", label=labels[0])], labels, None)


def read_labels(folder: Path) -> dict[str, object]:
    return {item: answer.ratings.get("label") for (_, item), answer in Session.open(folder).ratings.read().items()}


def begin(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("#rate")).to_be_visible()


def test_labels_are_chosen_by_touch_and_by_digits_taken_back_and_none_may_be_right(page: Page, tmp_path: Path) -> None:
    make_labels(tmp_path / "few", FEW)
    with serve(tmp_path / "few") as form:
        page.goto(form.link)
        expect(page.locator("#start-title")).to_have_text("Label texts: tickets")
        expect(page.get_by_text("it crashes")).to_be_visible()
        begin(page, form.link, "ann")
        expect(page.locator("#text1")).to_have_text(HOSTILE)
        for hidden in ("#given-box", "#nearest-box", "#save"):
            expect(page.locator(hidden)).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="feature request").tap()
        expect(page.locator("#count")).to_have_text("1 of 4 labelled")
        page.keyboard.press("1")
        expect(page.locator("#text1")).to_have_text("two")
        page.get_by_role("button", name="Undo").tap()
        expect(page.get_by_role("button", name="bug")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("3")
        page.get_by_role("button", name="None of these, or cannot say").tap()
        page.keyboard.press("4")  # there is no fourth label
        expect(page.locator("#count")).to_have_text("3 of 4 labelled")
        page.keyboard.press("Enter")  # nor anything to save
        page.keyboard.press("2")
        expect(page.locator("#end-title")).to_have_text("All labelled. Thank you!")
        expect(page.locator("#end-text")).to_contain_text("Every answer is saved")
        page.reload()
        expect(page.locator("#end-title")).to_be_visible()
        assert read_labels(form.folder) == {"i0": "feature_request", "i1": "account", "i2": None, "i3": FEW[1]}


def test_one_of_many_labels_is_found_by_a_part_of_its_name(page: Page, tmp_path: Path) -> None:
    make_labels(tmp_path / "many", MANY)
    with serve(tmp_path / "many") as form:
        begin(page, form.link, "bob")
        finder = page.get_by_role("searchbox", name="Find a label")
        finder.fill("s1")  # no shortcut while one types: s and 1 are letters here
        expect(page.locator(".labels button:visible")).to_have_count(0)
        finder.fill("29")
        finder.press("Enter")
        expect(page.locator("#count")).to_have_text("1 of 4 labelled")
        expect(page.locator(".labels button:visible")).to_have_count(30)
        expect(page.locator("#saved")).to_have_text("all saved")
        assert read_labels(form.folder) == {"i0": "intent 29"}
