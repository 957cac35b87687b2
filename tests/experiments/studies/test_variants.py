"""Variants: how rows are chosen, how a prompt learns in parts, and what the table says of ways on the same seeds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.gradients import differentiate
from dawgen.config import RunConfig
from dawgen.engine.storage import Store
from dawgen.records import Candidate, Example
from dawgen.runs.inputs import Inputs
from experiments.studies import variant_gradients, variant_ways
from experiments.studies.variant_gradients import find_useful
from experiments.studies.variant_rows import (
    Material,
    find_posterior,
    herd,
    pick_best,
    relabel,
    take_all,
    take_drawn,
    take_first,
    take_herded,
    take_relabelled,
    take_surest,
    take_unguessable,
)
from experiments.studies.variant_ways import (
    WAYS,
    Fitted,
    choose_sure,
    find_way,
    fit,
    split_steps,
    train_ensemble,
    train_parts,
    train_rounds,
    train_without_fighters,
)
from experiments.studies.variants import (
    Variant,
    draw_rows,
    find_job_time,
    make_config,
    make_source,
    measure,
    parse,
    render,
)
from support.targets import LABELS, make_backbone, make_pairs, make_task

NOUNS = ("man", "woman", "dog", "cat", "bird", "child", "boy", "girl", "horse", "fish", "tree", "book")
DEEDS = ("sleeping", "eating", "running", "walking", "playing", "singing")


def write_candidate(place: int, label: str, margin: float) -> Candidate:
    """Return a candidate unlike any other, whose own label is likelier than the other one by `margin` nats."""
    noun, deed = NOUNS[place % len(NOUNS)], DEEDS[place % len(DEEDS)]
    pair = Example(f"a {noun} is {deed} near house {place}", f"somebody number {place} is not at home today", label)
    logp = (-5.0, -5.0 - margin) if label == LABELS[0] else (-5.0 - margin, -5.0)
    return Candidate(pair, logp=logp)


def make_material(folder: Path, pool: list[Candidate], per_label: int = 2, **target: Any) -> Material:
    settings = {"steps": 4, "batch_size": 2, "prompt_length": 3, "eval_every": 2} | target
    config = RunConfig(seed=1, per_label=per_label, target=settings)
    rows = make_pairs(12)
    inputs = Inputs(make_task(), rows[:6], rows[6:], None, [], None, None, {})
    return Material(inputs, make_backbone(), config, pool, folder)


@pytest.fixture
def pool() -> list[Candidate]:
    margins = [0.5, 3.0, -1.0, 0.2, 4.0, 1.5]
    return [write_candidate(2 * i + k, label, m) for i, m in enumerate(margins) for k, label in enumerate(LABELS)]


def list_margins(rows: list[Example], pool: list[Candidate], label: str) -> list[float]:
    found = {c.example: round(max(c.logp or ()) - min(c.logp or ()), 6) for c in pool}
    return [found[row] for row in rows if row.label == label]


def test_the_base_takes_the_first_that_pass_and_counts_what_it_looked_at(tmp_path: Path, pool: Any) -> None:
    rows, used = take_first(make_material(tmp_path, pool))
    assert [list_margins(rows, pool, label) for label in LABELS] == [[0.5, 3.0], [0.5, 3.0]]
    assert used == 4
    rows, used = take_first(make_material(tmp_path, pool), posterior_margin=1.0)
    assert list_margins(rows, pool, LABELS[0]) == [3.0, 4.0] and used == 10


def test_select_takes_the_largest_margins(tmp_path: Path, pool: Any) -> None:
    rows, used = take_surest(make_material(tmp_path, pool))
    assert [list_margins(rows, pool, label) for label in LABELS] == [[3.0, 4.0], [3.0, 4.0]]
    assert used == len(pool)
    assert len(take_all(make_material(tmp_path, [*pool, write_candidate(12, LABELS[0], 2.0)]))[0]) == 10
    assert pick_best(["a", "b", "a", "a"], [1.0, 0.0, 3.0, 3.0], 2) == [1, 2, 3]


def test_unguessable_rows_do_not_have_the_words_of_their_label(tmp_path: Path) -> None:
    told = {LABELS[0]: "certainly", LABELS[1]: "hardly"}
    pool = [write_candidate(place, LABELS[place % 2], 1.0) for place in range(40)]
    telling = [place for place in range(40) if place // 2 % 4]  # three of four
    for place in telling:
        row = pool[place].example
        pool[place] = replace(pool[place], example=replace(row, text2=f"{row.text2} {told[str(row.label)]}"))
    rows, used = take_unguessable(make_material(tmp_path, pool, per_label=4))
    assert len(rows) == 8 and used == 40
    assert not any(word in str(row.text2) for row in rows for word in told.values())


def test_relabelled_rows_have_the_posteriors_label(tmp_path: Path, pool: Any) -> None:
    for old, new in zip(pool, relabel(pool, LABELS), strict=True):
        wrong = old in pool[4:6]
        assert (new.example.label != old.example.label) == wrong and new.example.text2 == old.example.text2
    rows, _ = take_relabelled(make_material(tmp_path, pool, per_label=6))
    texts = {row.text2: row.label for row in rows}
    assert len(texts) == 12 and texts[pool[4].example.text2] == LABELS[1]


def test_draws_follow_the_posterior(tmp_path: Path) -> None:
    assert np.exp(find_posterior((-700.0, -700.0))).tolist() == pytest.approx([0.5, 0.5])
    sure = [write_candidate(i, LABELS[0], 20.0) for i in range(3)]
    unsure = [write_candidate(3 + i, LABELS[0], -20.0) for i in range(3)]
    rows, _ = take_drawn(make_material(tmp_path, unsure + sure, per_label=3))
    assert {row.text1 for row in rows} == {c.example.text1 for c in sure}


def test_herding_takes_rows_near_the_real_ones_and_spreads_them() -> None:
    near, far = np.zeros((4, 2)), np.full((4, 2), 10.0)
    near[:, 0] = [0.0, 0.1, 2.0, 2.1]
    real = np.array([[0.05, 0.0], [2.05, 0.0]])
    taken = herd(np.concatenate([far, near]), real, 2)
    assert len({place // 2 for place in taken}) == 2 and min(taken) >= 4  # one beside each real row
    assert sorted(herd(near, real, 9)) == [0, 1, 2, 3]


def test_herded_rows_are_of_every_label(tmp_path: Path, pool: Any) -> None:
    rows, _ = take_herded(make_material(tmp_path, pool))
    assert [sum(row.label == label for row in rows) for label in LABELS] == [2, 2]


def test_the_keep_rule_asks_for_label_and_threshold() -> None:
    own = np.zeros(20, dtype=int)
    probs = np.array([[0.9, 0.1]] * 17 + [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    assert choose_sure(probs, own, threshold=0.8, top=True) == list(range(17))
    assert choose_sure(probs, own, threshold=0.5, top=False) == list(range(19))


def test_a_label_with_too_few_keeps_its_surer_half() -> None:
    own = np.array([0] * 16 + [1] * 5)
    probs = np.array([[0.9, 0.1]] * 16 + [[0.7, 0.3], [0.05, 0.95], [0.6, 0.4], [0.8, 0.2], [0.9, 0.1]])
    assert choose_sure(probs, own, threshold=0.8, top=True) == [*range(16), 16, 17, 18]


def test_parts_take_all_steps_and_start_where_the_last_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_steps(150, [110 / 150, 40 / 150]) == [110, 40]
    assert split_steps(8, [0.2] * 5) == [2, 1, 2, 1, 2]
    calls: list[dict[str, Any]] = []
    plain = fit

    def spy(material: Material, rows: Any, **settings: Any) -> PromptClassifier:
        made = plain(material, rows, **settings)
        calls.append(settings | {"rows": rows and len(rows), "made": made})
        return made

    monkeypatch.setattr(variant_ways, "fit", spy)
    material, rows = make_material(tmp_path, []), make_pairs(8, seed=3)
    fitted = train_parts(material, rows, parts=((0.5, "synthetic"), (0.5, "real")))
    assert [call["steps"] for call in calls] == [2, 2] and [call["rows"] for call in calls] == [8, None]
    assert calls[1]["start"] is calls[0]["made"] and fitted.prompts == [calls[1]["made"]]
    assert [call["decay"] for call in calls] == ["constant", "cosine"]


def test_a_part_begins_with_the_given_prompt(tmp_path: Path) -> None:
    material, rows = make_material(tmp_path, []), make_pairs(8, seed=3)
    first = fit(material, rows)
    second = fit(material, rows, start=first, part=1, steps=1, lr=1e-9)
    assert torch.allclose(second.prompt_, first.prompt_, atol=1e-6) and second.seed != first.seed


def test_rounds_train_on_what_is_kept(tmp_path: Path) -> None:
    material, rows = make_material(tmp_path, []), make_pairs(8, seed=3)
    assert train_rounds(material, rows, rounds=2).rows == rows
    kept = train_rounds(material, rows, rounds=2, keep="top", threshold=0.8, momentum=0.9).rows
    assert [sum(row.label == label for row in kept) for label in LABELS] == [2, 2]  # half of four each


def test_the_rows_that_oppose_the_real_gradient_most_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material, rows = make_material(tmp_path, []), make_pairs(8, seed=3)
    monkeypatch.setattr(variant_ways, "align", lambda *_: [0.3, -0.9, -0.2, 0.5, 0.1, 0.0, -0.8, -0.1])
    fitted = train_without_fighters(material, rows, share=0.25)
    assert fitted.rows == [row for place, row in enumerate(rows) if place not in (1, 6)]  # one of each label
    assert fitted.prompts[0].steps == 2 and fitted.prompts[0].init_from == material.folder / "part-1"


def test_an_ensemble_averages_log_probabilities(tmp_path: Path) -> None:
    material, rows = make_material(tmp_path, [], steps=3), make_pairs(8, seed=3)
    fitted = train_ensemble(material, rows, members=2, share=1 / 3)
    assert [prompt.steps for prompt in fitted.prompts] == [1, 1]
    assert not torch.equal(fitted.prompts[0].prompt_, fitted.prompts[1].prompt_)
    scores = sum(prompt.scorer_.score_examples(rows, prompt.prompt_) for prompt in fitted.prompts)
    expected = np.mean([LABELS[best] == row.label for best, row in zip(scores.argmax(1), rows, strict=True)])
    assert measure(fitted, rows, LABELS) == pytest.approx(expected)
    assert measure(Fitted(fitted.prompts, rows), [], LABELS) is None


def test_useful_rows_point_where_the_real_ones_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_gradients, "USEFUL", 1)
    material, rows = make_material(tmp_path, []), make_pairs(8, seed=3)
    prompt = fit(material, None)

    def differentiate_alone(examples: list[Example]) -> torch.Tensor:
        ids, labels = prompt.scorer_.render(examples).ids, [LABELS.index(str(row.label)) for row in examples]
        return differentiate(prompt.scorer_, prompt.prompt_, ids, labels, [len(examples)])[0].flatten()

    real = differentiate_alone(material.inputs.train)
    values = [float(torch.cosine_similarity(differentiate_alone([row]), real, dim=0)) for row in rows]
    best = [max(range(k, 8, 2), key=values.__getitem__) for k in range(2)]  # labels come in turn
    assert find_useful(material, prompt, rows) == [rows[place] for place in sorted(best)]


def test_ways_go_together_where_they_change_different_things() -> None:
    both = find_way("select+smoothing+example_drop")
    assert both.choose is take_surest
    assert both.settings == {"label_smoothing": 0.1, "granularity": "example", "surgery": "drop"}
    assert both.note == WAYS["select"].note and both.facts != find_way("select").facts
    with pytest.raises(ValueError, match="two that choose"):
        find_way("select+mmd")
    with pytest.raises(ValueError, match="did you mean pcgrad"):
        find_way("pcgrd")


def test_every_way_has_a_name_of_its_own(tmp_path: Path) -> None:
    config = RunConfig(task="scenes-paraphrase")
    assert len({Variant(config, "dawgen", "sets/a/train.jsonl", way=way).key for way in WAYS}) == len(WAYS)


def test_differences_are_paired_by_seed() -> None:
    def cell(accuracy: float, cpu: float) -> dict[str, Any]:
        rows = {"same": 300, "different": 290}
        return {"accuracy": accuracy, "rows": rows, "train_cpu": cpu, "job_cpu": 2 * cpu, "label_fidelity": None}

    numbers = {("dawgen", 1): cell(0.7, 10.0), ("dawgen", 2): cell(0.8, 10.0), ("dawgen", 3): cell(0.9, 10.0)}
    numbers |= {("mmd", 1): cell(0.72, 12.0), ("mmd", 2): cell(0.78, 12.0)}  # seed 3 has failed
    base, mmd = render(numbers, ["dawgen", "mmd"], [1, 2, 3]).splitlines()[2:]
    assert base.startswith("| dawgen | 290 to 300 | - | 80.0 ± 10.0 | 70.0, 80.0, 90.0 |  |")
    assert "| +0.0 ± 2.8 (1/2" in mmd and "| 72.0, 78.0 |" in mmd and mmd.endswith("| 1.20 | 1.20 |")


def test_a_job_pays_for_the_candidates_that_it_looked_at() -> None:
    source = {"times": {"tuning dawgen": 10.0, "writing": 8.0}, "seconds": 20.0, "cpu_seconds": 10.0}
    assert find_job_time({"pool_share": 0.5, "train_cpu": 3.0}, source) == pytest.approx(0.5 * 14.0 + 3.0)


def test_drawn_test_rows_depend_on_the_seed() -> None:
    rows = make_pairs(30)
    assert draw_rows(rows, None, 1) == rows and len(draw_rows(rows, 5, 1)) == 5
    assert draw_rows(rows, 5, 1) == draw_rows(rows, 5, 1) != draw_rows(rows, 5, 2)


def test_a_small_pool_serves_ways_on_scenes(tmp_path: Path) -> None:
    settings = ["generator.steps=1", "target.steps=2", "target.eval_every=1", "decode.attempts=200"]
    words = ["--out", str(tmp_path), "--per-label", "2", "--pool", "4", "--test-rows", "8", "--ways", "select"]
    options = parse([*words, "--set", *settings])
    config = make_config(options, 1)
    cell = make_source(options, config, find_way("select"))
    assert cell.key == make_source(options, config, find_way("dawgen")).key
    assert cell.key != make_source(options, config, find_way("contrast0")).key
    cell.run(Store(tmp_path))
    source = f"sets/{cell.key}/train.jsonl"
    found = Variant(config, "dawgen", source, way="select", test_rows=8).run(Store(tmp_path))
    assert found["rows"] == {"equivalent": 2, "not_equivalent": 2} and found["pool_share"] == 1
    assert found["n_test"] == 8 and 0 <= found["accuracy"] <= 1 and found["best_steps"][0] in (1, 2)
