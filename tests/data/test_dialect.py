"""Files come back as they were written, however their cells are separated and quoted; two ways to read are refused."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dawgen.data import Remarks, read
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from support.fuzz import draw

PLAIN = "text,label\na,x\nb,y\n"
STRAY = 'text\tlabel\n"open quote\tx\nmid row\ty\nends here"\ty\nplain row\tx\n'


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file as it stands, and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_pairs(path: Path, **columns: str) -> tuple[list[tuple[str, str | None]], Remarks]:
    """Return texts and labels, and what was said."""
    remarks = Remarks()
    return [(row.text1, row.label) for row in read(path, columns=columns, remarks=remarks)], remarks


# What is read as the same two rows, and what is said of it.
WRITTEN = {
    "plain": ("x.csv", PLAIN, None),
    "space": ("x.csv", 'text, label\n"a", "x"\n"b", "y"\n', "comma between cells with a space"),
    "space in some rows": ("x.csv", 'text, label\na, x\nb, "y"\n', "with a space"),
    "semicolon": ("x.csv", PLAIN.replace(",", ";"), "semicolon"),
    "semicolon, quoted": ("x.csv", '"text";"label"\n"a";"x"\n"b";"y"\n', "semicolon"),
    "sep": ("x.csv", "sep=;\r\ntext;label\r\na;x\r\nb;y\r\n", "semicolon"),
    "sep in quotes": ("x.csv", '"sep=,"\ntext,label\na,x\nb,y\n', None),
    "sep, odd": ("x.csv", "SEP=^\ntext^label\na^x\nb^y\n", "'^'"),
    "bar": ("x.csv", PLAIN.replace(",", "|"), "pipe"),
    "tab in csv": ("x.csv", PLAIN.replace(",", "\t"), "tab"),
    "comma in tsv": ("x.tsv", PLAIN, "comma"),
    "mark and semicolon": ("x.csv", "\ufeff" + PLAIN.replace(",", ";"), "semicolon"),
    "utf-16": ("x.csv", PLAIN.encode("utf-16"), "UTF-16"),
    "utf-16 without mark": ("x.csv", PLAIN.encode("utf-16-be"), "UTF-16-BE"),
    "old mac": ("x.csv", PLAIN.replace("\n", "\r"), None),
    "single quotes": ("x.csv", "text,label\n'a','x'\n'b','y'\n", "single quotes"),
    "empty rows at the end": ("x.csv", PLAIN + ",\n,\n , \n", "3 empty rows at the end"),
    "empty columns": ("x.csv", "text,label,,\na,x,,\nb,y,,\n", "2 empty columns"),
    "empty cells of rows": ("x.csv", "text,label\na,x,,\nb,y\n", "2 empty columns"),
    "empty rows and columns": ("x.csv", "text;label;\na;x;\nb;y;\n;;\n;;\n", "2 empty rows"),
    "fewer cells than unnamed columns": ("x.csv", "text,label,,\na,x\nb,y,\n", "2 empty columns"),
    "empty rows before": ("x.csv", "\n,,\n" + PLAIN, None),
    "index without a name": ("x.csv", ",text,label\n0,a,x\n1,b,y\n", None),
}


@pytest.mark.parametrize(("name", "data", "said"), WRITTEN.values(), ids=WRITTEN)
def test_spreadsheets_habits_are_read_and_said(tmp_path: Path, name: str, data: str | bytes, said: str | None) -> None:
    rows, remarks = read_pairs(write(tmp_path, name, data))
    assert rows == [("a", "x"), ("b", "y")]
    assert (said is None and not remarks.notes) or (said or "") in " ".join(remarks.notes)
    assert bool(remarks.notes) == (said is not None)


def test_texts_keep_stray_quotes_where_quoting_makes_no_sense(tmp_path: Path) -> None:
    rows, remarks = read_pairs(write(tmp_path, "x.tsv", 'text\tlabel\n"open\tx\n"so" she said\ty\nb "c"\ty\n'))
    assert [text for text, _ in rows] == ['"open', '"so" she said', 'b "c"']
    assert "quotes as part of the texts" in remarks.notes[0]


def test_a_backslash_before_inner_quotes_is_read(tmp_path: Path) -> None:
    rows, _ = read_pairs(write(tmp_path, "x.csv", 'text,label\n"a \\"b\\", c",x\n"d",y\n'))
    assert rows == [('a "b", c', "x"), ("d", "y")]


def test_apostrophes_are_no_quotes(tmp_path: Path) -> None:
    rows, remarks = read_pairs(write(tmp_path, "x.csv", "text,label\n'tis so,x\ndon't,y\n'a' b,y\n"))
    assert [text for text, _ in rows] == ["'tis so", "don't", "'a' b"] and not remarks.notes


def test_two_ways_to_quote_are_refused_with_both_and_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "x.tsv", STRAY)
    shown = r"x\.tsv:2: .*found two: .*'\"open quote' \| 'x'; in all 2 rows or 4\."
    with pytest.raises(DataError, match=rf"{shown}\nChoose: --set columns.quoting=double .* or none in its place"):
        read(path)
    assert len(read(path, columns={"quoting": "none"})) == 4
    assert len(read(path, columns={"quoting": "double"})) == 2


def test_two_ways_behind_the_beginning_of_a_file_are_refused_too(tmp_path: Path) -> None:
    many = "".join(f"row {number} of many\tx\n" for number in range(20_000))
    path = write(tmp_path, "x.tsv", f"text\tlabel\n{many}" + STRAY.partition("\n")[2])
    with pytest.raises(DataError, match=r"x\.tsv:20002: expected one way to read the row"):
        read(path)
    path = write(tmp_path, "y.csv", f"text,label\n{many}".replace("\t", ",") + 'a, "x"\nb, "y"\n')
    with pytest.raises(DataError, match=r"y\.csv:20002: .*a space and then quotes"):
        read(path)


def test_lines_inside_quotes_are_no_doubt_where_commas_need_the_quotes(tmp_path: Path) -> None:
    doubtful = 'text,label\n"Hello, you\nbye",x\nb,y\n'
    with pytest.raises(DataError, match="expected one way"):
        read(write(tmp_path, "x.csv", doubtful))
    rows, _ = read_pairs(write(tmp_path, "x.csv", doubtful + '"c, d",y\n'))
    assert rows[0] == ("Hello, you\nbye", "x") and len(rows) == 3
    rows, _ = read_pairs(write(tmp_path, "x.csv", doubtful.replace("text,", '"text",')))
    assert len(rows) == 2


def test_two_delimiters_are_refused_with_both_unless_one_gives_known_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "a,text;label,b\n1,x;yes,2\n3,y;no,4\n")
    with pytest.raises(DataError, match=r"'1' \| 'x;yes' \| '2' with a comma and '1,x' \| 'yes,2' with a semicolon"):
        read(path)
    path = write(tmp_path, "x.csv", "text;no,label\na;1,x\nb;2,y\n")
    with pytest.raises(DataError, match="expected one way"):
        read(path)
    rows, _ = read_pairs(path, delimiter="comma", text1="text;no")
    assert rows == [("a;1", "x"), ("b;2", "y")]
    rows, _ = read_pairs(write(tmp_path, "x.csv", "text;label;a,b\na;x;1,2\nb;y;3,4\n"))
    assert rows == [("a", "x"), ("b", "y")]


BAD = {
    "no quote at the end": (
        "x.csv",
        '"text","label"\n"a","x"\n"b","y\n',
        "x.csv:3: .*quoted well",
    ),
    "empty row between": ("x.csv", "text,label\na,x\n,\nb,y\n", "x.csv:3: .*an empty row between others"),
    "cell without a name": ("x.csv", "text,label,\na,x,\nb,y,z\n", "x.csv:3: .*column 3, which has no name"),
    "one column": ("x.csv", "text\nhello, you\nbye\n", "x.csv:2: .*columns.delimiter=tab"),
    "western": ("x.csv", "text,label\ncafé,x\n".encode("cp1252"), "x.csv:2: .*'é' .*cp1252"),
    "same name": ("x.csv", "text;label; text\na;x;b\n", "x.csv:1: .*different column names, found 'text' more"),
    "wide row": ("x.csv", "text;label\na;x\na;b;x\n", r"x.csv:3: expected 2 cells .*found 3 \(separator ';'\)"),
    "half a utf-16": ("x.csv", PLAIN.encode("utf-16")[:-1], "x.csv: expected text in UTF-16"),
}


@pytest.mark.parametrize(("name", "data", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, name: str, data: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"(?s){message}"):
        read(write(tmp_path, name, data))


def test_the_settings_say_what_a_file_does_not(tmp_path: Path) -> None:
    western = write(tmp_path, "x.csv", "text,label\ncafé,x\nb,y\n".encode("cp1252"))
    assert read_pairs(western, encoding="cp1252")[0][0] == ("café", "x")
    one = write(tmp_path, "y.csv", "text\nhello, you\nbye\n")
    assert read(one, columns={"delimiter": "tab"}, need_label=False) == [Example("hello, you"), Example("bye")]
    colon = write(tmp_path, "z.csv", "text:label\na:x\nb:y\n")
    assert read_pairs(colon, delimiter=":")[0] == [("a", "x"), ("b", "y")]
    for wrong in ({"delimiter": "ab"}, {"delimiter": '"'}, {"quoting": "nne"}, {"encoding": "utf-9"}, {"text1": True}):
        with pytest.raises(ConfigError, match=f"columns.{next(iter(wrong))}: "):
            read(colon, columns=wrong)


def test_long_texts_are_read(tmp_path: Path) -> None:
    rows, _ = read_pairs(write(tmp_path, "x.csv", f'text,label\n{"a" * 300_000},x\n"{"b, " * 100_000}",y\n'))
    assert [len(text) for text, _ in rows] == [300_000, 299_999]


SIGNS = st.sampled_from([*"ab1 ,;|\t\n\r'\"\\é😀.:", "\u2028", '"" '])
TEXTS = st.lists(SIGNS, min_size=1, max_size=12).map("".join).filter(lambda text: text.strip())
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["x", "y z", "é", "1"])), min_size=1, max_size=6)


def read_or_choose(path: Path, quoting: str, *, need_label: bool, doubtful: bool) -> list[Example]:
    """Read a file, with the right choice of quoting if the reader asks for it, as it may where there is doubt."""
    try:
        return read(path, need_label=need_label)
    except DataError as error:
        if not doubtful or not re.search("expected (one way to read the row|cells that are quoted well)", str(error)):
            raise
    return read(path, need_label=need_label, columns={"quoting": quoting})


@draw(150)
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    name=st.sampled_from(["x.csv", "x.tsv"]),
    tail=st.sampled_from(["", "rows", "sep"]),
)
@example([('"a', "x"), ('b"', "y")], ",", csv.QUOTE_MINIMAL, "\n", "utf-8", "x.csv", "")
@example([("a\nb", "x"), ("a\n,b", "x")], ",", csv.QUOTE_MINIMAL, "\r\n", "utf-8", "x.csv", "rows")
def test_what_a_writer_of_csv_wrote_comes_back_or_is_refused_as_two_ways(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    quoting: int,
    ending: str,
    encoding: str,
    name: str,
    tail: str,
) -> None:
    assume(not all(text[0] == text[-1] == "'" for text, _ in rows))  # which reads as quoted in single ones
    assume(ending == "\r\n" or not any("\r" in text for text, _ in rows))  # which Python's writer does not quote
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerows([("text", "label"), *rows])
    text = stream.getvalue() + (delimiter + ending if tail == "rows" else "")
    text = f"sep={delimiter}{ending}{text}" if tail == "sep" else text
    path = write(tmp_path_factory.getbasetemp(), name, text.encode(encoding))
    labels = {label for _, label in rows}
    found = read_or_choose(path, "double", need_label=len(labels) > 1, doubtful=quoting == csv.QUOTE_MINIMAL)
    assert [row.text1 for row in found] == [text.strip() for text, _ in rows]
    if len(labels) > 1:
        assert [row.label for row in found] == [label for _, label in rows]


@draw(100)
@given(
    rows=st.lists(
        st.tuples(st.text(st.sampled_from("ab \"',;|é"), min_size=1, max_size=12), st.sampled_from("xy")),
        min_size=2,
        max_size=6,
    ),
)
def test_a_tsv_without_quoting_loses_no_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    assume(all(text.strip(" \"'") for text, _ in rows))
    text = "".join(f"{one}\t{label}\n" for one, label in [("text", "label"), *rows])
    path = write(tmp_path_factory.getbasetemp(), "x.tsv", text)
    found = read_or_choose(path, "none", need_label=False, doubtful=any('"' in one for one, _ in rows))
    assert len(found) == len(rows)
    for row, (one, _) in zip(found, rows, strict=True):
        assert '"' in one or row.text1.strip("' ") == one.strip("' ")
