"""Screenshots of the form of `dawgen annotate`, for the docs.

    dawgen demo && dawgen annotate runs/demo --export csv --to rows.csv    # draws runs/annotate-scenes-nli-13
    python -m experiments.shots.annotate_shots runs/annotate-scenes-nli-13 --out docs/images
    dawgen annotate --uncertain pool.csv --prompt runs/tickets/prompts/prompt_tuning --train shots.csv --report
    python -m experiments.shots.annotate_shots runs/label-tickets-13 --out docs/images

Answers in a copy of the session, so that its answers stay as they are. Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from dawgen.evaluate.annotate.serve import make_link, run_server
from dawgen.evaluate.annotate.server import make_app
from dawgen.evaluate.annotate.session import LABELS, RATINGS, Session
from dawgen.web import open_socket

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")
DIGITS = "5535"  # relevance, fluency, label, novelty
SHOTS = {  # file: annotator, width, height, colours; by the kind of session
    RATINGS: {
        "annotate.png": ("ann", 960, 735, "light"),
        "annotate-phone.png": ("ben", 390, 920, "dark"),
    },
    LABELS: {
        "annotate-labels.png": ("ann", 960, 460, "light"),
        "annotate-labels-phone.png": ("ben", 390, 640, "dark"),
    },
}


def main() -> None:
    """Take the screenshots of a session's form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("session", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("settings.json", "sample.jsonl", "guide.json"):
            shutil.copy(options.session / name, folder)
        session = Session.open(Path(folder))
        link = serve_behind(session)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
            for name in SHOTS[session.kind]:
                take_shot(browser, link, session, options.out / name)
            browser.close()


def serve_behind(session: Session) -> str:
    """Serve a session until the process ends; returns the link."""
    listener = open_socket("127.0.0.1", 0)
    threading.Thread(target=run_server, args=(make_app(session), listener), daemon=True).start()
    return make_link("127.0.0.1", listener.getsockname()[1], None)


def take_shot(browser: Browser, link: str, session: Session, path: Path) -> None:
    """Answer some rows and take the page."""
    name, width, height, colours = SHOTS[session.kind][path.name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours, device_scale_factor=1.5)
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    page.locator("#rate").wait_for()
    if session.kind == LABELS:
        page.keyboard.press("1")
    else:
        rate_some(page, session, name)
    page.get_by_text("all saved").wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=path)
    page.close()


def rate_some(page: Page, session: Session, name: str) -> None:
    """Rate three rows and on to the first synthetic one, half of which is rated."""
    sources = [item.source for item in session.list_items(name)]
    for _ in range(next(place for place in range(3, len(sources)) if sources[place] in session.settings["sets"])):
        for key in (*DIGITS, "Enter"):
            page.keyboard.press(key)
    for key in DIGITS[:2]:
        page.keyboard.press(key)


if __name__ == "__main__":
    main()
