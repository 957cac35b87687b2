"""The judge of curation, from a setting to verdicts."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dawgen.bench.grid import Grid
from dawgen.config import CurateConfig, RunConfig
from dawgen.curation import Curator, curate
from dawgen.data import as_row, read
from dawgen.errors import ConfigError
from dawgen.files import write_jsonl
from dawgen.progress import Reporter
from dawgen.records import Candidate, Example
from dawgen.runs.curating import open_curator
from dawgen.runs.folder import Job, StepLog
from dawgen.runs.generate import Order, describe_agreement, generate_set
from dawgen.runs.stages import curate_stage
from support.generators import PAIR_ROWS, PAIRS, TEXTS, tuned
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


def test_over_needs_a_judge_and_is_written_only_where_it_is_used() -> None:
    with pytest.raises(ValueError, match=r"judge.*minilm"):
        CurateConfig(over=2)
    assert "over" not in CurateConfig(judge="minilm").model_dump()
    assert CurateConfig(judge="minilm", over=2).model_dump()["over"] == 2
    with pytest.raises(ConfigError, match="dawgen curate"):
        curate([], real=[], config=CurateConfig(judge="minilm", over=2), opinion=lambda _: np.zeros(0))


def test_of_a_file_s_rows_the_likeliest_share_of_each_label_stays_and_the_others_say_why(tmp_path: Path) -> None:
    real = make_pairs(8, 1)
    words = np.random.default_rng(1).permutation([f"word{number}" for number in range(240)]).reshape(60, 4)
    rows = [Example(f"{a} {b}", f"{c} {d}", LABELS[number % 2]) for number, (a, b, c, d) in enumerate(words)]
    write_jsonl(tmp_path / "real.jsonl", [as_row(row) for row in real])
    write_jsonl(tmp_path / "set.jsonl", [as_row(row) for row in rows])
    settings = {
        "train": str(tmp_path / "real.jsonl"),
        "curate": {"judge": str(save_sentence_model(tmp_path / "encoder")), "judge_least": 0.5, "near_copy": False},
    }
    found = {}
    for over in (1, 3):
        config = RunConfig.model_validate(settings | {"curate": settings["curate"] | {"over": over}})  # type: ignore[operator]
        found[over] = curate_stage(config, tmp_path / "set.jsonl", tmp_path / f"out{over}")
    passed, chosen = found[1]["kept_by_label"], found[3]["kept_by_label"]
    assert min(passed.values()) >= 6  # enough to choose from
    assert set(chosen.values()) == {math.ceil(min(passed.values()) / 3)}
    assert found[3]["dropped"]["not_chosen"] == found[1]["kept"] - found[3]["kept"]
    assert set(read(tmp_path / "out3" / "train.jsonl")) < set(read(tmp_path / "out1" / "train.jsonl"))


def test_a_generator_writes_more_and_the_set_has_exactly_the_wanted_number_of_each_label(tmp_path: Path) -> None:
    generator = tuned()
    generator.save(tmp_path / "generator")
    encoder, job = str(save_sentence_model(tmp_path / "encoder")), Job(1, StepLog(tmp_path / "log.jsonl"), Reporter())
    loose = {"judge": encoder, "judge_least": 0.01, "posterior": False, "near_copy": False, "near_duplicate": 1.0}
    found = {}
    for over in (1, 2):
        config = RunConfig.model_validate({"curate": loose | {"over": over, "echo": 1.0}})
        curator = open_curator(config, PAIR_ROWS, PAIRS.labels)
        order = Order(3, TEXTS, tmp_path / "generator")
        rows, found[over] = generate_set(generator, order, curator, folder=tmp_path / f"set{over}", job=job)
        assert {label: rows.labels.count(number) for number, label in enumerate(rows.names)} == dict.fromkeys(
            PAIRS.labels, 3
        )
    assert found[2]["dropped"]["not_chosen"] == 3 * len(PAIRS.labels) and "not_chosen" not in found[1]["dropped"]


def test_both_opinions_are_counted_of_every_row_that_has_them() -> None:
    opinion: Any = lambda examples: [0.9 if "good" in examples[0].text1 else 0.1]  # noqa: E731
    curator = Curator([], LABELS, CurateConfig(judge="any"), opinion=opinion)
    texts = [("good text one", -1.0), ("bad words two", -1.0), ("good sentence three", -9.0), ("bad line four", -9.0)]
    rows = [Candidate(Example(text, None, "same"), logp=(own, -5.0)) for text, own in texts]
    assert [verdict.reason for verdict in curator.judge(rows)] == [None, "judge", "posterior", "posterior"]
    assert describe_agreement(curator.agreement) == {"both": 1, "posterior": 1, "judge": 1, "neither": 1}
