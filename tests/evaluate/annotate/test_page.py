"""Where the tests of pages find a browser, and what they do without one."""

from pathlib import Path

import pytest

from support import browser


@pytest.fixture(autouse=True)
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "NAMES", ("no-such-browser",))
    for name in ("DAWGEN_CHROMIUM", "DAWGEN_BROWSER"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_browser_tests_are_skipped_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="no Chromium: none of no-such-browser found"):
        browser.find_chromium()


def test_where_a_browser_is_required_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAWGEN_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="set DAWGEN_CHROMIUM"):
        browser.find_chromium()


def test_a_browser_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAWGEN_CHROMIUM", str(tmp_path / "mine"))
    with pytest.raises(pytest.skip.Exception, match="mine found"):
        browser.find_chromium()
    (tmp_path / "mine").touch()
    assert browser.find_chromium() == str(tmp_path / "mine")
