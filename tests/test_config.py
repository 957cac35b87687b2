"""The settings say what they mean, each in one line, where they are defined."""

import pytest
from pydantic import BaseModel

from dawgen import config
from dawgen.config import RunConfig, Settings
from dawgen.presets import PRESETS
from dawgen.runs.settings import resolve_config

SECTIONS = [one for one in vars(config).values() if isinstance(one, type) and issubclass(one, Settings)]
FIELDS = [
    pytest.param(field.description, id=f"{section.__name__}.{name}")
    for section in SECTIONS
    for name, field in section.model_fields.items()
]


@pytest.mark.parametrize("meaning", FIELDS)
def test_every_setting_has_a_line_of_meaning(meaning: str | None) -> None:
    assert meaning is not None and len(meaning) > 10
    assert "\n" not in meaning and meaning == meaning.strip() and not meaning.endswith(".")


def test_every_section_is_reached_from_a_job() -> None:
    found = {field.annotation for field in RunConfig.model_fields.values()}
    assert {one for one in SECTIONS if one not in (Settings, RunConfig)} == {
        one for one in found if isinstance(one, type) and issubclass(one, BaseModel)
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_whole_set_of_settings(preset: str) -> None:
    assert isinstance(resolve_config(preset=preset), RunConfig)
