"""Arms: how a grid writes them, the columns they fill, and the job that runs them."""

import pytest

from dawgen.bench import arms
from dawgen.bench.arms import find_job, find_kind, has_size, make_arm, parse_arm
from dawgen.errors import ConfigError
from dawgen.report.grid import arms as grid_arms
from dawgen.report.grid.arms import Arm


@pytest.mark.parametrize(
    ("text", "columns", "job"),
    [
        ("zero_shot", ("zero_shot", "", ""), ("zero_shot", {})),
        ("lora", ("lora", "real", ""), ("lora", {})),
        ("eda", ("eda", "pooled", ""), ("eda", {})),
        ("dawgen", ("dawgen", "paired", "project"), ("dawgen", {"surgery": "project", "granularity": "prompt"})),
        ("fewgen", ("fewgen", "paired", "none"), ("paired", {})),
        ("plain/paired", ("plain", "paired", "none"), ("paired", {})),
        ("fewgen/synthetic", ("fewgen", "synthetic", ""), ("synthetic_only", {})),
        (
            "dawgen/paired/project:token",
            ("dawgen", "paired", "project:token"),
            ("dawgen", {"surgery": "project", "granularity": "token"}),
        ),
    ],
)
def test_an_arm_is_read_into_columns_and_a_job(text: str, columns: tuple[str, str, str], job: object) -> None:
    arm = parse_arm(text)
    assert (arm.method, arm.schedule, arm.surgery) == columns
    assert find_job(arm) == job


def test_an_arm_reads_what_it_writes() -> None:
    for text in ("lora", "zero_shot", "fewgen/pooled", "dawgen", "dawgen/paired/pcgrad", "plain/paired"):
        assert parse_arm(text).name == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lorra", "did you mean lora"),
        ("lora/paired", "no schedule"),
        ("fewgen/poled", "did you mean pooled"),
        ("dawgen/paired/projct", "did you mean project"),
        ("dawgen/pooled/project", "GENERATOR/paired/SURGERY"),
        ("dawgen/paired/project/token", "GENERATOR/paired/SURGERY"),
    ],
)
def test_a_wrong_arm_is_refused_with_what_there_is(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_arm(text)


def test_only_arms_with_rows_to_count_have_a_size() -> None:
    assert [has_size(parse_arm(text)) for text in ("dawgen", "eda", "gold", "lora", "zero_shot")] == [True] * 3 + [
        False
    ] * 2
    assert make_arm("zero_generation", "pooled") == Arm("zero_generation", "pooled")
    assert find_kind(parse_arm("zero_generation")) == "untuned"


def test_tables_order_what_grids_know() -> None:
    assert {*arms.PLAIN, *grid_arms.GENERATORS} <= set(grid_arms.ORDER)
    # with a set, edited and gold rows last, as their sizes are
    assert grid_arms.ORDER[-7:] == ("eda", "zero_generation", "plain", "fewgen", "dawgen", "api", "gold")
    assert list(grid_arms.SCHEDULES)[-3:] == ["real_then_synthetic", "synthetic_then_real", "paired"]
    assert {*arms.SURGERIES} == {*grid_arms.RULES} - {""}
