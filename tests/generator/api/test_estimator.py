import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

import dawgen
from dawgen.config import DecodeConfig
from dawgen.curation import Curator
from dawgen.data import ShardStore
from dawgen.errors import BudgetError, ConfigError, DataError, ServerError, ShortfallError
from support.model_server import Body, fail, invent, run_server

pytest.importorskip("tenacity", reason='needs pip install "dawgen[api]"')
LABELS = ("food", "sport")
REAL = [dawgen.Example(f"{label} line {i} of the paper", label=label) for label in LABELS for i in range(6)]
PAIRS = [dawgen.Example(f"first {i} {label}", f"second {i} of {label}", label) for label in LABELS for i in range(6)]


def make(url: str, **settings: Any) -> dawgen.ApiGenerator:
    values = {"pause": 0.001, "concurrency": 4, "logprobs": False} | settings
    return dawgen.ApiGenerator("m", url=url, **values).fit(PAIRS if settings.pop("pairs", False) else REAL)


def test_every_label_has_exactly_as_many_rows_as_asked_for() -> None:
    with run_server(delay=lambda _: 0.01) as server:
        generator = make(server.url)
        rows = generator.generate(25, curator=Curator(REAL, LABELS))
    assert [sum(row.label == label for row in rows) for label in LABELS] == [25, 25]
    assert len({row.text1 for row in rows}) == 50
    assert generator.spent_["answers"] == len(server.requests) and 1 < server.most <= 4


def test_shots_are_of_the_label_and_others_in_every_request() -> None:
    with run_server() as server:
        make(server.url, prompt_shots=3).generate(20)
    seen = [body["messages"][0]["content"] for body in server.requests]
    shown = [tuple(re.findall(r"(?m)^- (.*)$", text)) for text in seen]
    assert all(len(shots) == 3 and len({shot.split()[0] for shot in shots}) == 1 for shots in shown)
    assert len(set(shown)) > 20
    assert len({body["seed"] for body in server.requests}) == len(server.requests)


def test_the_order_in_which_answers_arrive_changes_nothing() -> None:
    found = []
    for delay in (lambda number: 0.0, lambda number: 0.03 * (number % 3 == 0)):
        with run_server(delay=delay) as server:
            found.append(make(server.url, concurrency=8).generate(15, curator=Curator(REAL, LABELS)))
    assert found[0] == found[1]


def test_pairs_offer_every_first_text_to_every_label() -> None:
    texts = [f"a picture of thing {i}" for i in range(8)]
    with run_server() as server:
        generator = dawgen.ApiGenerator("m", url=server.url, decode=DecodeConfig(shard_texts=8)).fit(PAIRS)
        rows = generator.generate(8, first_texts=texts)
    assert {(row.text1, row.label) for row in rows} == {(text, label) for text in texts for label in LABELS}


def test_first_texts_can_be_written_too() -> None:
    with run_server() as server:
        decode = DecodeConfig(first_texts="written", shard_texts=4)
        rows = dawgen.ApiGenerator("m", url=server.url, decode=decode, pause=0.001).fit(PAIRS).generate(3)
    assert len(rows) == 6 and all(row.text1 and row.text2 for row in rows)
    assert not {row.text1 for row in rows} & {row.text1 for row in PAIRS}


def test_a_shot_with_the_same_first_text_is_not_shown() -> None:
    with run_server() as server:
        make_pairs = dawgen.ApiGenerator("m", url=server.url, prompt_shots=6).fit(PAIRS)
        make_pairs.preview(1, first_texts=["first 2 food"])
    asked = next(b for b in server.requests if "answer food" in b["messages"][0]["content"])["messages"][0]["content"]
    assert asked.count("first 2 food") == 1 and "second 2 of food" not in asked


def test_a_killed_run_goes_on_to_the_same_rows_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    with run_server() as server:
        whole = make(server.url).generate(20)
        needed = len(server.requests)

    def run(url: str, name: str) -> list[dawgen.Example]:
        generator = make(url, answers=tmp_path / name)
        return generator.generate(20, store=ShardStore(tmp_path / name / "raw", {"seed": 1}))

    asked = 0
    for _ in range(20):
        with run_server(faults=[]) as server:

            def answer(body: Body, server: Any = server) -> Any:
                return fail(400, {"error": {"message": "stop here"}}) if len(server.requests) > 9 else invent(body)

            server.answer = answer
            try:
                rows = run(server.url, "killed")
                asked += len(server.requests)
                break
            except ServerError:
                asked += sum(1 for _ in server.requests[:9])
    stored = (tmp_path / "killed" / "answers.jsonl").read_text().splitlines()
    assert rows == whole
    assert len(stored) == needed == len({json.loads(line)["request"] for line in stored})
    with run_server() as server:
        assert run(server.url, "killed") == whole
        assert not server.requests


def test_half_a_line_of_a_killed_process_is_asked_for_again(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    with run_server() as server:
        whole = make(server.url, answers=tmp_path).generate(5)
        content = file.read_bytes()
        file.write_bytes(content[:-20])
        server.requests.clear()
        assert make(server.url, answers=tmp_path).generate(5) == whole
        assert len(server.requests) == 1
        assert sorted(file.read_bytes().splitlines()) == sorted(content.splitlines())
        file.write_bytes(b"nonsense\n" + content)
        with pytest.raises(DataError, match="answers.jsonl:1"):
            make(server.url, answers=tmp_path).generate(5)


def test_a_shard_stays_whole_where_an_answer_is_missing(tmp_path: Path) -> None:
    with run_server() as server:
        server.answer = lambda body: fail(401) if len(server.requests) > 5 else invent(body)
        with pytest.raises(ConfigError, match="key"):
            make(server.url, answers=tmp_path, concurrency=1).generate(
                20, store=ShardStore(tmp_path / "raw", {"seed": 1})
            )
    assert not list((tmp_path / "raw").glob("shard-*"))
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize("budget", [{"budget_tokens": 3000}, {"budget_money": 0.003, "price_in": 1, "price_out": 1}])
def test_a_budget_ends_writing_before_it_is_exceeded_and_a_larger_one_goes_on(
    tmp_path: Path, budget: dict[str, float]
) -> None:
    with run_server() as server:
        whole = make(server.url).generate(30)
        server.requests.clear()
        generator = make(server.url, answers=tmp_path, **budget)
        with pytest.raises(BudgetError, match=r"(?s)kept \d+ of 60 rows.*budget_.*goes on"):
            generator.generate(30)
        spent = generator.spent_["read"] + generator.spent_["written"]
        assert 2000 < spent <= 3000
        assert generator.spent_["answers"] == len(server.requests)
        assert make(server.url, answers=tmp_path).generate(30) == whole


def test_answers_without_a_count_of_tokens_are_estimated_and_said_to_be() -> None:
    with run_server(usage=False) as server:
        generator = make(server.url)
        generator.generate(5)
    assert generator.spent_["estimated"] == generator.spent_["answers"]
    assert generator.spent_["read"] > 100 * generator.spent_["answers"]


def test_cut_refused_and_empty_answers_are_dropped_with_their_reason() -> None:
    odd = iter(
        [("half a", "length"), "", None, ("I cannot write that.", "stop"), ([{"type": "text", "text": ""}], "stop")]
    )
    lock = threading.Lock()

    def answer(body: Body) -> Any:
        with lock:
            return next(odd, None) or invent(body)

    with run_server(answer=answer, faults=[fail(400, {"error": {"code": "content_filter"}})]) as server:
        generator = make(server.url, concurrency=1)
        rows = generator.generate(10)
    assert len(rows) == 20
    assert generator.generation_.reasons["truncated"] == 1 and generator.generation_.reasons["empty"] >= 2
    assert generator.spent_["endings"]["content_filter"] == 1


def test_a_server_that_repeats_itself_ends_in_a_shortfall_with_reasons() -> None:
    with run_server(answer=lambda body: "the same again and again") as server:
        generator = make(server.url)
        generator.set_params(decode=DecodeConfig(attempts=3))
        with pytest.raises(ShortfallError) as caught:
            generator.fit(REAL).generate(5, curator=Curator(REAL, LABELS))
    assert caught.value.reasons["duplicate"] > 5


def test_greedy_writing_asks_for_no_chance() -> None:
    with run_server() as server:
        generator = make(server.url)
        generator.set_params(decode=DecodeConfig(strategy="greedy")).fit(REAL).preview(1)
    assert {body["temperature"] for body in server.requests} == {0}


def test_base_models_continue_a_line() -> None:
    with run_server() as server:
        make(server.url, endpoint="completions").generate(3)
    assert set(server.paths) == {"/v1/completions"}
    assert all(
        body["stop"] == ["\n"] and body["prompt"].endswith("food. Text:") | body["prompt"].endswith("sport. Text:")
        for body in server.requests
    )


def score(prompt: str) -> list[tuple[str, float]]:
    """Give words log-probabilities: those of the label that the prompt is about are likelier."""
    label = re.findall(r"Kind of text: (\w+)", prompt)[-1]
    tokens = re.findall(r"\s*\S+", prompt)
    return [(token, -1.0 if label in tokens[-1] else -2.0) for token in tokens]


def test_log_probabilities_of_the_server_filter_by_the_posterior() -> None:
    texts = iter(f"number {i} is about {'food' if i % 3 else 'sport'}" for i in range(1000))
    with run_server(echo=score, answer=lambda body: next(texts)) as server:
        generator = make(server.url, logprobs="auto", concurrency=1)
        curator = Curator(REAL, LABELS)
        rows = generator.generate(10, curator=curator)
    assert generator.scores_ is True
    assert all(str(row.label) in row.text1 for row in rows)
    assert generator.generation_.reasons["posterior"] > 5


def test_a_servers_score_is_the_sum_over_the_new_texts_tokens() -> None:
    with run_server(echo=score, answer=lambda body: "all about food") as server:
        generator = make(server.url, logprobs="auto")
        judged = generator.stream(1, curator=Curator([], LABELS))
        candidate, verdict = next(iter(judged))
    assert candidate.logp == (-3.0, -6.0) and verdict.score == pytest.approx(3.0)


def test_a_server_without_log_probabilities_is_asked_once_and_writes_all_the_same() -> None:
    with run_server() as server:
        generator = make(server.url, logprobs="auto")
        generator.generate(5, curator=Curator(REAL, LABELS))
        assert generator.find_scores() is False
    assert sum(bool(body.get("echo")) for body in server.requests) == 1


def test_a_saved_generator_is_the_same_and_takes_other_budgets_only(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DAWGEN_API_KEY", "sk-canary")
    with run_server() as server:
        generator = make(server.url, instruction="Be brief.")
        generator.save(tmp_path)
        loaded = dawgen.ApiGenerator.load(tmp_path, free={"budget_tokens": 10**6, "concurrency": 2})
        assert loaded.generate(4) == generator.generate(4)
        assert loaded.hash_requests() == generator.hash_requests() and loaded.concurrency == 2
    content = (tmp_path / "generator.json").read_text()
    assert "sk-canary" not in content and "{shots}" in content and "sk-canary" not in repr(vars(generator))
    with pytest.raises(ConfigError, match="prompt_shots"):
        dawgen.ApiGenerator.load(tmp_path, free={"prompt_shots": 2})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": None}, "generator.url"),
        ({"url": "localhost:8000"}, "address"),
        ({"url": "http://me:secret@host/v1"}, "password"),
        ({"url": "http://host/v1?key=secret"}, "query"),
        ({"key_env": "sk-secret"}, "environment variable"),
        ({"budget_money": 1.0}, "price_in"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_wrong_settings_are_said_and_secrets_in_them_are_not(settings: dict[str, Any], said: str) -> None:
    values = {"url": "http://localhost/v1"} | settings
    with pytest.raises(ConfigError, match=said) as caught:
        dawgen.ApiGenerator("m", **values).fit(REAL)
    assert "secret" not in str(caught.value).replace("a secret", "")


def test_addresses_are_completed_as_they_are_usually_written() -> None:
    for given in ("http://localhost:11434", "http://localhost:11434/", "http://localhost:11434/v1/chat/completions"):
        generator = dawgen.ApiGenerator("m", url=given).fit(REAL)
        assert generator.describe()["server"] == "localhost:11434"
        assert generator._config().url == "http://localhost:11434/v1"
