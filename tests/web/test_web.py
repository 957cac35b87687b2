"""What pages and services share: sockets, who is let in, files, and the libraries."""

import sys

import pytest

from dawgen.errors import ConfigError
from dawgen.web import (
    HEADERS,
    guess_type,
    import_fastapi,
    is_elsewhere,
    is_loopback,
    list_static,
    make_address,
    names_loopback,
    open_socket,
    read_static,
)

PACKAGES = ("dawgen.evaluate.annotate", "dawgen.deploy.serve")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_names(host: str, own: bool) -> None:
    assert is_loopback(host) is own
    shown = f"[{host}]:80" if ":" in host else f"{host}:80"
    assert names_loopback({"host": shown}) is own


@pytest.mark.parametrize("host", ["", ":", "[", "[::1", "127.0.0.1@evil.example", "evil.example#@127.0.0.1"])
def test_damaged_names_are_nobodys(host: str) -> None:
    assert not names_loopback({"host": host})
    assert not names_loopback({})


@pytest.mark.parametrize(
    ("origin", "elsewhere"),
    [
        (None, False),
        ("http://127.0.0.1:8400", False),
        ("https://127.0.0.1:8400", False),  # behind a proxy that speaks TLS
        ("http://127.0.0.1:8401", True),
        ("http://evil.example", True),
        ("null", True),
        ("", True),
    ],
)
def test_pages_of_other_addresses_are_told_apart(origin: str | None, elsewhere: bool) -> None:
    headers = {"host": "127.0.0.1:8400"} | ({} if origin is None else {"origin": origin})
    assert is_elsewhere(headers) is elsewhere


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy.values()) <= {"'none'", "'self'", "data:"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_page_is_there_and_asks_nothing_of_others(package: str) -> None:
    names = list_static(package)
    assert names[0] == "style.css" and "elements.js" in names and len(names) == len(set(names))
    for name in [*names, "page.html"]:
        text = read_static(package, name).decode()
        assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text, name
        for line in text.splitlines():
            if line.startswith(("import ", "export {")) and " from " in line:
                assert line.partition('"./')[2].rstrip('";') in names, line
    with pytest.raises(FileNotFoundError):
        read_static(package, "nothing.js")


def test_the_style_is_the_reports_then_the_controls_then_the_pages_own() -> None:
    style = read_static("dawgen.deploy.serve", "style.css").decode()
    assert style.index("--mark: #0066b8") < style.index("button.primary") < style.index(".bars")
    assert style.count("{") == style.count("}")
    assert ".bars" not in read_static("dawgen.evaluate.annotate", "style.css").decode()


def test_scripts_have_the_type_that_browsers_run() -> None:
    assert guess_type("page.js") == "text/javascript"
    assert guess_type("style.css") == "text/css"


def test_a_taken_port_is_named() -> None:
    listener = open_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with listener, pytest.raises(ConfigError, match=f"--port {port}: expected a free port"):
        open_socket("127.0.0.1", port)
    with pytest.raises(ConfigError, match="--host nowhere.invalid"):
        open_socket("nowhere.invalid", 0)


def test_addresses_as_people_type_them() -> None:
    assert make_address("127.0.0.1", 80) == "http://127.0.0.1:80/"
    assert make_address("::1", 80) == "http://[::1]:80/"
    assert "0.0.0.0" not in make_address("0.0.0.0", 80)


@pytest.mark.parametrize("missing", ["uvicorn", "fastapi", "prometheus_client"])
def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=rf'serve: expected .*{missing}.*`pip install "dawgen\[web\]"`'):
        import_fastapi("serve", "prometheus_client")
