"""The public face: what `dawgen` offers, what its pages of help say, and that their examples run."""

import ast
import doctest
import importlib
import inspect
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
import uvicorn

import dawgen
from dawgen.cli import app
from dawgen.config import GeneratorConfig, TargetConfig
from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import Registry
from dawgen.models.load import load_target
from dawgen.web import open_socket

SOURCE = Path(dawgen.__file__).parent
PACKAGES = sorted(".".join(("dawgen", *path.parent.relative_to(SOURCE).parts)) for path in SOURCE.rglob("__init__.py"))
ORDER = (  # what one leaves in the folder, the next ones take
    "Example",
    "errors",
    "Task",
    "read",
    "curate",
    "resolve_model",
    "ApiGenerator",
    "Generator",
    "PromptClassifier",
    "export_peft",
    "import_peft",
    "open_report",
    "Client",
)
PORT = "8400"


def run_examples(text: str, name: str) -> None:
    """Run the examples of a docstring in a namespace of their own; fails with what they print."""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert test.examples, f"{name} shows no example"
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@contextmanager
def serve(bundle: Path) -> Iterator[str]:
    """Yield the port of a service that holds the bundle."""
    backbone, listener = load_target("mini-t5"), open_socket("127.0.0.1", 0)
    registry = Registry(backbone)
    registry.add(bundle, inside=False)
    with Batcher(backbone, max_wait=0.0) as batcher:
        server = uvicorn.Server(uvicorn.Config(make_app(registry, batcher), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield str(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(20)


def test_the_package_shows_its_public_names_and_nothing_else() -> None:
    assert dir(dawgen) == sorted(dawgen.__all__)
    assert set(ORDER) == {*dawgen.__all__} - {"__version__"}
    loaded = {name for name, value in vars(dawgen).items() if not inspect.ismodule(value) and not name.startswith("_")}
    assert loaded - {"annotations"} <= set(dawgen.__all__)


def test_public_names_say_what_they_take_and_return_and_their_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ORDER:
        value: Any = getattr(dawgen, name)
        text = inspect.getdoc(value) or ""
        if name == "Client":
            with serve(tmp_path / "bundle") as port:
                run_examples(text.replace(PORT, port), name)
        else:
            run_examples(text, name)
        if name != "errors":
            assert "Args:" in text, f"{name} does not say what it takes"
        if name not in ("errors", "Example"):
            assert "Raises:" in text, f"{name} does not say what it raises"
        signature = inspect.signature(value) if callable(value) else None
        own = signature.parameters if signature else ()
        settings = {*TargetConfig.model_fields, *GeneratorConfig.model_fields}
        unsaid = [one for one in own if one not in settings and not re.search(rf"\b{one}\b", text)]
        assert not unsaid, f"{name} says nothing of {unsaid}"


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_say_their_idea_and_show_their_use(name: str) -> None:
    text = inspect.getdoc(importlib.import_module(name)) or ""
    idea, _, use = text.partition("\n\n")
    assert idea.endswith((".", "?")), f"{name} does not begin with its idea"
    if ">>>" in use:
        run_examples(text, name)
        return
    lines = [line.strip() for line in use.splitlines() if line.startswith("    ")]
    assert lines, f"{name} does not show how it is used"
    for line in lines:
        if line.startswith("dawgen "):
            check_command(line)
        else:
            check_code(line)


def check_command(line: str) -> None:
    """The verb is there, and so is each of its options."""
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):  # a group of verbs
        command = command.commands[words.pop(0)]
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options, line


def check_code(line: str) -> None:
    """It is Python, and what it imports is there."""
    for node in ast.walk(ast.parse(line)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), line
