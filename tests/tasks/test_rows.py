"""The rows that come with a task fit it, and are as many and as different as their card says."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from dawgen.classifier.metrics import measure
from dawgen.config import CurateConfig, RunConfig
from dawgen.curation.dedupe import find_shingles, measure_jaccard
from dawgen.data import find_conflicts, read, read_rows
from dawgen.methods.interface import Given
from dawgen.methods.tfidf_probe import fit_tfidf_probe
from dawgen.runs.inputs import load_inputs
from dawgen.tasks import Task, find_rows


def test_only_tasks_that_bring_rows_have_a_file() -> None:
    assert [name for name in Task.names() if find_rows(name)] == ["tickets"]
    assert find_rows("../tasks/tickets") is None


def test_tickets_are_sixty_different_rows_of_every_label() -> None:
    file = find_rows("tickets")
    assert file is not None
    task = Task.load("tickets")
    rows = read(file, task=task)
    assert Counter(row.label for row in rows) == dict.fromkeys(task.labels, 60)
    assert not find_conflicts(read_rows(file, task=task))
    shingles = [find_shingles(row.text1) for row in rows]
    nearest = max(measure_jaccard(a, b) for a, b in combinations(shingles, 2))
    assert nearest < CurateConfig().near_duplicate / 3
    lengths = sorted(len(row.text1.split()) for row in rows)
    assert (lengths[0], lengths[-1]) == (2, 65)


@pytest.mark.parametrize("seed", [13, 21])
def test_words_tell_most_tickets_apart_and_not_all(seed: int) -> None:
    config = RunConfig(task="tickets", seed=seed)
    inputs = load_inputs(config)
    given = Given(
        task=inputs.task,
        real=inputs.train,
        synthetic=None,
        unlabelled=None,
        dev=None,
        seed=seed,
        per_label=1,
        target=config.target,
        baselines=config.baselines,
    )
    test = inputs.test or []
    predicted = fit_tfidf_probe(None, given).predict(test).tolist()  # type: ignore[arg-type]
    accuracy = measure([str(row.label) for row in test], predicted, inputs.task.labels)["accuracy"]
    assert 0.6 < accuracy < 0.95


def test_the_card_and_the_rows_are_in_the_package() -> None:
    file = find_rows("tickets")
    assert file is not None
    assert (Path(file).parent / "tickets.md").is_file()
