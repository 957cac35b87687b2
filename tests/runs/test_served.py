import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dawgen.cli import app
from dawgen.config import RunConfig
from dawgen.errors import BudgetError, ConfigError
from dawgen.progress import Reporter
from dawgen.runs.inputs import load_inputs
from dawgen.runs.run import run_job
from dawgen.runs.served import foretell
from dawgen.runs.settings import resolve_config
from support.model_server import ModelServer, fail, run_server

pytest.importorskip("tenacity", reason='needs pip install "dawgen[api]"')
CANARY = "sk-canary-5b1f0c"
TOPICS = {"food": "soup bread pepper salad", "sport": "goal race match team"}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAWGEN_API_KEY", CANARY)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    file = tmp_path / "train.jsonl"
    rows = [
        {"text": f"{word} number {i} of the {['day', 'week', 'month', 'year'][i % 4]}", "label": label}
        for label, words in TOPICS.items()
        for i, word in enumerate(words.split() * 3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    test = [{"text": f"more {words.split()[0]}, please", "label": label} for label, words in TOPICS.items()]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in test))
    return file


def settle(server: ModelServer, train: Path, *more: str) -> RunConfig:
    arguments = {
        "train": str(train),
        "test": str(train.with_name("test.jsonl")),
        "methods": ("tfidf_probe_synthetic",),
        "per_label": 12,
        "shots": 8,
    }
    own = ["generator.kind=api", f"generator.url={server.url}", "generator.model=big", "generator.pause=0.001"]
    own += ["curate.near_duplicate=1.0", "curate.echo=1.0", "curate.posterior=false"]
    return resolve_config(arguments=arguments, assignments=[*own, *more])


def write_topic(body: Any) -> Any:
    """Return a text like the shots of the label that is asked for."""
    words = TOPICS["food" if "answer food" in body["messages"][0]["content"] else "sport"].split()
    seed = int(body["seed"])
    return f"{words[seed % 4]} number {seed % 1999} of the {['day', 'week', 'month', 'year'][seed % 3]}"


class Said(Reporter):
    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def announce(self, notes: Sequence[str], warnings: Sequence[str]) -> None:
        self.lines += [*notes, *warnings]


def find_canary(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]


def test_a_run_with_a_server_has_its_rows_its_bill_and_no_key(tmp_path: Path, train: Path) -> None:
    reporter, out = Said(), tmp_path / "run"
    with run_server(answer=write_topic) as server:
        prices = ("generator.price_in=0.15", "generator.price_out=0.6")
        config = settle(server, train, "curate.posterior=true", "curate.judge_least=0.01", *prices)
        metrics = run_job(config, out, reporter=reporter)
        assert {one["Authorization"] for one in server.headers} == {f"Bearer {CANARY}"}
        asked = len(server.requests)
        assert run_job(config, out)["synthetic"] == metrics["synthetic"]
        assert len(server.requests) == asked
    served = metrics["synthetic"]["server"]
    assert metrics["synthetic"]["kept"] == 24 and served["answers"] == asked - 1  # the first asks for scores
    assert served["model"] == "big" and served["server"] in server.url and served["money"] > 0
    assert any("written by big at 127.0.0.1" in note for note in metrics["notes"])
    assert "big at 127.0.0.1" in (out / "synthetic" / "README.md").read_text()
    assert "nothing was tuned" in (out / "synthetic" / "README.md").read_text()
    assert "{shots}" in (out / "generator" / "generator.json").read_text()
    said = "\n".join(reporter.lines)
    assert "tuning is skipped" in said and "tokens read" in said and "posterior filter" in said
    assert not find_canary(tmp_path)
    assert "budget" not in (out / "config.yaml").read_text()


def test_a_run_whose_budget_ends_goes_on_with_a_larger_one(tmp_path: Path, train: Path) -> None:
    with run_server(answer=write_topic) as server:
        whole = run_job(settle(server, train), tmp_path / "whole")
        reporter = Said()
        with pytest.raises(BudgetError, match="budget_tokens"):
            run_job(settle(server, train, "generator.budget_tokens=1500"), tmp_path / "run", reporter=reporter)
        assert any("more than generator.budget_tokens=1500" in line for line in reporter.lines)
        parts = run_job(settle(server, train, "generator.budget_tokens=900000"), tmp_path / "run")
    assert parts["synthetic"] == whole["synthetic"] and parts["methods"].keys() == whole["methods"].keys()
    rows = [(tmp_path / name / "synthetic" / "train.jsonl").read_bytes() for name in ("whole", "run")]
    assert rows[0] == rows[1]


def test_a_refused_key_ends_a_run_without_a_trace_of_it(tmp_path: Path, train: Path) -> None:
    with run_server() as server:
        server.faults = [fail(401, {"error": {"message": f"wrong: {CANARY}"}})] * 9
        with pytest.raises(ConfigError, match="DAWGEN_API_KEY") as caught:
            run_job(settle(server, train), tmp_path / "run")
        assert len(server.requests) == 1
    assert CANARY not in str(caught.value) and not find_canary(tmp_path)


def test_a_judge_takes_the_place_of_log_probabilities(tmp_path: Path, train: Path) -> None:
    reporter = Said()
    with run_server(answer=write_topic) as server:
        metrics = run_job(settle(server, train, "curate.posterior=true"), tmp_path / "run", reporter=reporter)
    said = "\n".join(reporter.lines)
    assert "the server gives no log-probabilities" in said and "judge (target)" in said
    assert metrics["synthetic"]["kept"] == 24


def test_the_bill_is_foretold_within_a_half(tmp_path: Path, train: Path) -> None:
    with run_server(answer=write_topic, usage=False) as server:
        config = settle(server, train, "generator.logprobs=false", "generator.price_in=1", "generator.price_out=2")
        bill = foretell(config, load_inputs(config), kept=0.9)
        metrics = run_job(config, tmp_path / "run")
    served = metrics["synthetic"]["server"]
    assert bill.read == pytest.approx(served["read"], rel=0.5)
    assert bill.money == pytest.approx((bill.read + 2 * bill.written) / 1e6) and "money" in bill.describe()


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("compare_generators=[plain]", "compare_generators"),
        ("generator.url=http://me:hunter2@localhost/v1", "password"),
        ("generator.url=null", "generator.url"),
        ("generator.model=mini-ctrl", "generator.model"),
        ("generator.kind=dawgen", "generator.kind=api"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_done(
    tmp_path: Path, train: Path, assignment: str, said: str
) -> None:
    with run_server() as server:
        with pytest.raises(ConfigError, match=said) as caught:
            run_job(settle(server, train, assignment), tmp_path / "run")
        assert not server.requests and "hunter2" not in str(caught.value)


def test_the_verbs_of_single_stages_work_with_a_server(tmp_path: Path, train: Path) -> None:
    generator, out = str(tmp_path / "gen"), tmp_path / "set"
    with run_server(answer=write_topic) as server:

        def call(*words: str) -> str:
            result = CliRunner().invoke(app, list(words))
            assert result.exit_code == 0, result.output
            return result.output

        own = ["generator.kind=api", f"generator.url={server.url}", "generator.model=big"]
        call(
            "tune",
            "--train",
            str(train),
            "--shots",
            "6",
            "--out",
            generator,
            *(word for one in own for word in ("--set", one)),
        )
        assert "[food]" in call("preview", generator, "--per-label", "2")
        call("generate", generator, "--per-label", "5", "--out", str(out), "--set", "generator.concurrency=2")
    assert len((out / "train.jsonl").read_text().splitlines()) == 10
    assert (out / "answers.jsonl").is_file() and not find_canary(tmp_path)
