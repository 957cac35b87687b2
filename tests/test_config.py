"""Settings: bounds of every number, what is no number, and numpy's."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from dawgen.config import LONGEST_PROMPT, RunConfig, TargetConfig
from dawgen.errors import ConfigError
from dawgen.runs.settings import resolve_config


def list_numbers(model: type[BaseModel] = RunConfig, prefix: str = "") -> list[tuple[str, str]]:
    """Return the key of every setting that may be a number, and whether it is a whole one."""
    found = []
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += list_numbers(kind, f"{prefix}{name}.")
        kinds = re.findall(r"\b(int|float)\b", str(kind))
        if kinds:
            found.append((prefix + name, kinds[0]))
    return found


NUMBERS = list_numbers()


def test_numbers_are_found() -> None:
    assert len(NUMBERS) > 40
    assert {("seed", "int"), ("target.rate", "float"), ("target.prompt_length", "int"), ("threads", "int")} <= {
        *NUMBERS
    }


def test_more_threads_than_a_system_gives_are_refused() -> None:
    with pytest.raises(ConfigError, match="^threads: .*less than or equal to 1024"):
        resolve_config(assignments=["threads=100000"])


@pytest.mark.parametrize("key", [key for key, _ in NUMBERS])
@pytest.mark.parametrize("value", ["true", "false", ".nan", ".inf", "-.inf", "1e400", "9" * 30, "-" + "9" * 30, "[1]"])
def test_what_is_no_number_of_use_is_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key}: ") as caught:
        resolve_config(assignments=[f"{key}={value}"])
    assert "function-" not in str(caught.value) and len(str(caught.value)) < 300


@given(st.sampled_from(NUMBERS), st.integers(1, 9), st.sampled_from([np.int8, np.int64, np.uint16, np.float32]))
def test_numpys_numbers_are_as_pythons(number: tuple[str, str], value: int, kind: Any) -> None:
    *sections, name = number[0].split(".")
    plain: dict[str, Any] = {name: value}
    wrapped: dict[str, Any] = {name: kind(value)}
    for section in reversed(sections):
        plain, wrapped = {section: plain}, {section: wrapped}
    try:
        wanted = RunConfig.model_validate(plain)
    except ValidationError:  # out of bounds
        with pytest.raises(ValidationError):
            RunConfig.model_validate(wrapped)
        return
    assert RunConfig.model_validate(wrapped) == wanted
    assert RunConfig.model_validate(wrapped).model_dump_json() == wanted.model_dump_json()


def test_a_prompt_is_at_most_as_long_as_a_bundle_may_be() -> None:
    assert TargetConfig(prompt_length=LONGEST_PROMPT).length == LONGEST_PROMPT
    for length in (0, -1, LONGEST_PROMPT + 1, 5000, 10**12):
        with pytest.raises(ConfigError, match=r"^target\.prompt_length: .*1024|^target\.prompt_length: .* 1, found"):
            resolve_config(assignments=[f"target.prompt_length={length}"])


@given(st.integers())
def test_a_seed_has_at_most_63_bits(seed: int) -> None:
    if abs(seed) < 2**63:
        assert RunConfig(seed=seed).seed == seed
    else:
        with pytest.raises(ValidationError, match="63 bits"):
            RunConfig(seed=seed)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert resolve_config(assignments=["shots=8.0"]).shots == 8
    with pytest.raises(ConfigError, match=r"^shots: "):
        resolve_config(assignments=["shots=8.5"])
    assert math.isclose(resolve_config(assignments=["target.rate=1"]).target.rate, 1.0)
