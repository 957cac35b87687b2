"""What the service writes down: a line of JSON each, and never a text."""

import json
import logging
from typing import Any

import pytest

from dawgen.deploy.serve import batcher
from dawgen.deploy.serve.logs import JsonLines, RequestLog, name_error


def make_record(name: str, message: str, *values: Any, error: Exception | None = None, **facts: Any) -> Any:
    information = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.INFO, __file__, 1, message, values, information)
    if facts:
        record.facts = facts
    return json.loads(JsonLines().format(record))


def test_a_request_is_one_line() -> None:
    log = RequestLog("POST", "/v1/classify", prompt="pairs", inputs=2)
    log.status = 200
    line = make_record("dawgen.serve", "request", **log.describe())
    assert line["time"].endswith("Z") and len(line["time"]) == 24
    assert line["event"] == "request"
    assert set(line) == {"time", "event", "request", "method", "route", "status", "ms", "prompt", "inputs"}
    assert line["request"] == log.id != RequestLog("GET", "/").id
    assert "prompt" not in RequestLog("GET", "/").describe()


def test_errors_are_named_and_not_quoted() -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        raise ValueError("a secret text")
    assert name_error(caught.value).startswith("ValueError at test_logs.py:")
    line = make_record(batcher._log.name, "a batch of %d rows failed", 3, error=caught.value)
    assert line["event"] == "a batch of 3 rows failed"
    assert line["error"].startswith("ValueError at ")
    assert "secret" not in str(line)


@pytest.mark.parametrize("message", ["task failed: %s", "task failed: %s\nfuture: <secret>"])
def test_of_other_libraries_only_the_words_of_their_code_are_kept(message: str) -> None:
    line = make_record("asyncio", message, "a secret text")
    assert (line["event"], line["from"]) == ("task failed: %s", "asyncio")
    assert "secret" not in str(line)
