"""A real Chromium for tests of pages: found on the machine, driven by playwright, started with nothing to fetch."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Return the browser's path: DAWGEN_CHROMIUM, else the first known name; skips the test where there is none.

    DAWGEN_BROWSER=required fails the test instead.
    """
    named = os.environ.get("DAWGEN_CHROMIUM")
    found = named or next((path for path in map(shutil.which, NAMES) if path), None)
    if found is not None and Path(found).is_file():
        return found
    reason = f"no Chromium: {named or 'none of ' + ', '.join(NAMES)} found; install one, or set DAWGEN_CHROMIUM"
    if os.environ.get("DAWGEN_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def start_playwright() -> Iterator[Playwright]:
    """Start playwright, of which a thread can have one; skips the test where there is no browser."""
    find_chromium()
    with sync_playwright() as playwright:
        yield playwright


def start_browser(playwright: Playwright) -> Browser:
    """Return a headless browser without a profile."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)


def open_profile(playwright: Playwright, folder: Path) -> BrowserContext:
    """Return a headless browser with a profile that stays in the folder."""
    return playwright.chromium.launch_persistent_context(folder, executable_path=find_chromium(), args=FLAGS)
