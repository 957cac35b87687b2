"""YAML that people wrote: a value, or one line that says what is wrong and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.yaml_text import load_yaml
from support.fuzz import draw


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", r"expected ',' or '\]'.*\(line 1, column 6\)"),
        ("a: 1\nb: [", r"\(line 2, column 5\)"),
        ("2026-99-99", "month must be in 1..12"),
        ("!!int x", "invalid literal"),
        ("!!bool x", "KeyError"),
        ("!!timestamp x", "AttributeError"),
        ("!!python/object/apply:os.system ['x']", "could not determine a constructor"),
        ("a\x00", "a sign that YAML does not allow"),
        (b"caf\xe9: 1", "a sign that YAML does not allow: 0xe9"),
        ("[" * 5000, "nested too deeply"),
        ("9" * 5000, "digits"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        load_yaml(text)
    assert type(caught.value) is ValueError and "\n" not in str(caught.value) and len(str(caught.value)) < 300


@draw(200)
@given(
    st.one_of(st.binary(max_size=30), st.text(max_size=30), st.text("[]{}:,'\"&*!|>%@`#-?\\ \n\tab01.", max_size=30))
)
def test_any_text_has_a_value_or_a_reason(text: str | bytes) -> None:
    try:
        load_yaml(text)
    except ValueError as error:
        assert type(error) is ValueError and str(error).isprintable()  # noqa: PT017
