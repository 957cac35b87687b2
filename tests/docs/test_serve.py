"""The chapter on serving: its requests run as printed, and its numbers, limits and names are those of the code."""

import asyncio
import contextlib
import inspect
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from benchmarks.soak.serve_process import Server, serving
from benchmarks.soak.serve_wire import Line, Reply
from dawgen.classifier.estimator import PromptClassifier
from dawgen.cli import app
from dawgen.deploy.serve.batcher import CPU_BUDGET, CPU_ROWS
from dawgen.deploy.serve.faults import REFUSALS
from dawgen.deploy.serve.metrics import Metrics
from dawgen.scenes import draw_data
from dawgen.tasks import Task
from experiments.pages.blocks import fill_blocks
from experiments.pages.serve_page import RESULTS, ROOT, make_blocks

PAGE = (ROOT / "docs" / "serve.md").read_text()
ADDRESS = "http://127.0.0.1:8400"


def find_blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def list_keys(value: Any) -> Any:
    """Return a JSON value's keys, without values and without what a list has beyond its first element."""
    if isinstance(value, dict):
        return {key: list_keys(one) for key, one in value.items()}
    return [list_keys(value[0])] if isinstance(value, list) else None


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    for name in ("nli", "topic"):
        task = Task.load(f"scenes-{name}")
        rows = draw_data(task.name, 0, shots=2, test=0).train
        PromptClassifier(task=task, prompt_length=3, steps=2).fit(rows).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def answers(bundles: Path) -> tuple[dict[str, Reply], str]:
    """The replies to the page's curl commands, in their order, and what its Python prints."""

    async def run() -> tuple[dict[str, Reply], str]:
        arguments = [str(bundles / "nli"), str(bundles / "topic"), "--bundles", str(bundles)]
        async with serving(bundles, arguments, token=None) as server:
            replies = {command: await ask(server, command) for command in list_requests()}
            return replies, await asyncio.to_thread(run_python, server, bundles)

    return asyncio.run(run())


def list_requests() -> list[str]:
    blocks = [block for block in find_blocks("sh") if block.startswith("curl")]
    return [f"curl {command}".strip() for block in blocks for command in re.split(r"^curl ", block, flags=re.M)[1:]]


async def ask(server: Server, command: str) -> Reply:
    """Send what a curl command would."""
    words = shlex.split(command)[1:]
    body = json.loads(words[words.index("--json") + 1]) if "--json" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "GET" if body is None else "POST"
    (url,) = [word for word in words if word.startswith(ADDRESS)]
    line = Line(server.port)
    reply = await line.ask(method, url.removeprefix(ADDRESS), body)
    line.cut()
    return reply


def run_python(server: Server, bundles: Path) -> str:
    printed = io.StringIO()
    for block in find_blocks("python"):
        here = block.replace(ADDRESS, f"http://127.0.0.1:{server.port}").replace("bundles/", f"{bundles}/")
        with contextlib.redirect_stdout(printed):
            exec(here.replace("steps=100", "steps=2"), {})
    return printed.getvalue()


def test_the_requests_run_as_printed(answers: tuple[dict[str, Reply], str]) -> None:
    replies, printed = answers
    assert [reply.status for reply in replies.values()] == [200, 200, 200, 200, 201, 204]
    (shown,) = find_blocks("json")
    first, second, third = list(replies.values())[:3]
    assert list_keys(json.loads(shown)) == list_keys(first.json())
    assert len(second.json()["results"]) == 2
    assert all(row["abstained"] == (row["label"] == "unsure") for row in third.json()["results"])
    *lines, labels = printed.splitlines()
    assert len(lines) == 2
    assert list(eval(labels)) == ["music", "outside"] and all(0 <= share <= 1 for share in eval(labels).values())


def test_the_page_shows_the_results() -> None:
    results = (RESULTS / "serve_soak.json", RESULTS / "serve_term.json", ROOT / "benchmarks" / "speed" / "results.json")
    filled = fill_blocks(PAGE, make_blocks(*results))
    assert filled == PAGE, "run python -m experiments.pages.serve_page --into docs/serve.md"
    for path in results[:2]:
        assert all(json.loads(path.read_bytes())["checks"].values())


def test_the_soak_is_that_of_the_aim() -> None:
    load = json.loads((RESULTS / "serve_soak.json").read_bytes())["load"]
    assert (load["clients"], load["seconds"], load["aborts"]) == (200, 120, 0.1)


def test_options_and_limits_are_those_of_the_verb() -> None:
    verb = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    defaults = {option: parameter.default for parameter in verb.params for option in parameter.opts}
    of_others = {"--json", "--gold", "--out", "--train", "--shots", "--task", "--method", "--results", "--into"}
    of_others |= {"--no-cache-dir", "--extra-index-url"}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", PAGE)) - of_others <= set(defaults)
    defaults |= {"--token-budget": CPU_BUDGET, "--queue": CPU_ROWS}  # None to the verb: by device
    stated = dict(re.findall(r"`(--[\w-]+)` \(?(\d+)", PAGE))
    assert len(stated) > 5
    assert {option: float(number) for option, number in stated.items()} == {
        option: float(defaults[option]) for option in stated
    }


def test_every_metric_is_named() -> None:
    source = Path(inspect.getfile(Metrics)).read_text()
    found = set(re.findall(r'(?:counter|histogram|gauge)\(\s*"(\w+)"', source))
    shown = {name.removeprefix("dawgen_").removesuffix("_total") for name in re.findall(r"`(dawgen_\w+)`", PAGE)}
    assert found == shown


def test_every_reason_of_a_refusal_is_named() -> None:
    folder = Path(inspect.getfile(Metrics)).parent
    said = "".join(path.read_text() for path in folder.glob("*.py"))
    found = {reason for _, reason in REFUSALS.values()} | set(re.findall(r'(?:Refusal|_wait)\(\d+, "(\w+)"', said))
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `dawgen_refused_total`")]
    assert found - {"error", "loading"} <= set(re.findall(r"`(\w+)`", row))  # these two are not counted


def test_files_of_the_page_are_well_formed() -> None:
    (pod,) = find_blocks("yaml")
    probes = yaml.safe_load(pod)["containers"][0]
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    (unit,) = find_blocks("ini")
    assert "dawgen serve" in unit
