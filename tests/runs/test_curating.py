"""The judge of curation, from a setting to verdicts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dawgen.bench.grid import Grid
from dawgen.config import CurateConfig, RunConfig
from dawgen.curation import Curator, curate
from dawgen.errors import ConfigError
from dawgen.records import Candidate, Example
from dawgen.runs.curating import open_curator
from support.sentence_models import save_sentence_model
from support.targets import make_backbone, make_pairs

LABELS = ["same", "different"]


@pytest.mark.parametrize("judge", ["target", "encoder"])
def test_what_the_judge_finds_likely_stays_and_the_rest_is_dropped_with_its_probability(
    judge: str, tmp_path: Path
) -> None:
    name = judge if judge == "target" else str(save_sentence_model(tmp_path))
    config = RunConfig.model_validate({"curate": {"judge": name, "near_duplicate": 1.0, "near_copy": False}})
    real, said = make_pairs(16, 1), list[str]()
    curator = open_curator(config, real, LABELS, load=make_backbone, say=said.append)
    words = np.random.default_rng(1).permutation([f"word{number}" for number in range(96)]).reshape(24, 4)
    reasons = set()
    for number, (first, second, third, fourth) in enumerate(words):
        # whatever the judge says of a pair, it says of one of its labels
        order = LABELS if number % 2 else LABELS[::-1]
        pair = Example(f"{first} {second}", f"{third} {fourth}")
        verdicts = [curator.judge([Candidate(replace(pair, label=label))])[0] for label in order]
        assert [verdict.kept for verdict in verdicts].count(True) == 1
        other = next(verdict for verdict in verdicts if not verdict.kept)
        assert other.reason == "duplicate" or (other.score is not None and 0 <= other.score < 0.5)
        reasons.add(other.reason)
    assert "judge" in reasons
    assert len(said) == 1 and said[0].startswith(f"judge ({name}): right on ")


def test_more_chance_keeps_fewer_rows() -> None:
    rows = [Example(f"row number {number} of words", None, "same") for number in range(20)]
    opinion: Any = lambda examples: [int(examples[0].text1.split()[2]) / 20]  # noqa: E731
    kept = [
        len(
            curate(
                rows,
                real=[],
                labels=LABELS,
                config=CurateConfig(judge_least=least, near_duplicate=1.0),
                opinion=opinion,
            )[0]
        )
        for least in (0.5, 1.0, 1.5)
    ]
    assert kept == [15, 10, 5]


def test_settings_without_a_judge_are_written_as_before_there_was_one() -> None:
    assert "judge" not in str(CurateConfig().model_dump())
    assert CurateConfig(judge="minilm").model_dump()["judge_least"] == 1.0


def test_a_judge_that_is_named_has_to_be_given() -> None:
    with pytest.raises(ConfigError, match="opinion="):
        Curator([], LABELS, CurateConfig(judge="minilm"))
    with pytest.raises(ConfigError, match="sentence encoder"):
        open_curator(RunConfig.model_validate({"curate": {"judge": "target"}}), [], LABELS)
    block = {"tasks": ["scenes-nli"], "seeds": [1], "arms": ["dawgen"]}
    grid = Grid.model_validate({"name": "g", "settings": {"curate": {"judge": "target"}}, "blocks": [block]})
    with pytest.raises(ConfigError, match="sets serve all its targets"):
        grid.resolve(grid.blocks[0])
