"""The form in a real browser: people rate, and nothing is lost or counted twice, whatever dies."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from dawgen.evaluate.annotate.report import describe_session
from dawgen.evaluate.annotate.session import Session
from dawgen.rng import python_rng
from support.browser import open_profile, start_browser, start_playwright
from support.forms import HOSTILE, Form, make_session, serve

pytestmark = pytest.mark.browser
NAMES = ("relevance", "fluency", "label", "novelty")
VALUES = {"label": ("no", "unsure", "yes")}
Texts = tuple[str, str]
Meant = dict[Texts, dict[str, int | str]]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with start_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = start_browser(playwright)
    yield browser
    browser.close()


@pytest.fixture
def form(tmp_path: Path) -> Iterator[Form]:
    make_session(tmp_path / "session")
    with serve(tmp_path / "session") as form:
        yield form


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    """A form that stays up, for tests that rate under names of their own."""
    folder = tmp_path_factory.mktemp("shared") / "session"
    make_session(folder)
    with serve(folder) as form:
        yield form


@pytest.fixture
def page(browser: Browser, shared: Form) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True)
    page = context.new_page()
    page.goto(shared.link)
    yield page
    context.close()


class Rater:
    """Somebody at a keyboard, whose answer to a row is a function of name and texts; keeps what was meant."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name
        self.meant: Meant = {}

    def begin(self) -> None:
        self.page.get_by_label("Your name").fill(self.name)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#rate")).to_be_visible()

    @property
    def texts(self) -> Texts:
        return self.page.locator("#text1").inner_text(), self.page.locator("#text2").inner_text()

    def press(self, *, questions: int = 4) -> None:
        """Answer the first questions of the row in sight."""
        rng = python_rng(13, f"{self.name}/{self.texts}")
        digits = [rng.randint(1, 3 if name == "label" else 5) for name in NAMES]
        for digit in digits[:questions]:
            self.page.keyboard.press(str(digit))
        pairs = zip(NAMES, digits, strict=True)
        self.meant[self.texts] = {name: VALUES[name][at - 1] if name in VALUES else at for name, at in pairs}

    def rate(self, rows: int) -> None:
        for _ in range(rows):
            before = self.place
            self.press()
            self.page.keyboard.press("Enter")
            assert self.place != before

    @property
    def place(self) -> str:
        return self.page.locator("#item-title").inner_text() if self.page.locator("#rate").is_visible() else "end"

    def wait_until_saved(self) -> None:
        expect(self.page.locator("#saved")).to_have_text("all saved", timeout=15_000)


def read_answers(folder: Path, name: str) -> Meant:
    """Return what stands of an annotator's answers, by the texts of the row."""
    session = Session.open(folder)
    texts = {item.id: (item.text1, item.text2 or "") for item in session.items}
    answers = {item: answer for (who, item), answer in session.ratings.read().items() if who == name}
    return {texts[item]: dict(answer.ratings) for item, answer in answers.items()}


def check_report(folder: Path, ann: Meant, bob: Meant) -> None:
    """Assert that the report says what the two meant."""
    session, numbers = Session.open(folder), describe_session(folder)
    assert {name: person["rated"] for name, person in numbers["annotators"].items()} == {"ann": 10, "bob": 10}
    rows = {(item.text1, item.text2 or ""): item for item in session.items}
    ours = [texts for texts, item in rows.items() if item.source == "ours"]
    fluency = [(int(ann[texts]["fluency"]) + int(bob[texts]["fluency"])) / 2 for texts in ours]
    assert numbers["scores"]["fluency"]["ours"]["mean"] == pytest.approx(fmean(fluency))
    same = [ann[texts]["label"] == bob[texts]["label"] for texts, item in rows.items() if item.fault is None]
    assert numbers["agreement"]["label"]["pairs"][0]["same"] == pytest.approx(fmean(same))
    wrong = next(texts for texts, item in rows.items() if item.fault == "wrong_label")
    caught = numbers["annotators"]["ann"]["controls"]["wrong_label"]
    assert caught == {"caught": int(ann[wrong]["label"] == "no"), "of": 1}


def count_lines(folder: Path) -> tuple[int, int]:
    """Return the lines of ratings.jsonl, and how many different ids they have."""
    rows = [json.loads(line) for line in (folder / "ratings.jsonl").read_text().splitlines()]
    return len(rows), len({row["id"] for row in rows})


def test_two_people_rate_and_nothing_is_lost_when_the_server_is_killed(browser: Browser, form: Form) -> None:
    contexts = [browser.new_context(), browser.new_context()]
    ann, bob = (Rater(context.new_page(), name) for context, name in zip(contexts, ("ann", "bob"), strict=True))
    for rater in (ann, bob):
        rater.page.goto(form.link)
        rater.begin()
    ann.rate(3)
    ann.page.keyboard.press("u")
    ann.page.keyboard.press("u")
    expect(ann.page.locator("#count")).to_have_text("1 of 10 rated")
    ann.page.keyboard.press("Shift+Tab")  # the old ratings are there, to be changed
    expect(ann.page.locator("#questions input:checked")).to_have_count(4)
    for name in NAMES:
        ann.page.locator(f"[data-name={name}] input").first.focus()
        ann.page.keyboard.press("1")
    ann.meant[ann.texts] = {name: VALUES.get(name, (1,))[0] for name in NAMES}
    ann.page.keyboard.press("Enter")
    ann.press(questions=2)
    here = ann.texts
    ann.page.reload()
    expect(ann.page.locator("#rate")).to_be_visible()
    assert ann.texts == here
    expect(ann.page.locator("#questions input:checked")).to_have_count(2)
    bob.rate(4)
    bob.wait_until_saved()

    form.stop(signal.SIGKILL)
    ann.page.keyboard.press("3")
    ann.page.keyboard.press("4")
    kept = ann.page.locator("#questions input:checked").evaluate_all("inputs => inputs.map(i => Number(i.value))")
    ann.meant[here] = dict(zip(NAMES, [kept[0], kept[1], "yes", 4], strict=True))
    ann.page.keyboard.press("Enter")
    ann.rate(2)
    bob.rate(1)
    bob.page.keyboard.press("u")
    expect(ann.page.locator("#saved")).to_have_text("3 steps to send")
    expect(ann.page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(bob.page.locator("#saved")).to_have_text("2 steps to send")
    form.start()
    for rater in (ann, bob):
        rater.wait_until_saved()
        expect(rater.page.get_by_role("alert")).to_be_hidden()
    ann.rate(5)
    bob.rate(6)
    for rater in (ann, bob):
        expect(rater.page.locator("#end-text")).to_have_text("Every answer is saved. You can close this page.")
    said = form.stop()
    assert "ann 10 of 10, bob 10 of 10" in said
    for rater in (ann, bob):
        assert read_answers(form.folder, rater.name) == rater.meant
    lines, ids = count_lines(form.folder)
    assert lines == ids == (10 + 2 + 2) + (10 + 1 + 1)  # answers, answers taken back, undos
    check_report(form.folder, ann.meant, bob.meant)
    for context in contexts:
        context.close()


def test_answers_that_the_server_never_got_survive_the_browser(
    playwright: Playwright, form: Form, tmp_path: Path
) -> None:
    context = open_profile(playwright, tmp_path / "profile")
    cat = Rater(context.pages[0], "cat")
    cat.page.goto(form.link)
    cat.begin()
    cat.rate(2)
    cat.wait_until_saved()
    form.stop(signal.SIGKILL)
    cat.rate(2)
    context.close()
    form.start()
    assert len(read_answers(form.folder, "cat")) == 2
    context = open_profile(playwright, tmp_path / "profile")
    context.pages[0].goto(form.link)  # nobody says who they are, and the answers go where they belong
    expect(context.pages[0].get_by_label("Your name")).to_have_value("cat")
    cat.page = context.pages[0]
    cat.begin()
    cat.wait_until_saved()
    expect(cat.page.locator("#count")).to_have_text("4 of 10 rated")
    assert read_answers(form.folder, "cat") == cat.meant
    context.close()


def test_an_answer_waits_where_the_server_cannot_write_and_comes_back_where_it_refuses(
    page: Page, shared: Form
) -> None:
    dan = Rater(page, "dan")
    dan.begin()
    answers = {"status": 503, "json": {"detail": "No space left."}}

    def answer(route: Route) -> None:
        route.fulfill(**answers)

    page.route("**/api/answers", answer)
    dan.rate(1)
    first = next(iter(dan.meant))
    expect(page.get_by_role("alert")).to_have_text(
        "No space left. 1 step kept in this browser, sent as soon as it works again. Go on rating."
    )
    answers |= {"status": 422, "json": {"detail": "There is no such item."}}
    expect(page.get_by_role("alert")).to_have_text(
        "The server refused 1 step, kept in this browser: There is no such item."
    )
    expect(page.locator("#count")).to_have_text("0 of 10 rated")
    page.unroute("**/api/answers")
    dan.rate(1)  # the second row
    expect(page.locator("#item-title")).to_have_text("Pair 1 of 10")
    assert dan.texts == first
    dan.rate(1)
    dan.wait_until_saved()
    expect(page.get_by_role("alert")).to_be_hidden()
    assert read_answers(shared.folder, "dan") == dan.meant


def test_texts_are_shown_as_they_are_and_nothing_comes_from_elsewhere(page: Page, shared: Form) -> None:
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(shared.link)
    rater = Rater(page, "eve")
    rater.begin()
    seen = set[str]()
    for _ in range(10):
        seen.add(rater.texts[0])
        rater.rate(1)
    rater.page.wait_for_function("document.getElementById('end-text').textContent.startsWith('Every')")
    assert HOSTILE in seen
    assert said == []
    assert asked and all(url.startswith(shared.link) for url in asked)


def test_everything_is_in_reach_on_a_phone_by_touch_and_without_a_pointer(page: Page) -> None:
    expect(page.get_by_text("Not what might be meant.")).to_be_visible()
    page.get_by_label("Your name").fill("  Fay  ")
    page.get_by_role("button", name="Start").tap()
    expect(page.locator("#who")).to_have_text("fay")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("radiogroup", name="fluency").get_by_role("radio", name="5, without a fault").tap()
    page.get_by_role("radiogroup", name="label").get_by_role("radio", name="yes, right").tap()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_role("radiogroup", name="relevance").get_by_role("radio", name="1, not at all").focus()
    for key in ("Space", "ArrowRight", "Tab", "Tab", "Tab", "Space", "ArrowLeft"):  # native keys of radio buttons
        page.keyboard.press(key)
    checked = page.locator("#questions input:checked").evaluate_all("inputs => inputs.map(input => input.value)")
    assert checked == ["2", "5", "yes", "5"]
    page.get_by_role("button", name="Save").tap()
    expect(page.locator("#count")).to_have_text("1 of 10 rated")
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#count")).to_have_text("0 of 10 rated")
    page.get_by_role("button", name="Skip").tap()
    expect(page.locator("#count")).to_have_text("1 of 10 rated")
    expect(page.locator("#saved")).to_have_text("all saved")


def test_single_keys_can_be_switched_off(page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 800})
    rater = Rater(page, "gus")
    rater.begin()
    page.get_by_text("Keys", exact=True).click()
    page.locator("#shortcuts").uncheck()
    page.locator("#item-title").focus()
    for key in ("5", "s", "u"):
        page.keyboard.press(key)
    expect(page.locator("#questions input:checked")).to_have_count(0)
    expect(page.locator("#item-title")).to_have_text("Pair 1 of 10")
