"""Screenshots of the pages of `dawgen serve`, for the docs.

    for task in nli paraphrase topic; do
      dawgen draw scenes-$task --out data/$task --gold 300
      dawgen train --task scenes-$task --train data/$task/gold.jsonl --dev data/$task/dev.jsonl \\
        --shots 300 --method prompt_tuning --set target.steps=300 --out bundles/$task
    done
    python -m experiments.shots.serve_shots bundles/nli bundles/paraphrase bundles/topic --out docs/images

Needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import Registry
from dawgen.evaluate.annotate.serve import run_server
from dawgen.models.load import load_target
from dawgen.prompt.bundle.format import load_bundle
from dawgen.web import make_address, open_socket

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")
TEXTS = {  # prompt: what is typed, the first row of the task's test file
    "topic": ("a lady is playing a blue drum outside",),
    "paraphrase": ("in the library a woman is playing soccer", "a lady is playing soccer in the library"),
    "nli": ("a person is drinking something at the school", "a person is not swimming at the school"),
}
SHOTS = {  # file: path of the page, prompts that are tried, width, height (None: all of the page), colours
    "serve.png": ("", ("topic", "nli"), 960, None, "light"),
    "serve-dark.png": ("", ("topic", "paraphrase"), 960, None, "dark"),
    "serve-phone.png": ("", ("nli",), 390, 960, "dark"),
    "serve-docs.png": ("docs", (), 960, 900, "light"),
}


def main() -> None:
    """Take the screenshots of a service."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="+", help=f"bundles in folders called {', '.join(TEXTS)}")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--port", type=int, default=8400, help="it is seen in the pictures")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    options = parser.parse_args()
    link = serve_behind(options.bundles, options.port)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        for name in SHOTS:
            take_shot(browser, link, options.out / name)
        browser.close()


def serve_behind(bundles: Sequence[Path], port: int) -> str:
    """Serve bundles until the process ends; returns the link."""
    _, info = load_bundle(bundles[0])
    registry = Registry(load_target(info.base, dtype=info.dtype), allowed=None)
    for bundle in bundles:
        registry.add(bundle, inside=False)
    app = make_app(registry, Batcher(registry.backbone, threads=1))
    listener = open_socket("127.0.0.1", port)
    threading.Thread(target=run_server, args=(app, listener), daemon=True).start()
    return make_address("127.0.0.1", listener.getsockname()[1])


def take_shot(browser: Browser, link: str, path: Path) -> None:
    """Open the page, try the prompts of the shot, and take it."""
    place, prompts, width, height, colours = SHOTS[path.name]
    size = {"width": width, "height": height or 900}
    page = browser.new_page(viewport=size, color_scheme=colours, device_scale_factor=1.5)
    page.goto(link + place)
    page.locator("#service").wait_for()
    for count, name in enumerate(prompts, 1):
        try_prompt(page, name)
        page.locator("#answers li").nth(count - 1).wait_for()
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=path, full_page=height is None)
    page.close()


def try_prompt(page: Page, name: str) -> None:
    """Choose a prompt, type its texts and send them."""
    page.get_by_label("Prompt", exact=True).select_option(name)
    for field, text in zip(("#text1", "#text2"), TEXTS[name], strict=False):
        page.locator(field).fill(text)
    page.locator("#classify").click()


if __name__ == "__main__":
    main()
