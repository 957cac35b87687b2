"""Whatever stands in a file: examples, or a deliberate error with its name; for minutes with the profile `long`.

pytest --hypothesis-profile=long tests/data/test_fuzz.py tests/data/test_dialect.py
"""

import gzip
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dawgen.data import Remarks, read
from dawgen.data.read import as_columns
from dawgen.errors import ConfigError, DataError
from dawgen.runs.settings import resolve_config
from dawgen.tasks import Task
from support.fuzz import draw

NAMES = ["x.csv", "x.tsv", "x.json", "x.jsonl", "x.ndjson", "x.txt", "x.parquet", "x.csv.gz", "x.JSON"]
PIECES = st.sampled_from(
    [
        *("text", "label", "text1", "text2", "sep=;", "sep=", "\ufeff", "", " ", "a", "é", "😀", "\u2028", "\x00"),
        *(",", ";", "\t", "|", "\n", "\r\n", "\r", '"', "'", '""', '\\"', "\\", ":", "=", "-1", "1.0", "true", "NaN"),
        *("{", "}", "[", "]", '{"text": "a", "label": "b"}', '"text": "a"', '"label": 1', "null", "\\ud800", "1e999"),
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join)
ROWS = st.lists(st.lists(st.sampled_from(["a", 'b "c"', '"d', "e,f", "g;h", "", " ", '"i"', "j\nk"])), max_size=5)
BYTES = st.one_of(
    st.binary(max_size=60),
    TEXTS.map(str.encode),
    TEXTS.map(lambda text: ("text,label\n" + text).encode()),
    TEXTS.map(lambda text: text.encode("utf-16")),
    TEXTS.map(lambda text: text.encode("utf-8")[:-1] + b"\xe9"),
    ROWS.map(lambda rows: ("text;label\n" + "\n".join(";".join(row) for row in rows)).encode()),
    ROWS.map(lambda rows: ("text\tlabel\n" + "\n".join("\t".join(row) for row in rows)).encode()),
    st.binary(max_size=40).map(gzip.compress),
    TEXTS.map(lambda text: gzip.compress(text.encode())),
    TEXTS.map(lambda text: gzip.compress(text.encode())[:-5]),
    st.binary(max_size=40).map(lambda data: b"PAR1" + data + b"PAR1"),
)
COLUMNS = st.fixed_dictionaries(
    {},
    optional={
        "text1": st.sampled_from(["a", "", 1, True, None]) | TEXTS,
        "label": st.sampled_from(["label", "b"]),
        "labels": st.dictionaries(st.sampled_from(["a", "-1", "1.0", "true"]), st.none() | st.text(max_size=3)),
        "delimiter": st.sampled_from([",", ";", "tab", "ab", "", "\n", "é", "\x00", 5]) | st.text(max_size=1),
        "quoting": st.sampled_from(["double", "single", "backslash", "none", "all"]),
        "encoding": st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-7", "idna", "punycode", "hex", "x"]),
        "nothing": st.just("a"),
    },
)
TASKS = [None, Task.load("sst2"), Task.load("mrpc")]


@draw(200)
@given(name=st.sampled_from(NAMES), data=BYTES, columns=COLUMNS, task=st.sampled_from(TASKS), need_label=st.booleans())
@example("x.csv", b"\xff\xfe\x00", {}, None, True)
@example("x.jsonl", b"[" * 100_000, {}, None, False)
@example("x.json", b'{"text": "a", "label": ' + b"1" * 5000 + b"}", {}, None, True)
def test_a_file_is_read_or_refused_on_purpose(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    data: bytes,
    columns: dict[str, Any],
    task: Task | None,
    need_label: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        rows = read(path, columns=columns, task=task, need_label=need_label, remarks=Remarks())
    except (DataError, ConfigError):
        return
    assert rows and all(row.text1.strip() for row in rows)
    assert all((row.label is not None) == need_label for row in rows)


@draw(200)
@given(
    key=st.sampled_from(["columns", "columns.text1", "columns.labels", "columns.labels.a.b", "columns.delimiter"]),
    value=TEXTS | st.text(max_size=8),
)
def test_a_setting_of_reading_is_taken_or_refused_on_purpose(key: str, value: str) -> None:
    try:
        config = resolve_config(assignments=[f"{key}={value}"])
    except ConfigError:
        return
    assert as_columns(config.columns.model_dump()) == config.columns
