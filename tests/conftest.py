"""What tests of several parts share."""

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from dawgen.cli import main

# pytest --hypothesis-profile=long FILE draws inputs for minutes; tests take their own small number from support.fuzz.
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("DAWGEN_EXAMPLES", "20000")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """`dawgen serve` sets the root logger up for the life of its process, with the stderr of that moment: a test that
    begins it gives back what was there."""
    handlers = list(logging.root.handlers)
    yield
    logging.root.handlers = handlers


@pytest.fixture
def dawgen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call the command line with arguments; returns exit status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dawgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call
