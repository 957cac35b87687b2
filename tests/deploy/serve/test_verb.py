"""`dawgen serve` as a user types it: a process that answers, logs, and ends when told to; a line or two on mistakes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.services import make_files

PAIR = {"text1": "a secret man is sleeping", "text2": "somebody is asleep"}
TOKEN = "a-token-that-nobody-guesses"
WAIT = 4000  # milliseconds that rows wait for company: time in which a client hangs up, or the service is stopped


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def served(bundles: Path, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Run the verb on a free port, as a process of its own; `said` is its JSON, `log` its stderr."""
    log = tmp_path / "log"
    call = [sys.executable, "-m", "dawgen", "serve", f"own={bundles / 'pairs'}", str(bundles / "topics")]
    options = ["--port", "0", "--bundles", bundles, "--max-wait", WAIT, "--threads", 1, "--json"]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*call, *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=os.environ | {"DAWGEN_TOKEN": TOKEN},
        )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] and not lines[-1].startswith("{"):
            lines.append(process.stdout.readline())
        assert lines[-1], log.read_text()
        said = json.loads(lines[-1])
        yield SimpleNamespace(process=process, log=log, lines=lines, said=said, address=said["address"])
    finally:
        process.kill()
        process.communicate()


def get(served: SimpleNamespace, path: str, body: Any = None, token: str = TOKEN) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(served.address + path, data, headers), timeout=20) as found:
        return found.read().decode()


def post_raw(served: SimpleNamespace) -> socket.socket:
    """Send a question, and return the connection, on which the answer will come."""
    body = json.dumps({"prompt": "own", "inputs": [PAIR, PAIR]}).encode()
    connection = socket.create_connection(("127.0.0.1", int(served.address.rstrip("/").rpartition(":")[2])))
    head = f"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def read_metric(served: SimpleNamespace, name: str) -> float:
    (line,) = [line for line in get(served, "metrics").splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def wait_for_metric(served: SimpleNamespace, name: str, value: float) -> None:
    end = time.monotonic() + 10
    while read_metric(served, name) != value:
        assert time.monotonic() < end, name
        time.sleep(0.02)


def test_a_service_from_start_to_end(served: SimpleNamespace, bundles: Path) -> None:
    assert [prompt["name"] for prompt in served.said["prompts"]] == ["own", "topics"]
    shown = "".join(served.lines)
    assert all(prompt["digest"] in shown for prompt in served.said["prompts"])
    assert TOKEN not in shown
    assert json.loads(get(served, "v1/prompts"))["prompts"] == served.said["prompts"]
    assert json.loads(get(served, "v1/prompts", {"folder": "pairs"}))["digest"] == served.said["prompts"][0]["digest"]

    gone = post_raw(served)
    wait_for_metric(served, "dawgen_queue_rows", 2)
    gone.close()
    wait_for_metric(served, "dawgen_cancelled_total", 1)
    assert read_metric(served, "dawgen_queue_rows") == read_metric(served, "dawgen_batch_rows_count") == 0

    answer = b""
    with post_raw(served) as accepted:
        wait_for_metric(served, "dawgen_queue_rows", 2)
        served.process.send_signal(signal.SIGTERM)
        while part := accepted.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"connection: close" in head
    assert [row["label"] in ("same", "different") for row in json.loads(body)["results"]] == [True, True]
    assert served.process.wait(15) == 0

    log = served.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    asked = [(line["status"], line.get("prompt")) for line in lines if line.get("route") == "/v1/classify"]
    assert asked == [(499, "own"), (200, "own")]
    assert [line["event"] for line in lines if line["event"] not in ("request", "prompt added")] == [
        "ready",
        "stopping",
        "stopped",
    ]
    assert lines[-1]["unanswered"] == 0
    assert "secret" not in log and TOKEN not in log and str(bundles) not in log


def test_a_second_signal_ends_it_at_once_and_says_what_was_lost(served: SimpleNamespace) -> None:
    with post_raw(served):
        wait_for_metric(served, "dawgen_queue_rows", 2)
        served.process.send_signal(signal.SIGINT)
        end = time.monotonic() + 10
        while '"stopping"' not in served.log.read_text():  # two signals at a time would be one
            assert time.monotonic() < end
            time.sleep(0.02)
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 1  # on a busy machine too
    assert "1 accepted requests were not answered" in served.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected a bundle to serve"),
        (["none"], "there is no folder none"),
        (["a=none"], "there is no folder none"),
        (["BUNDLE", "--bundles", "none"], "--bundles none: expected a folder"),
        (["BUNDLE", "--host", "0.0.0.0"], "expected a token, since other machines can reach this address."),
        (["BUNDLE", "--host", "8.8.8.8", "--no-token"], "expected a free port of this machine"),
        (["BUNDLE", "--token-file", "none"], "none: expected a file with a token"),
        (["BUNDLE", "--token-file", "TOKEN", "--no-token"], "expected --token-file or --no-token, got both."),
        (["BUNDLE", "--token-file", "TOKEN"], "expected a token of 16 or more"),
        (["BUNDLE", "--dtype", "float23"], "did you mean float32?"),
        (["BUNDLE", "--device", "gpu"], "--device gpu: expected a device of this machine"),
        (["BUNDLE", "BUNDLE"], "this one is served. Remove it first.\nGive it another name: NAME="),
        (["-x=BUNDLE"], "prompt name '-x': expected 1 to 64"),
        (["BROKEN"], "its digest does not fit its content"),
        (["BUNDLE", "--model", "mini-t5"], "trained on"),
    ],
)
def test_mistakes_are_said_in_a_line_or_two(
    dawgen: Any, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setattr("dawgen.deploy.serve.server.start_logs", lambda: None)
    monkeypatch.delenv("DAWGEN_TOKEN", raising=False)
    broken, token = tmp_path / "broken", tmp_path / "token"
    broken.mkdir()
    for name in ("bundle.json", "prompt.safetensors"):
        content = (bundles / "pairs" / name).read_bytes()
        (broken / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if name[0] == "p" else content)
    token.write_text("short")
    places = {"BUNDLE": str(bundles / "pairs"), "BROKEN": str(broken), "TOKEN": str(token)}
    given = arguments
    for word, place in places.items():
        given = [argument.replace(word, place) for argument in given]
    split = ["--", *given] if given[:1] and given[0].startswith("-x") else given
    status, _, err = dawgen("serve", "--port", 0, *split)
    assert (status, said in err) == (2, True), err
    assert err.count("\n") <= 3


def test_a_port_that_is_taken(dawgen: Any, bundles: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, _, err = dawgen("serve", bundles / "pairs", "--port", other.getsockname()[1])
    assert (status, "choose another --port" in err) == (2, True)
