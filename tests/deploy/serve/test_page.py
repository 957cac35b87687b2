"""The files of the page: what is served where, under which policy, and that nothing is missing or from elsewhere."""

import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dawgen.deploy.serve.page import PACKAGE, PAGES, add_page
from dawgen.web import list_static, read_static
from support.pages import check_self_contained

OWN = re.compile(r' (src|href)="(static/[a-z]+\.(js|css)|data:,|docs|\./)"')


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI(docs_url=None, redoc_url=None)
    add_page(app)
    return TestClient(app)


def test_pages_and_files_are_served_with_a_policy_that_lets_nothing_else_in(client: TestClient) -> None:
    for path in [*PAGES, *(f"/static/{name}" for name in list_static(PACKAGE))]:
        found = client.get(path)
        assert found.status_code == 200, path
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "unsafe" not in found.headers["content-security-policy"]
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/static/page.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["nothing.js", "page.html", "..%2fpage.py", "../page.py", "%2e%2e/client.py", ""])
def test_nothing_else_of_the_package_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_pages_are_no_part_of_the_description(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["paths"] == {}


@pytest.mark.parametrize("name", PAGES.values())
def test_pages_are_well_formed_and_every_file_and_id_that_they_use_is_there(name: str) -> None:
    page = read_static(PACKAGE, name).decode()
    wanted = {path.removeprefix("static/") for _, path, kind in OWN.findall(page) if kind}
    assert wanted <= set(list_static(PACKAGE))
    check_self_contained(OWN.sub("", page).replace("<input", "<meta").replace("<link", "<meta"))
    assert " style=" not in page and " on" not in re.sub(r">[^<]*<", "><", page)  # both of which the policy forbids
    scripts = {"page.html": ("page", "answers", "prompts", "service"), "docs.html": ("docs", "service")}[name]
    ids = set(re.findall(r'id="([^"]+)"', page))
    for script in scripts:
        text = read_static(PACKAGE, f"{script}.js").decode()
        assert set(re.findall(r'\bat\("([^"]+)"\)', text)) <= ids, script
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text
