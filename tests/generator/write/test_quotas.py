"""Quotas, shards and resuming: exactly N of each label or ShortfallError, and the same bytes after any kill."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from dawgen.config import CurateConfig, DecodeConfig
from dawgen.curation.curator import Curator
from dawgen.data.store import ShardStore
from dawgen.errors import ConfigError, ShortfallError
from dawgen.generator.codec import TokenRow
from dawgen.generator.estimator import Generator
from dawgen.generator.prefix import Prefix
from dawgen.generator.score import score_rows
from dawgen.generator.write import writer
from dawgen.generator.write.quotas import SAMPLES, Generation, order_shards
from dawgen.records import Candidate
from support.generators import PAIR_ROWS, PAIRS, TEXTS, TOPIC_ROWS, TOPICS, EverySecond, make_generator, tuned, untuned

DECODE = DecodeConfig(max_new_tokens=12, shard_texts=4)


def make(decode: DecodeConfig = DECODE) -> Generator:
    return copy(tuned(decode=decode))


def test_exactly_n_of_each_label_in_one_shuffle_offered_to_every_label() -> None:
    generator = make()
    examples = generator.generate(7, first_texts=TEXTS, curator=EverySecond())
    assert Counter(example.label for example in examples) == {"yes": 7, "no": 7, "maybe": 7}
    made = generator.generation_
    assert made.counts.total() == 21
    assert made.generated.total() == 21 + made.reasons["echo"] + made.surplus
    assert [sum(column) for column in zip(*made.shards, strict=True)] == [made.generated.total(), 21]
    assert {example.text1 for example in examples} <= set(TEXTS)
    assert len(made.samples["echo"]) == SAMPLES
    assert all(not verdict.kept and candidate.logp is not None for candidate, verdict in made.samples["echo"])


def test_shortfall_keeps_counts_reasons_and_shards(tmp_path: Path) -> None:
    generator = make(DECODE.model_copy(update={"max_new_tokens": 1, "attempts": 2}))
    store = ShardStore(tmp_path, {})
    with pytest.raises(ShortfallError, match="kept") as caught:
        generator.generate(5, first_texts=TEXTS, store=store)
    assert caught.value.requested == {"yes": 5, "no": 5, "maybe": 5}
    assert set(caught.value.reasons) <= {"truncated", "empty"}
    assert sum(caught.value.reasons.values()) >= 3 * 2 * 5 - 15
    assert (tmp_path / "shard-00000.jsonl").exists()
    assert not store.complete


def test_greedy_ends_with_the_first_texts_and_sampling_goes_through_them_again() -> None:
    with pytest.raises(ShortfallError):
        make(DECODE.model_copy(update={"strategy": "greedy"})).generate(
            13, first_texts=TEXTS[:3], curator=EverySecond()
        )
    generator = make()
    examples = generator.generate(5, first_texts=TEXTS[:3], curator=EverySecond())
    assert len(examples) == 15
    pairs = {(example.text1, example.text2, example.label) for example in examples}
    assert len(pairs) > 9  # other random numbers at the second pass


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
def test_killed_after_any_shard_resumes_to_the_same_bytes(survivors: int, tmp_path: Path) -> None:
    def curator() -> Curator:
        config = CurateConfig(posterior=False, near_copy=False)
        return Curator(PAIR_ROWS, generator.task_.labels, config)

    generator = make()
    whole = generator.generate(6, first_texts=TEXTS, store=ShardStore(tmp_path / "whole", {}), curator=curator())
    shards = sorted((tmp_path / "whole").glob("shard-*"))
    (tmp_path / "killed").mkdir()
    for shard in (tmp_path / "whole" / "settings.json", *shards[:survivors]):
        (tmp_path / "killed" / shard.name).write_bytes(shard.read_bytes())
    again = make().generate(6, first_texts=TEXTS, store=ShardStore(tmp_path / "killed", {}), curator=curator())
    assert again == whole
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}


def test_single_texts_need_no_first_texts_and_greedy_writes_one_per_label() -> None:
    generator = make_generator(task=TOPICS, kind="untuned", decode=DECODE).fit(TOPIC_ROWS)
    examples = generator.generate(5, curator=EverySecond())
    assert Counter(example.label for example in examples) == {"sport": 5, "food": 5}
    assert all(example.text2 is None for example in examples)
    greedy = make_generator(task=TOPICS, kind="untuned", decode=DecodeConfig(strategy="greedy")).fit(TOPIC_ROWS)
    with pytest.raises(ShortfallError):
        greedy.generate(2)
    assert sum(greedy.preview(1)[i].example.label == "sport" for i in range(2)) == 1


def test_first_texts_from_shots_and_written_by_the_generator() -> None:
    shots = make(DECODE.model_copy(update={"first_texts": "shots"})).generate(3, curator=EverySecond())
    assert {example.text1 for example in shots} <= {example.text1 for example in PAIR_ROWS}
    decode = DecodeConfig(first_texts="written", max_new_tokens=40, shard_texts=12)
    generator = make(decode)
    written = generator.generate(2, curator=EverySecond())
    assert len(written) == 6
    assert all(example.text1.strip() for example in written)
    assert written == make(decode).generate(2, curator=EverySecond())


def test_a_generator_that_writes_no_first_text_ends_in_a_shortfall(tmp_path: Path) -> None:
    decode = DecodeConfig(first_texts="written", max_new_tokens=1, shard_texts=4, attempts=3)
    for _ in range(2):  # the second time from the stored shards
        with pytest.raises(ShortfallError):
            copy(untuned(decode=decode)).generate(2, store=ShardStore(tmp_path, {}))
    assert len(list(tmp_path.glob("shard-*"))) == 2


def test_missing_first_texts_and_wrong_number_are_refused() -> None:
    with pytest.raises(ConfigError, match="first texts"):
        make().generate(2)
    with pytest.raises(ConfigError, match="at least 1"):
        make().generate(0, first_texts=TEXTS)


def test_candidate_log_likelihoods_are_those_of_the_text() -> None:
    generator = untuned()
    for candidate in generator.preview(2, first_texts=TEXTS):
        if candidate.example.text2:
            expected = generator.log_likelihood([candidate.example])[0]
            assert candidate.logp == pytest.approx(tuple(expected), rel=1e-5)


def test_rows_of_a_label_do_not_depend_on_which_labels_are_open() -> None:
    bare = untuned()._make_writer(scored=False)
    everything = bare.write(0, TEXTS[:3], ["yes", "no", "maybe"])
    assert bare.write(0, TEXTS[:3], ["no"]) == [c for c in everything if c.example.label == "no"]


def test_long_first_texts_are_cut_with_a_counted_warning() -> None:
    generator = make()
    generator.generate(1, first_texts=[*TEXTS, "man " * 200], curator=EverySecond())
    assert any("1 of 13 first texts were cut" in warning for warning in generator.warnings_)


def test_log_gets_one_line_per_shard() -> None:
    lines: list[dict[str, object]] = []
    make().generate(2, first_texts=TEXTS, curator=EverySecond(), log=lines.append)
    assert [line["shard"] for line in lines] == list(range(len(lines)))


def test_a_stream_is_what_generate_collects_and_writes_only_what_is_asked_for(tmp_path: Path) -> None:
    whole = make().generate(6, first_texts=TEXTS, curator=EverySecond())
    store = ShardStore(tmp_path, {})
    generator = make()
    judged = generator.stream(6, first_texts=TEXTS, curator=EverySecond(), store=store)
    assert not list(tmp_path.glob("shard-*"))
    first = next(judged)
    assert first[1].kept and first[0].example == whole[0]
    assert len(list(tmp_path.glob("shard-*"))) == 1
    rest = list(judged)
    assert [c.example for c, verdict in rest if verdict.kept] == whole[1:]
    assert sum(not verdict.kept for _, verdict in rest) == generator.generation_.reasons["echo"]
    assert store.complete


@pytest.mark.parametrize("contrast", [0.5, 0.0])
@pytest.mark.parametrize("task_name", ["pairs", "topics"])
def test_what_is_kept_is_what_scoring_every_candidate_anew_would_keep(task_name: str, contrast: float) -> None:
    decode = DecodeConfig(contrast=contrast, max_new_tokens=30, shard_texts=4)
    generator = copy(tuned(decode=decode, task_name=task_name))
    real = PAIR_ROWS if task_name == "pairs" else TOPIC_ROWS
    texts = TEXTS if task_name == "pairs" else None

    def curator() -> Curator:
        return Curator(real, generator.task_.labels, CurateConfig(near_copy=False))

    judged = list(generator.stream(2, first_texts=texts, curator=curator()))
    known = [candidate.logp is not None for candidate, _ in judged]
    assert any(known)  # which ones are not depends on what the tiny model's random weights write
    assert all(candidate.logp is not None for candidate, verdict in judged if verdict.kept)
    scores = generator.log_likelihood([candidate.example for candidate, _ in judged])
    anew = curator()
    for (candidate, verdict), found in zip(judged, scores.tolist(), strict=True):
        expected = anew.judge([replace(candidate, logp=tuple(found))])[0]
        assert (expected.kept, expected.reason) == (verdict.kept, verdict.reason)
        assert expected.score == (None if verdict.score is None else pytest.approx(verdict.score, abs=1e-4))


def test_with_contrast_only_texts_that_are_read_otherwise_than_written_are_scored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scored: list[TokenRow] = []

    def note(prefix: Prefix, rows: Sequence[TokenRow], held: Tensor) -> Any:
        scored.extend(rows)
        return score_rows(prefix, rows, held)

    monkeypatch.setattr(writer, "score_rows", note)
    generator = make()
    judged = list(generator.stream(6, first_texts=TEXTS, curator=Curator(PAIR_ROWS, generator.task_.labels)))
    assert sum(candidate.logp is not None for candidate, _ in judged) > 2 * len(scored)


def test_a_stored_shard_without_scores_gets_them_where_a_judge_may_ask(tmp_path: Path) -> None:
    store, labels = ShardStore(tmp_path, {}), PAIRS.labels
    texts = TEXTS[: DECODE.shard_texts]
    writer_of_none = make()._make_writer(scored=False)
    bare = writer_of_none.write(0, texts, labels)
    assert all(candidate.logp is None for candidate in bare)
    store.write(0, bare)
    curator = Curator(PAIR_ROWS, labels, CurateConfig(posterior=False, near_copy=False))
    judged = list(make().stream(1, first_texts=texts, store=store, curator=curator))
    assert all(verdict.score is not None for _, verdict in judged if verdict.kept)
    assert [c.logp for c in store.read(0) or ()] == [None] * len(bare)  # shards are never changed


@pytest.mark.parametrize("per_label", [1, 3, 5])
def test_a_label_is_offered_only_as_many_texts_as_it_is_likely_to_need(per_label: int) -> None:
    decode = DECODE.model_copy(update={"shard_texts": 12})
    generator = make(decode)
    kept = generator.generate(per_label, first_texts=TEXTS, curator=EverySecond())
    assert generator.generation_.generated.total() <= 3 * (3 * per_label + 1)
    # What is kept is what a whole shard would have given, judged in the same order.
    judge, counts, wanted = EverySecond(), Counter[str](), []
    for candidate in _offer_all(decode):
        example, label = candidate.example, str(candidate.example.label)
        if counts[label] < per_label and judge.judge([Candidate(example)])[0].kept:
            counts[label] += 1
            wanted.append(example)
    assert kept == wanted


def _offer_all(decode: DecodeConfig) -> list[Candidate]:
    """Return the first shard as it would be if it were written all at once."""
    bare = make(decode)._make_writer(scored=False)
    order = next(order_shards(bare, 100, TEXTS, Generation()))
    return bare.write(order.shard, order.texts or (), order.labels)
