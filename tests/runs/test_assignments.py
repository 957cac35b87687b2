"""`--set KEY=VALUE` with any key and value: settings, or one error of dawgen's with status 2. Never a traceback."""

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dawgen.config import RunConfig
from dawgen.errors import DawgenError
from dawgen.meanings import list_meanings, write_settings
from dawgen.presets import PRESETS
from dawgen.runs.settings import resolve_config
from support.fuzz import draw

MEANINGS = list_meanings()
KEYS = [one.key for one in MEANINGS]
SECTIONS = sorted({key.partition(".")[0] for key in KEYS if "." in key})
ODD_KEYS = (
    *("", " ", ".", "..", "target.", ".rate", "target..rate", "columns.", "columns.a.b"),
    *("label_words.x", "a=b", "record", "\ud800", "x" * 5000),
)
BOMB = "[" + ", ".join(f"&{n} [{', '.join([f'*{n - 1}'] * 9) if n else 'x'}]" for n in range(9)) + "]"  # 9^8 times x
NUMBERS = (
    *("1", "-1", "0", "1.5", "1e400", "-0.0", ".inf", ".nan", "0x10", "0o7", "1_000", "9" * 5000, "1e-400", "1e5"),
    *("12:30:45", "2026-11-30", "2026-99-99", "2026-11-30 25:61:00"),
)
SHAPES = (
    *("[", "]", "{", "}", "[1, 2", "{a: 1", "{a: {b: {c: 1}}}", "[[[[1]]]]", "[" * 2000, BOMB),
    *("{[1]: 2}", "{null: 1}", "{1: 2}", "{true: x}", "? x", "- 1", "a: b", "a: b: c"),
    *("&a [*a]", "*a", "&a {x: *a}", "<<: {a: 1}", "---", "...", "--- a\n--- b", "%TAG", "%YAML 9.9"),
    *("{model: 1}", "{model: {a: 1}}", "{rate: 0.1, lr: 0.1}", "[dawgen, dawgen]", "[prompt_tuning, 1]"),
)
TAGS = (
    *("!!binary x", "!!binary '/w=='", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!int x", "!!float x"),
    *("!!bool x", "!!timestamp x", "!!null x", "!x y", "!", "!!python/object/apply:os.system ['x']"),
)
WORDS = (
    *("", " ", "null", "~", "no", "on", "# x", "'", '"', '"\\x"', '"\\ud800"', "@x", "`x`", "|\n x", ">\n x"),
    *("\t", "\t- x", "\x00", "\x07", "\ud800", "\ufeff", "\u2028", "\x7f", "[\x00]", "{a: \x00}", "😀", "a\r\nb"),
    *("x" * 5000, "../..", "/", "a/b/c/d", "~nobody/x", "C:\\x", "con", "dawgen", "[dawgen]", "question", "auto"),
)
ODD_VALUES = (*NUMBERS, *SHAPES, *TAGS, *WORDS)
MET = (
    "seed",
    "task",
    "methods",
    "columns",
    "columns.labels",
    "label_words.x",
    "target.init",
    "target.lr",
    "target",
    "",
)


def spoil(key: str, at: int, sign: str) -> str:
    return key[:at] + sign + key[at:]


near = st.sampled_from(KEYS).flatmap(
    lambda key: st.one_of(
        st.integers(0, len(key)).map(lambda at: key[:at] + key[at + 1 :]),
        st.builds(spoil, st.just(key), st.integers(0, len(key)), st.sampled_from("._-= x\x00")),
        st.sampled_from([key.upper(), f"{key}.more", key.replace(".", "..")]),
    )
)
keys = st.one_of(st.sampled_from([*KEYS, *SECTIONS]), near, st.sampled_from(ODD_KEYS), st.text(max_size=12))
words = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.sampled_from([choice for one in MEANINGS for choice in one.choices]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(), max_size=20),
    st.text(st.sampled_from("[]{}:,'\"&*!|>%@`#-?\\ \n\tab01."), max_size=15),
)
names = st.one_of(st.sampled_from([key.rpartition(".")[2] for key in KEYS]), words)
values = st.one_of(
    words,
    st.lists(words, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
    st.dictionaries(names, words, max_size=3).map(
        lambda found: "{" + ", ".join(f"{key}: {value}" for key, value in found.items()) + "}"
    ),
)
one = st.one_of(st.tuples(keys, values).map("=".join), st.sampled_from(KEYS), st.text(max_size=10))
assignments = st.lists(one, min_size=1, max_size=4)


def check_words(error: DawgenError) -> None:
    said = str(error)
    assert error.exit_status == 2 and said.strip() and len(said) < 8000 and len(said.splitlines()) <= 3, said
    said.encode()


def try_settings(given: list[str], preset: str = "mini") -> RunConfig | DawgenError:
    """Return the settings, which can be written and read again, or the error, which is fit for a terminal."""
    try:
        config = resolve_config(preset=preset, assignments=given)
    except DawgenError as error:
        check_words(error)
        return error
    shown = write_settings(config)
    shown.encode()
    assert RunConfig.model_validate(yaml.safe_load(shown)) == config
    return config


@draw(150)
@given(given=assignments, preset=st.sampled_from(sorted(PRESETS)))
def test_any_assignment_is_a_setting_or_one_error_of_status_2(given: list[str], preset: str) -> None:
    try_settings(given, preset)


@pytest.mark.parametrize("key", MET)
def test_settings_of_each_kind_stand_every_odd_value(key: str) -> None:
    for value in ODD_VALUES:
        try_settings([f"{key}={value}"])


@pytest.mark.parametrize("first", ["target=1", "target=null", "target=[1]", "target={steps: 3}", "seed=1", "columns=x"])
def test_assignments_that_meet(first: str) -> None:
    section = first.partition("=")[0]
    for second in (f"{section}.steps=2", f"{section}.steps.x=2", f"{section}=2", f"{section}={{steps: 2}}"):
        try_settings([first, second])
        try_settings([second, first])


def test_a_later_assignment_adds_to_an_earlier_one() -> None:
    found = try_settings(["target={steps: 3, batch_size: 4}", "target.steps=5"])
    assert isinstance(found, RunConfig) and (found.target.steps, found.target.batch_size) == (5, 4)
    found = try_settings(["target.steps=5", "target={batch_size: 4}"])
    assert isinstance(found, RunConfig) and (found.target.steps, found.target.batch_size) == (5, 4)


@settings(parent=draw(25), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(given=assignments)
@example(given=["question=\ud800"])
@example(given=["target.rate"])
def test_the_command_line_says_it_in_words(dawgen: Any, given: list[str]) -> None:
    status, _, err = dawgen("config", "show", *(word for text in given for word in ("--set", text)))
    assert status in (0, 2)
    assert "Traceback" not in err and (status == 0 or err.startswith(("dawgen: ", "Usage: ")))
