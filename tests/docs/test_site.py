"""The site: what is made from the code is complete, the notebook is the page, and what `make docs` built is whole."""

import json
import os
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer.main
from playwright.sync_api import Playwright

import dawgen
from dawgen.cli import app
from dawgen.meanings import list_meanings
from dawgen.presets import PRESETS
from support.browser import start_browser, start_playwright
from website import api_page, commands_page, notebook, repository, settings_page

SITE = repository.ROOT / "build" / "site"
OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["'](?:https?:)?//|<link[^>]+href=["'](?:https?:)?//|url\(["']?(?:https?:)?//"""
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with start_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        assert os.environ.get("DAWGEN_SITE") != "required", "make docs builds the site"
        pytest.skip("make docs builds the site")
    return SITE


def test_every_setting_has_its_meaning_default_and_range() -> None:
    page = settings_page.make_page()
    for one in list_meanings():
        (part,) = re.findall(rf"^### {re.escape(one.key)} .*?(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        assert one.meaning[1:] in part
        assert f"**May be** {one.allowed}\n" in part
        assert "**Default** " in part
    rate = page.partition("### target.lr ")[2].partition("###")[0]
    assert "**Presets** small: `0.3`, paper: `0.3`, modern: `0.3`" in rate
    assert settings_page.list_changes("per_label") == {"paper": 1000, "smollm2": 100}
    counted = sum(len(settings_page.list_changes(one.key)) for one in list_meanings())
    assert counted == sum(len(v) if isinstance(v, dict) else 1 for preset in PRESETS.values() for v in preset.values())


def test_units_belong_to_settings_that_there_are() -> None:
    numbers = [one for one in list_meanings() if "number" in one.allowed]
    for ends in settings_page.UNITS:
        for end in ends.split("|"):
            assert any(re.search(rf"{end}$", one.key) for one in numbers), end
    assert settings_page.find_unit(next(one for one in numbers if one.key == "target.rate")).startswith("standard dev")


def test_every_verb_and_option_is_on_the_page_of_commands() -> None:
    page = commands_page.make_page()
    waiting = [("dawgen", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if inner := getattr(command, "commands", None):
            waiting += [(f"{name} {verb}", one) for verb, one in inner.items()]
            continue
        part = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        options = [one.opts[-1] for one in command.params if one.name != "help"]
        assert [option for option in options if option.startswith("--") and option not in part] == []


def test_every_public_name_is_in_the_reference() -> None:
    shown = [name for page in api_page.GROUPS for name in api_page.list_names(page)]
    assert {name for name in dawgen.__all__ if not name.startswith("__")} <= set(shown)
    assert len(shown) == len(set(shown))
    assert all(len(api_page._say(name)) > 20 for name in shown)


def test_links_into_the_repository_lead_to_pages_of_the_site() -> None:
    linked = repository.list_linked()
    assert {"README.md", "CONTRIBUTING.md", "experiments/LOG.md", "src/dawgen/config.py"} <= set(linked)
    text = (
        "see [`a`](../src/dawgen/config.py), [b](../experiments/LOG.md#5-speed) and [c](bench.md); `[d](../README.md)`"
    )
    assert repository.relink(text, "docs/x.md") == (
        "see [`a`](repository/src/dawgen/config.py.md), [b](repository/experiments/LOG.md#5-speed) and [c](bench.md); "
        "`[d](../README.md)`"
    )
    assert repository.relink("[a](docs/bench.md#x)", "README.md") == "[a](../bench.md#x)"
    assert repository.relink("[a](../docs/bench.md)", "experiments/LOG.md") == "[a](../../bench.md)"


def test_the_notebook_has_the_commands_texts_and_outputs_of_the_page() -> None:
    page = notebook.PAGE.read_text()
    cells = json.loads(notebook.write_notebook())["cells"]
    commands = [cell["source"].removeprefix("%%bash\n") for cell in cells if cell["cell_type"] == "code"]
    assert commands == [command.rstrip() for command in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]
    outputs = [shown["text"] for cell in cells for shown in cell.get("outputs", ())]
    assert outputs == re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    text = "".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    assert all(heading in text for heading in re.findall(r"^## .*$", page, re.MULTILINE))
    assert "](" not in text.replace("](http", "")
    assert notebook.STEPS in "".join(commands)


def test_nothing_of_another_host_is_loaded(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    files = [*pages, *site.rglob("*.css")]
    assert [path.name for path in files if OUTSIDE.search(path.read_text(encoding="utf-8"))] == []
    assert json.loads((site / notebook.NAME).read_text())["nbformat"] == 4


@pytest.mark.browser
def test_a_search_on_the_built_site_finds_a_setting_and_a_name(site: Path, playwright: Playwright) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    browser = start_browser(playwright)
    try:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        base = f"http://127.0.0.1:{server.server_port}/"
        for words, target in (("target.rate", "#target-rate"), ("predict_proba", "PromptClassifier.predict_proba")):
            page.goto(f"{base}index.html")
            page.locator("label[for=__search]").first.click()
            page.locator("input.md-search__input").press_sequentially(words)
            page.wait_for_selector(f".md-search-result__link[href$='{target}']")
        assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []
        for name in ("index.html", "settings.html", "api-classifier.html", "commands.html"):
            page.goto(base + name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    finally:
        browser.close()
        server.shutdown()
        server.server_close()
