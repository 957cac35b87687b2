"""The bundle for a report of a fault: it says what a maintainer needs, and no text of the user's is in it."""

import copy
import getpass
import json
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.errors import ConfigError
from dawgen.evaluate.doctor import bundle, masked
from dawgen.evaluate.doctor.bundle import describe_run, write_bundle
from dawgen.evaluate.doctor.machine import LIBRARIES, mask_traceback, mask_variable, mask_version
from dawgen.progress import Reporter
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config
from support.jobs import write_rows

CANARY = "canary"
LABELS = ("canary billing", "canary refund")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the user canary with a run whose texts, labels, paths, words and names are canaries."""
    home = tmp_path_factory.mktemp("canary-home")
    rows = [{"text": f"canary text {label[7:]} {n}", "label": label} for label in LABELS for n in range(8)]
    halves = {"train": rows[::2], "test": rows[1::2]}
    files = {role: str(write_rows(home / f"canary-{role}.jsonl", half)) for role, half in halves.items()}
    words: dict[str, Any] = {"name": "canary name", "question": "is it the canary of {text1}?"}
    words["label_words"] = dict(zip(LABELS, ("red", "blue"), strict=True))
    settings: dict[str, Any] = {
        "threads": 1,
        "shots": 4,
        "per_label": 4,
        "target": {"steps": 2},
        "generator": {"steps": 2},
    }
    settings |= {"methods": ["prompt_tuning", "dawgen"], "curate": {"posterior": False}}
    run_job(resolve_config(arguments=settings | files | words), home / "canary-run", reporter=Reporter(quiet=True))
    return home


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the process that loads all libraries."""
    monkeypatch.setattr(bundle, "check_libraries", list)


def read_zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return "".join(f"{info.filename}\n{archive.read(info).decode()}" for info in archive.infolist())


def test_no_text_label_path_or_name_of_a_run_is_in_the_bundle(
    dawgen: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: None
) -> None:
    for name in ("HF_HOME", "DAWGEN_CACHE", "DAWGEN_TRUST", "DAWGEN_TOKEN", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "https://canary:canary@host/canary")
    trace = tmp_path / "canary.txt"
    trace.write_text(
        'Traceback (most recent call last):\n  File "/home/canary/canary.py", line 3, in canary\n    raise canary\n'
        f'  File "{Path(bundle.__file__)}", line 7, in write_bundle\n    canary = "canary"\n'
        "dawgen.errors.DataError: canary.jsonl:3: expected a label, found 'canary'\n"
    )
    made = tmp_path / "report.zip"
    status, out, err = dawgen("doctor", place / "canary-run", "--bundle", made, "--traceback", trace)
    assert status == 0, err
    found = read_zip(made)
    assert CANARY not in found.lower()
    for private in (str(place), str(tmp_path), str(Path.home()), platform.node(), "red", "blue", "billing", "refund"):
        assert f'"{private}' not in found and f"{private}/" not in found and f"{private} " not in found, private
    assert getpass.getuser() == "root" or getpass.getuser() not in found
    assert found.count("\n") > 100
    assert '"dawgen/evaluate/doctor/bundle.py:7 write_bundle"\n"dawgen.errors.DataError"' in found
    shown = out.replace(f"{made}: these", "")
    assert all(line in shown for line in found.splitlines() if line.startswith((" ", '"', "{")))


def test_what_a_maintainer_asks_for_is_in_it(place: Path, tmp_path: Path) -> None:
    files = write_bundle(tmp_path / "a.zip", [place / "canary-run"])
    assert {"ABOUT.txt", "machine.json", "versions.json", "libraries.json", "run-1/log.jsonl"} < files.keys()
    libraries = [json.loads(line) for line in files["libraries.json"].splitlines()]
    assert [row["name"] for row in libraries] == [*LIBRARIES, "dawgen"]
    assert all(row["loaded"] for row in libraries)
    assert json.loads(files["versions.json"])["transformers"]
    config = json.loads(files["run-1/config.json"])
    assert config["settings"] | {"target.steps": 2, "target.model": "mini-t5", "shots": 4} == config["settings"]
    assert (config["settings"]["name"], config["settings"]["train"]) == ("(given)", "(given, .jsonl)")
    assert config["unknown settings"] == 0
    assert config["record"]["inputs"] == 2
    metrics = json.loads(files["run-1/metrics.json"])
    assert (metrics["labels"], metrics["task"]) == (2, "(given)")
    assert 0 <= metrics["methods"]["dawgen"]["accuracy"] <= 1
    assert "prompts/dawgen/prompt.safetensors" in json.loads(files["run-1/files.json"])
    rows = [json.loads(line) for line in files["run-1/log.jsonl"].splitlines()]
    assert {(row["stage"], row.get("method")) for row in rows} > {("generator", None), ("target", "dawgen")}
    assert all("others" not in row for row in rows), "a name in the log that LOGGED lacks"


def walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a value."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from walk(inner, (*path, key))


def change(value: Any, path: tuple[Any, ...], into: str) -> Any:
    """Return the value with a canary in the place of a part, or of a part's name."""
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if into == "value":
        inner[path[-1]] = CANARY
    elif into == "list":
        inner[path[-1]] = [CANARY, {CANARY: CANARY}]
    elif isinstance(inner, dict):
        inner[CANARY] = inner.pop(path[-1])
    return changed


@pytest.mark.parametrize("into", ["value", "list", "name"])
def test_a_canary_in_any_place_of_any_file_stays_out(place: Path, into: str) -> None:
    run = place / "canary-run"
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    rows = list({(row["stage"], row.get("method")): row for row in rows}.values())
    tries = [(masked.mask_settings, yaml.safe_load((run / "config.yaml").read_text()))]
    tries += [(masked.mask_metrics, json.loads((run / "metrics.json").read_text()))]
    tries += [(masked.mask_row, row) for row in rows]
    count = 0
    for mask, value in tries:
        for path in walk(value):
            if path:
                assert CANARY not in json.dumps(mask(change(value, path, into))), path
                count += 1
    assert count > 200


def test_every_text_setting_is_left_out_also_as_a_number() -> None:
    texts = {"train": 4711, "name": 4711, "generator": {"model": "canary/4711"}, "columns": {"text1": 4711}}
    texts |= {"label_words": {"4711": "4711"}, "curate": {"judge": "4711"}, "methods": ["4711"], "task": "4711.yaml"}
    texts |= {"target": {"init": "/home/4711", "model": "https://key:4711@host/v1", "dtype": "4711", "rate": "4711"}}
    assert "4711" not in json.dumps(masked.mask_settings(texts))


def test_a_killed_and_a_damaged_run_have_a_bundle_too(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("task: [canary")
    (folder / "log.jsonl").write_text('{"stage": "target", "method": "dawgen", "step": 1}\n{"stage": "canary')
    (folder / "metrics.json").write_text('{"canary')
    found = describe_run(folder)
    assert (found["config.json"], found["metrics.json"]) == ("damaged: DataError",) * 2
    assert found["log.jsonl"] == [{"stage": "target", "method": "dawgen", "step": 1}, {"damaged lines": 1}]
    assert CANARY not in json.dumps(found)


def test_an_installation_without_torch_has_a_bundle_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open canary')")
    code = "import sys; sys.argv = ['dawgen', 'doctor', '--bundle', 'a.zip']; from dawgen.cli import main; main()"
    path = f"{tmp_path}:{Path(bundle.__file__).parents[3]}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith('{"name": "torch"'))
    assert json.loads(row)["error"][-1] == "ImportError: libcudart.so.12"
    assert CANARY not in read_zip(tmp_path / "a.zip")


def test_a_traceback_keeps_places_in_libraries_and_kinds_of_errors_alone() -> None:
    text = (
        '  File "/home/bob/venv/lib/python3.11/site-packages/torch/nn/functional.py", line 12, in linear\n'
        '  File "/home/bob/site-packages/secret/a.py", line 3, in f\n'
        "RuntimeError: shape [1,2] of 'secret'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "torch.cuda.OutOfMemoryError: secret\nsecret.SecretError: secret\nSecretError\n"
    )
    expected = ["torch/nn/functional.py:12 linear", "(a file elsewhere)", "RuntimeError", "(then)"]
    assert mask_traceback(text) == [*expected, "torch.cuda.OutOfMemoryError"]


def test_versions_and_variables_hold_no_words() -> None:
    assert [mask_version(text) for text in ("2.13.0+cu130", "5.0.0rc1", "1+me.secret", "secret")] == [
        "2.13.0+cu130",
        "5.0.0rc1",
        "1+local",
        "unknown",
    ]
    assert [mask_variable(text) for text in ("8", "true", "/home/bob", "")] == ["8", "true", "set", "empty"]


def test_a_file_of_the_users_is_not_replaced_and_a_bundle_is(place: Path, tmp_path: Path, libraries: None) -> None:
    (tmp_path / "mine.zip").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="found one that dawgen did not write"):
        write_bundle(tmp_path / "mine.zip", [])
    for _ in range(2):
        write_bundle(tmp_path / "own.zip", [])
    with pytest.raises(ConfigError, match="ends in .zip"):
        write_bundle(tmp_path / "own.tar", [])
    with pytest.raises(ConfigError, match="expected the folder of a run"):
        write_bundle(tmp_path / "other.zip", [tmp_path])


def test_the_verb_wants_runs_or_a_bundle(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("doctor")
    assert (status, "give --bundle FILE.zip" in err) == (2, True)
    status, _, err = dawgen("doctor", tmp_path, "--traceback", tmp_path / "a")
    assert (status, "give --bundle FILE.zip too" in err) == (2, True)
