"""The page of `dawgen serve` in a real browser: a prompt is tried by hand, on a service in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import SecretStr

from dawgen.deploy.serve.client import Client
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.models.load import Backbone, load_target
from support.browser import start_browser, start_playwright
from support.services import make_files, open_service, run_service, serve_app

pytestmark = pytest.mark.browser
TOKEN = "a-token-of-some-length"
HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script> & "quotes" it\'s &amp;'
PAIR = ("a man is walking in the park", "somebody is walking")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def link(browser: Browser, bundles: Path) -> Iterator[str]:
    """A service that stays up, with both bundles; the browser comes first, since without one nothing is started."""
    with run_service(bundles / "pairs", bundles / "topics", "--bundles", bundles) as link:
        yield link


@pytest.fixture(scope="module")
def base(bundles: Path) -> Backbone:
    """The same model in this process, for services in a thread."""
    return load_target(str(bundles.parent / "base"))


@pytest.fixture
def page(browser: Browser, link: str) -> Iterator[Page]:
    """The page, which must not say anything to the console nor ask anything of others."""
    context = browser.new_context()
    page = context.new_page()
    said, asked = list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    expect(page.locator("#service")).to_be_visible()
    yield page
    context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []  # what a refusal is to the console
    assert asked and all(url.startswith(link) for url in asked)


def choose(page: Page, name: str) -> None:
    page.get_by_label("Prompt", exact=True).select_option(name)


def read_bars(page: Page) -> dict[str, str]:
    """Return label and number of each bar of the newest answer, from the top."""
    rows = page.locator("#answers li").first.locator("tr").all()
    return {row.locator("th").inner_text(): row.locator("td.n").inner_text() for row in rows}


def test_a_pair_is_classified_and_the_bars_say_what_the_service_says(page: Page, link: str) -> None:
    choose(page, "pairs")
    page.get_by_label("Text 1").fill(PAIR[0])
    page.get_by_label("Text 2").fill(PAIR[1])
    page.get_by_role("button", name="Classify").click()
    answer = Client(link).classify("pairs", [PAIR])[0]
    shown = f"{answer.probabilities[answer.label] * 100:.1f} %"
    expect(page.get_by_role("status")).to_have_text(f"{answer.label}, {shown}")
    bars = read_bars(page)
    assert next(iter(bars)) == answer.label and set(bars) == set(answer.probabilities)
    assert bars == {label: f"{value * 100:.1f} %" for label, value in answer.probabilities.items()}
    widths = page.locator("#answers .bar i").evaluate_all("all => all.map(one => parseFloat(one.style.width))")
    assert widths == pytest.approx(sorted((value * 100 for value in answer.probabilities.values()), reverse=True))
    expect(page.locator("#answers .sent")).to_have_text(f"{PAIR[0]}→{PAIR[1]}")


def test_what_is_unsure_is_said_to_be(page: Page) -> None:
    choose(page, "pairs")
    page.get_by_label("Text 1").fill(PAIR[0])
    page.get_by_label("Text 2").fill(PAIR[1])
    page.get_by_label("Unsure below").fill("1")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#answers li").first).to_contain_text('so the answer is "unsure"')
    expect(page.locator("#state")).to_contain_text("unsure, ")
    page.get_by_label("Unsure below").fill("0.01")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#state")).not_to_contain_text("unsure")
    expect(page.locator("#answers li").first).not_to_contain_text("so the answer is")


def test_one_text_by_keyboard_alone_and_earlier_answers_stay(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("End")
    assert page.get_by_label("Prompt", exact=True).input_value() == "topics"
    expect(page.get_by_label("Text 2")).to_be_hidden()
    page.keyboard.press("Tab")
    for text in ("the family is cooking", "a boy plays the guitar"):
        page.get_by_label("Text", exact=True).press("Control+a")
        page.keyboard.type(text)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#answers .sent").first).to_have_text(text)
    assert set(read_bars(page)) == {"music", "sport", "food", "travel"}
    expect(page.locator("#answers li")).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Classify")).to_be_focused()


def test_texts_are_shown_as_they_are_and_labels_have_names_for_screen_readers(page: Page) -> None:
    choose(page, "topics")
    page.get_by_label("Text", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#answers .sent")).to_have_text(HOSTILE)
    assert page.locator("#answers img, #answers script").count() == 0
    table = page.get_by_role("table", name="Probability of each label")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table.get_by_role("rowheader", name="food")).to_be_visible()


def test_nothing_is_sent_without_a_text(page: Page) -> None:
    choose(page, "pairs")
    page.get_by_label("Text 1").fill("only one")
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("status")).to_have_text("Type a text first.")
    expect(page.get_by_label("Text 2")).to_be_focused()
    expect(page.locator("#answers-section")).to_be_hidden()


def test_the_address_names_the_prompt_and_the_table_has_its_facts(page: Page, link: str) -> None:
    page.goto(f"{link}/#topics")
    page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("topics")
    prompt = next(prompt for prompt in Client(link).prompts() if prompt.name == "pairs")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="pairs"))
    for text in ("same, different", "two", f"{prompt.bytes} B", prompt.digest[:12]):
        expect(row).to_contain_text(text)
    row.get_by_role("link", name="pairs").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("pairs")
    expect(page.get_by_label("Text 2")).to_be_visible()


def test_what_the_service_refuses_is_said_in_words(page: Page, link: str) -> None:
    client = Client(link)
    client.add("topics", "passing")
    page.get_by_role("button", name="Refresh").click()
    choose(page, "passing")
    client.remove("passing")
    page.get_by_label("Text", exact=True).fill("a song")
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("alert")).to_contain_text("passing")
    expect(page.get_by_label("Prompt", exact=True).get_by_role("option")).to_have_text(["pairs", "topics"])
    choose(page, "topics")
    page.get_by_label("Text", exact=True).fill("x" * 20_001)
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("alert")).to_contain_text("20000 characters")
    page.get_by_label("Text", exact=True).fill("a song " * 400)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#answers .cut")).to_have_text("Too long: the end was not read.")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_busy_and_a_silent_service_are_told_apart(page: Page) -> None:
    choose(page, "topics")
    page.get_by_label("Text", exact=True).fill("a song")

    def answer(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "3"}, json={"detail": "The queue is full."})

    page.route("**/v1/classify", answer)
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("alert")).to_have_text("The queue is full. Try again in 3 s.")
    page.unroute("**/v1/classify")
    page.route("**/v1/classify", lambda route: route.abort())
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not answer.")
    page.unroute("**/v1/classify")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#answers li")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_everything_is_in_reach_on_a_phone(browser: Browser, link: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True, color_scheme="dark")
    page = context.new_page()
    page.goto(link)
    choose(page, "pairs")
    page.get_by_label("Text 1").fill("word" * 100)
    page.get_by_label("Text 2").fill("a man")
    page.get_by_role("button", name="Classify").tap()
    expect(page.locator("#answers li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{link}/docs")
    expect(page.locator("#service")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_docs_list_every_operation_without_anything_from_elsewhere(page: Page, link: str) -> None:
    page.get_by_role("link", name="HTTP interface").click()
    expect(page.locator("#service")).to_be_visible()
    titles = page.locator("#operations h2").all_inner_texts()
    for title in ("POST /v1/classify", "GET /v1/prompts", "DELETE /v1/prompts/{name}", "GET /healthz", "GET /metrics"):
        assert title in titles
    section = page.locator("section.operation").filter(has_text="POST /v1/classify")
    expect(section.get_by_role("rowheader", name="200", exact=True)).to_be_visible()
    expect(section.locator("pre")).to_contain_text(f"{link}/v1/classify")
    section.get_by_text("Refusals: 401").click()
    for status in ("404", "422", "429"):
        expect(section.get_by_role("rowheader", name=status, exact=True)).to_be_visible()
    section.get_by_role("link", name="Question").click()
    shape = page.locator(":target")
    expect(shape).to_contain_text("list of text or Texts, at least 1")
    page.get_by_role("link", name="Try a prompt").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()


def test_a_service_without_prompts_says_so_until_it_has_one(browser: Browser, base: Backbone, bundles: Path) -> None:
    with open_service(base, bundles) as service, serve_app(service.app) as link:
        service.registry.remove("pairs")
        page = browser.new_page()
        page.goto(link)
        expect(page.get_by_text("No prompt is served now.")).to_be_visible()
        expect(page.locator("#try")).to_be_hidden()
        Client(link).add("topics")
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_label("Text", exact=True)).to_be_visible()
        expect(page.locator("#empty")).to_be_hidden()
        page.close()


def test_a_token_is_asked_for_and_kept_on_the_page_only(browser: Browser, base: Backbone, bundles: Path) -> None:
    given = ServeSettings(token=SecretStr(TOKEN))
    with open_service(base, bundles, given) as service, serve_app(service.app) as link:
        page = browser.new_page()
        page.goto(link)
        field = page.get_by_label("This service asks for a token")
        expect(field).to_be_focused()
        expect(page.locator("#service")).to_be_hidden()
        expect(page.get_by_role("alert")).to_be_hidden()
        field.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("The token is wrong.")
        field.fill(TOKEN)
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Text 1").fill("a song")
        page.get_by_label("Text 2").fill("a meal")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#answers li")).to_have_count(1)
        expect(page.get_by_role("alert")).to_be_hidden()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert TOKEN not in page.content() and TOKEN not in page.url
        page.goto(f"{link}/docs")
        page.get_by_label("This service asks for a token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#operations h2").first).to_be_visible()
        page.close()
