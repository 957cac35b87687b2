"""`dawgen config show` says what each setting means and may be, and is a file for --config."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.config import RunConfig
from dawgen.meanings import list_meanings, write_settings
from dawgen.presets import PRESETS
from dawgen.runs.settings import resolve_config

MEANINGS = {one.key: one for one in list_meanings()}


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        found |= flatten(value, f"{prefix}{name}.") if hasattr(value, "model_fields_set") else {prefix + name: value}
    return found


def test_every_setting_has_its_meaning_default_and_what_it_may_be() -> None:
    assert {key: one.default for key, one in MEANINGS.items()} == flatten(RunConfig())
    assert list(MEANINGS) == list(flatten(RunConfig()))
    assert all(one.meaning and one.allowed for one in MEANINGS.values())


@pytest.mark.parametrize(
    ("key", "allowed", "choices"),
    [
        ("shots", "whole number, 1 or more", ()),
        ("target.rate", "number, above 0", ()),
        ("target.label_smoothing", "number, 0 to below 1", ()),
        ("decode.top_p", "number, above 0 to 1", ()),
        ("target.placement", "before or behind", ("before", "behind")),
        ("generator.chat", "auto; true or false", ("auto", "true", "false")),
        ("columns.labels", "text; null by name", ()),
        ("curate.near_copy", "true or false", ("true", "false")),
        ("methods", "list of text, one or more", ()),
    ],
)
def test_what_a_setting_may_be_comes_from_its_bounds(key: str, allowed: str, choices: tuple[str, ...]) -> None:
    assert (MEANINGS[key].allowed, MEANINGS[key].choices) == (allowed, choices)


def test_each_choice_is_accepted() -> None:
    for one in MEANINGS.values():
        for choice in one.choices:
            value = f"[{choice}]" if isinstance(one.default, tuple) else choice
            resolve_config(assignments=[f"{one.key}={value}"])


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_shown_is_a_file_with_the_same_settings(dawgen: Any, tmp_path: Path, preset: str) -> None:
    odd = ["--set", 'question="ä: # b"', "--set", "columns={text1: 'a, b', label: 'no'}", "--set", "threads=2"]
    status, out, _ = dawgen("config", "show", "--preset", preset, *odd)
    assert status == 0
    (tmp_path / "shown.yaml").write_text(out, encoding="utf-8")
    assert dawgen("config", "show", "--config", tmp_path / "shown.yaml")[1] == out
    shown = yaml.safe_load(out)["columns"]
    assert {name: value for name, value in shown.items() if value} == {"text1": "a, b", "label": "no"}


def test_each_value_stands_below_its_meaning() -> None:
    lines = [line.strip() for line in write_settings(RunConfig()).splitlines()]
    for one in MEANINGS.values():
        name = one.key.rpartition(".")[2]
        below = [
            lines[place + 1] for place, line in enumerate(lines) if line.startswith(f"# {one.meaning} [{one.allowed};")
        ]
        assert any(line.startswith(f"{name}: ") for line in below), one.key


def test_json_has_settings_and_meanings(dawgen: Any) -> None:
    shown = json.loads(dawgen("config", "show", "--set", "target.lr=0.1", "--json")[1].splitlines()[-1])
    assert shown["settings"] == resolve_config(assignments=["target.lr=0.1"]).model_dump(mode="json")
    assert shown["meanings"]["target.surgery"]["choices"][:2] == ["none", "project"]
    assert set(shown["meanings"]) == set(MEANINGS)
