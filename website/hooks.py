"""What mkdocs calls while it builds the site: the navigation, the pages that are made, and links into the repository.

docs/*.md are read in the repository too, so their links lead to files beside docs/. Each file that a page links to
becomes a page of the site under repository/, and so do those that it links to: the site is whole without a network, and
of one version.
"""

from __future__ import annotations

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website import api_page, commands_page, notebook, repository, settings_page, start_page
from website.repository import ROOT

REFERENCE = {
    "settings.md": ("Settings", settings_page.make_page),
    "commands.md": ("Command line", commands_page.make_page),
    **{name: (title, make) for name, title, make in api_page.list_pages()},
}
STATIC = {"images/site.css": "website/site.css", "images/icon.svg": "website/icon.svg"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation from docs/README.md, which leads to every page by reader, and the reference."""
    reference = [{title: name} for name, (title, _) in REFERENCE.items()]
    config.nav = [{"Start": "README.md"}, *start_page.list_navigation(), {"Reference": reference}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, the notebook, and every file of the repository that a page links to."""
    for name, (_, make) in REFERENCE.items():
        files.append(File.generated(config, name, content=make()))
    files.append(File.generated(config, notebook.NAME, content=notebook.write_notebook()))
    for name, source in STATIC.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    for path in repository.list_linked():
        if repository.is_copied(path):
            files.append(File.generated(config, repository.place(path), abs_src_path=str(ROOT / path)))
        else:
            files.append(File.generated(config, repository.place(path), content=repository.make_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to their pages."""
    name = page.file.src_uri
    if name in REFERENCE:
        return markdown
    source = repository.find_source(name)
    if name == "README.md":
        page.meta["hide"] = ["navigation"]
        markdown = start_page.add_cards(markdown)
    if name == "tutorial.md":
        markdown = notebook.add_link(markdown)
    return repository.relink(markdown, source).replace(" ± ", "\u00a0±\u00a0")  # a number and its spread stay together
