"""Sets of a model server in a grid: beside those of tuned generators, paid once, named by what its texts depend on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from dawgen.bench import predict
from dawgen.bench.cells import describe_set
from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid
from dawgen.bench.sets import SetCell
from dawgen.cli import app
from dawgen.errors import ConfigError
from dawgen.evaluate.costs.grid import read_facts
from support.grids import write_grid
from support.model_server import ModelServer, run_server

pytest.importorskip("tenacity", reason='needs pip install "dawgen[api]"')
CANARY = "sk-canary-77d0c2"
FIRST: dict[str, Any] = {"tasks": ["scenes-nli"], "seeds": [1], "shots": [4], "multiples": [2]}
SERVER = {"url": "http://localhost:1/v1", "model": "big"}


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "CALIBRATION", 0.1)
    monkeypatch.setenv("DAWGEN_API_KEY", CANARY)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with run_server() as server:
        yield server


def write(
    folder: Path, server: ModelServer, *, tuned: Sequence[str] = ("prompt_tuning", "plain/tfidf_probe"), **settings: Any
) -> Path:
    """Write a grid on tiny models with a block of tuned sets and one of the server's."""
    path = write_grid(folder, arms=list(tuned), seeds=[1], multiples=[2])
    grid = yaml.safe_load(path.read_text())
    own = {"url": server.url, "model": "big", "pause": 0.001} | settings
    grid["blocks"].append(grid["blocks"][0] | {"arms": ["api/tfidf_probe"], "settings": {"generator": own}})
    path.write_text(yaml.safe_dump(grid, sort_keys=False))
    return path


def run(grid: Path, out: Path) -> Any:
    return CliRunner().invoke(app, ["bench", "--grid", str(grid), "--out", str(out), "--jobs", "1"])


def list_sets(folder: Path, *blocks: dict[str, Any], **settings: Any) -> list[SetCell]:
    path = folder / "grid.yaml"
    content = {"name": "x", "settings": settings, "blocks": [FIRST | block for block in blocks]}
    path.write_text(yaml.safe_dump(content))
    return [cell for cell in make_plan(read_grid(path)).cells.values() if isinstance(cell, SetCell)]


def name_key(folder: Path, generator: dict[str, Any], **settings: Any) -> str:
    (cell,) = list_sets(folder, {"arms": ["api"], "settings": {"generator": SERVER | generator}}, **settings)
    return cell.key


def test_prompted_and_tuned_sets_stand_in_one_table_and_are_paid_once(tmp_path: Path, server: ModelServer) -> None:
    grid, out = write(tmp_path, server), tmp_path / "out"
    done = run(grid, out)
    assert done.exit_code == 0, done.output
    assert "how long a server takes is not known" in done.output
    results = json.loads((out / "results.json").read_text())
    assert {row["method"] for row in results["rows"]} == {"prompt_tuning", "plain", "api"} and not results["failed"]
    (made,) = [one for one in results["sets"] if one["method"] == "api"]
    assert made["rows"] == 3 * 2 * 4
    report = CliRunner().invoke(app, ["report", str(out), "--tables", str(tmp_path / "tables")])
    assert report.exit_code == 0, report.output
    assert any("api/tfidf_probe" in path.read_text() for path in (tmp_path / "tables").glob("*.csv"))
    assert all(headers["Authorization"] == f"Bearer {CANARY}" for headers in server.headers)
    assert not [path for path in out.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    asked = len(server.requests)
    assert run(write(tmp_path, server, concurrency=2, price_in=1.0, price_out=2.0, tries=3), out).exit_code == 0
    assert len(server.requests) == asked  # what changes no row names no other cell
    facts = read_facts(out)
    assert facts.kinds["api"].tokens is not None and facts.kinds["plain"].tokens is None
    said = CliRunner().invoke(app, ["analyze", "cost", str(out), "--api-in", "1", "--api-out", "3", "--json"])
    assert said.exit_code == 0, said.output
    costs = {one["way"]: one for one in json.loads(said.output.splitlines()[-1])["generators"]}
    read, written = facts.kinds["api"].tokens
    assert costs["api"]["measured"] and costs["api"]["gain"] is not None
    assert costs["api"]["money"] == pytest.approx((read + 3 * written) * costs["api"]["rows"] / 1e6)


def test_a_budget_ends_a_cell_which_goes_on_with_more(tmp_path: Path, server: ModelServer) -> None:
    out = tmp_path / "out"
    done = run(write(tmp_path, server, tuned=["tfidf_probe"], budget_tokens=1500, concurrency=1), out)
    assert done.exit_code == 1 and "budget" in done.output
    paid = len(server.requests)
    assert paid
    assert run(write(tmp_path, server, tuned=["tfidf_probe"], budget_tokens=10**7, concurrency=1), out).exit_code == 0
    (answers,) = out.glob("sets/*/answers.jsonl")
    texts = [json.dumps(body, sort_keys=True) for body in server.requests if not body.get("echo")]
    assert len(texts) == len(set(texts)) > paid / 2  # none was asked for twice
    assert len(answers.read_text().splitlines()) >= len(texts)


def test_keys_of_servers_sets_hold_what_their_texts_depend_on(tmp_path: Path) -> None:
    key = name_key(tmp_path, {})
    for free in ({"concurrency": 1}, {"timeout": 5.0}, {"budget_tokens": 9}, {"price_in": 1.0}, {"key_env": "X_KEY"}):
        assert name_key(tmp_path, free) == key
    assert name_key(tmp_path, {"steps": 7, "dist_weight": 0.5}, decode={"top_k": 3, "contrast": 0.1}) == key
    for told in ({"model": "bigger"}, {"url": "http://localhost:2/v1"}, {"prompt_shots": 1}, {"instruction": "Short."}):
        assert name_key(tmp_path, told) != key
    assert name_key(tmp_path, {}, decode={"temperature": 0.5}) != key
    assert name_key(tmp_path, {}, curate={"echo": 0.5}) != key


def test_settings_of_servers_are_in_no_key_of_a_tuned_generators_set(tmp_path: Path) -> None:
    (cell,) = list_sets(tmp_path, {"arms": ["plain"]})
    assert "url" not in describe_set(cell.config)["generator"] and "concurrency" not in json.dumps(
        describe_set(cell.config)
    )


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"arms": ["api"]}, "expected generator.url"),
        ({"arms": ["api"], "settings": {"generator": {"url": SERVER["url"]}}}, "expected generator.model"),
        ({"arms": ["api", "plain"], "settings": {"generator": SERVER}}, "arm 'plain/paired'.*block of their own"),
        ({"arms": ["api"], "settings": {"generator": SERVER | {"budget_money": 1.0}}}, "price_in"),
    ],
)
def test_a_grid_says_what_its_server_lacks(tmp_path: Path, block: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        list_sets(tmp_path, block)
