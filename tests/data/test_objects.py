"""JSON is read as people have it: line by line, one object, over several lines, as an array; a key stands once."""

import json
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub import HfApi
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import iterate_records, read, read_rows
from dawgen.deploy.predict.source import Source
from dawgen.errors import DataError
from dawgen.records import Example
from support.fuzz import draw
from support.targets import make_task

ROWS = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
EXPECTED = [Example("a", None, "x"), Example("b", None, "y")]

FORMS = {
    "lines": "\n".join(map(json.dumps, ROWS)),
    "array": json.dumps(ROWS),
    "pretty array": json.dumps(ROWS, indent=2),
    "pretty objects": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "pretty objects, other style": "\n\n".join(json.dumps(row, indent=0).replace("{\n", "{ ") for row in ROWS),
    "empty lines and arrays": "\n\n[]\n" + json.dumps(ROWS),
    "windows": json.dumps(ROWS, indent=2).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.ndjson"])
def test_every_form_of_json_is_the_same_rows(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / name).write_text(form)
    assert read(tmp_path / name) == EXPECTED


def test_one_object_is_one_row(tmp_path: Path) -> None:
    for number, text in enumerate((json.dumps(ROWS[0]), json.dumps(ROWS[0], indent=4))):
        (tmp_path / f"{number}.json").write_text(text)
        assert read(tmp_path / f"{number}.json", need_label=False) == [Example("a")]


def test_objects_over_lines_have_the_line_where_they_begin(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("\n" + FORMS["pretty objects"])
    assert [row.where.rpartition(":")[2] for row in read_rows(tmp_path / "x.json")] == ["2", "6"]


@draw(50)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"text": st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)},
            optional={"n": st.integers() | st.floats(allow_nan=False) | st.none(), "m": st.lists(st.text(max_size=3))},
        ),
        min_size=1,
        max_size=4,
    ),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    lines=st.booleans(),
    plain=st.booleans(),
)
def test_what_a_writer_of_json_wrote_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], indent: int, lines: bool, plain: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / ("x.jsonl" if lines else "x.json")
    parts = [json.dumps(row, indent=indent, ensure_ascii=plain) for row in rows]
    whole = "\n".join(parts) if lines else json.dumps(rows, indent=indent, ensure_ascii=plain)
    path.write_bytes(whole.encode("utf-8", "surrogatepass"))
    try:
        found = [record.fields for record, _ in iterate_records(path, need_label=False)]
    except DataError as error:
        if "half a character" not in str(error):
            raise
        return
    assert found == rows


BAD = {
    "wrapped": ({"version": "1", "data": ROWS}, "one JSON object whose 'data' holds them"),
    "columns": ({"text": ["a", "b"], "label": ["x", "y"]}, "one object of whole columns: text, label"),
    "pandas": ({"text": {"0": "a"}, "label": {"0": "x"}}, "one object of whole columns"),
}


@pytest.mark.parametrize(("value", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_that_holds_rows_is_named(tmp_path: Path, value: object, message: str, indent: int | None) -> None:
    (tmp_path / "x.json").write_text(json.dumps(value, indent=indent))
    with pytest.raises(DataError, match=rf"x\.json: expected .*{message}.*\n(Write|.*jq)"):
        read(tmp_path / "x.json")


TWICE = {
    "x.jsonl": ('{"text": "a", "label": "x"}\n{"text": "b", "label": "x", "label": "y"}', "x.jsonl:2: .*'label' twice"),
    "array.json": ('[{"text": "a", "label": "x"},\n{"text": "b", "text": "c"}]', "array.json item 2: .*'text' twice"),
    "deep.jsonl": ('{"text": "a", "label": "x", "m": {"k": 1, "k": 2}}', "deep.jsonl:1: .*'k' twice"),
    "pretty.json": ('{\n"text": "a",\n"text": "b"}', "pretty.json:1: .*'text' twice"),
    "x.csv": ("text,label,text\na,x,b\n", "x.csv:1: .*'text' more than once"),
    "x.tsv": ("text\tlabel\ttext \na\tx\tb\n", "x.tsv:1: .*'text' more than once"),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_name_that_stands_twice_is_refused_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    text, message = TWICE[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)
    with pytest.raises(DataError, match=message):
        Source(str(tmp_path / name), make_task(template="{text1} {mask}", pair=False)).check()


def test_a_column_that_stands_twice_is_refused_in_parquet(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["a", "b"])] * 3, names=["text", "label", "label"])
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet: .*'label' more than once"):
        read(tmp_path / "x.parquet")


def test_a_damaged_page_of_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pyarrow.table({"text": [f"some text {n * n}" for n in range(2000)]})
    pyarrow.parquet.write_table(table, path, use_dictionary=False, compression="snappy")
    data = bytearray(path.read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.parquet row 1: expected whole pages"):
        read(path, need_label=False)


def test_one_split_of_a_folder_or_of_the_hub_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(FORMS["lines"].replace('"a"', f'"{split[:2]}"'))
    with pytest.raises(DataError, match=rf"Say which: {tmp_path}/test, or in Python split=.test.\."):
        read(tmp_path)
    assert read(tmp_path / "test")[0].text1 == "te"
    with pytest.raises(DataError, match="there is no such file"):
        read(tmp_path / "tset")
    known = datasets.DatasetDict({split: datasets.Dataset.from_list(ROWS) for split in ("train", "test")})
    monkeypatch.setattr(HfApi, "dataset_info", lambda *_, **__: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda *names, **_: known)
    with pytest.raises(DataError, match=r"Say which: some/set:default/train, or in Python"):
        read("some/set")
    assert read("some/set:default/test") == EXPECTED


def test_lines_of_plain_text_lose_their_ends_whatever_these_are(tmp_path: Path) -> None:
    for ending in ("\n", "\r\n", "\r"):
        (tmp_path / "x.txt").write_bytes(ending.join(["a b", "", "c"]).encode())
        records = [record.fields for record, _ in iterate_records(tmp_path / "x.txt", need_label=False)]
        assert records == [{"text1": "a b"}, {"text1": "c"}]
