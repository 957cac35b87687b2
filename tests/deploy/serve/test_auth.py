"""Who may ask: host names, origins and tokens."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dawgen.deploy.serve.auth import SHORTEST, VARIABLE, find_refusal, is_token, read_token
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.deploy.serve.setup import choose_hosts
from dawgen.errors import ConfigError

TOKEN = "correct-horse-battery"
CLOSED = ServeSettings(token=SecretStr(TOKEN), hosts=None)


def refuse(path: str, settings: ServeSettings = CLOSED, **headers: str) -> tuple[int, str] | None:
    refusal = find_refusal(path, {"host": "localhost:8400"} | headers, settings)
    return refusal and (refusal.status, refusal.reason)


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/prompts/a", "/v1/nothing", "/metrics", "/openapi.json"])
def test_the_token_opens_what_it_guards(path: str) -> None:
    assert refuse(path) == (401, "token")
    assert refuse(path, authorization=f"Bearer {TOKEN}") is None
    assert refuse(path, authorization=f"bearer  {TOKEN} ") is None
    wrong: list[Any] = [TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "é"]
    for given in wrong:
        assert refuse(path, authorization=given) == (401, "token"), given


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/docs", "/static/page.js"])
def test_probes_and_pages_need_none(path: str) -> None:
    assert refuse(path) is None


def test_a_refusal_says_how_to_ask() -> None:
    refusal = find_refusal("/v1/prompts", {"host": "localhost"}, CLOSED)
    assert refusal is not None
    assert refusal.headers == {"WWW-Authenticate": "Bearer"}
    assert TOKEN not in refusal.detail and "Authorization: Bearer" in refusal.detail


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("localhost", True),
        ("localhost:8400", True),
        ("127.0.0.1:1", True),
        ("[::1]:8400", True),
        ("Serve.Example:443", True),
        ("serve.example.evil.example", False),
        ("evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_hosts(host: str, passes: bool) -> None:
    """A page elsewhere can have its own name point at this machine: DNS rebinding."""
    settings = ServeSettings(hosts=("serve.example",))
    found = find_refusal("/v1/classify", {"host": host}, settings)
    assert (found is None) == passes
    assert found is None or (found.status, found.reason) == (403, "host")
    assert find_refusal("/v1/classify", {"host": host}, ServeSettings(hosts=None)) is None


def test_pages_of_other_origins_are_refused_before_their_token_is_looked_at() -> None:
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        assert refuse("/v1/classify", origin=origin, authorization=f"Bearer {TOKEN}") == (403, "origin")
    assert refuse("/v1/classify", origin="http://localhost:8400", authorization=f"Bearer {TOKEN}") is None


def test_tokens_are_equal_or_not() -> None:
    assert is_token("a", "a")
    assert not is_token("a", "b") and not is_token("", "a") and not is_token("\udce9", "é")


def test_the_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert read_token(None) is None
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_token(None) == TOKEN
    file = tmp_path / "token"
    file.write_text("another-token-of-mine\n")
    assert read_token(file) == "another-token-of-mine"


@pytest.mark.parametrize("text", ["", "x" * (SHORTEST - 1), "a token with spaces in it", "x" * 20 + "é", "a\nb" * 10])
def test_weak_and_odd_tokens_are_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ConfigError, match="expected a token of 16 or more") as caught:
        read_token(file)
    assert not text or text not in str(caught.value)
    with pytest.raises(ConfigError, match="could not read"):
        read_token(tmp_path / "none")
    file.write_bytes(b"\xff" * 20)
    with pytest.raises(ConfigError, match="could not read"):
        read_token(file)


def test_other_machines_need_a_token_or_the_users_word() -> None:
    assert choose_hosts("127.0.0.1", None, False, ()) == ()
    assert choose_hosts("::1", None, False, ["Serve.Example"]) == ("serve.example",)
    assert choose_hosts("0.0.0.0", TOKEN, False, ()) is None
    assert choose_hosts("0.0.0.0", TOKEN, False, ["a"]) == ("a",)
    assert choose_hosts("0.0.0.0", None, True, ()) is None
    for host in ("0.0.0.0", "::", "10.0.0.1", "serve.example"):
        with pytest.raises(ConfigError, match="--no-token serves whoever asks"):
            choose_hosts(host, None, False, ["a"])
