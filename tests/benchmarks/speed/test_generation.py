"""Both sides of the generation benchmark write the same texts, and those end at mixed lengths."""

from dataclasses import replace

import pytest
import torch

from benchmarks.speed.generation import compare, count_kept, measure_bandwidth, write_shards
from benchmarks.speed.generation_peers import write_batched, write_singly
from benchmarks.speed.generation_work import TINY, Work, make_work
from benchmarks.speed.harness import Setup
from dawgen.records import Candidate


@pytest.fixture(scope="module")
def work() -> Work:
    return make_work(TINY, "cpu", torch.float32, texts=12, shard_texts=5)


def by_text(candidates: list[Candidate]) -> dict[tuple[str, str | None], Candidate]:
    return {(candidate.example.text1, candidate.example.label): candidate for candidate in candidates}


def test_all_sides_write_the_same_texts_at_mixed_lengths(work: Work) -> None:
    ours = by_text(write_shards(work))
    assert len(ours) == 12 * 3
    assert by_text(write_batched(work, 5)) == ours
    assert by_text(write_singly(work)) == ours
    lengths = {candidate.tokens for candidate in ours.values()}
    assert len(lengths) > 8
    assert 0 < count_kept(list(ours.values())) < len(ours)


def test_one_by_one_writes_every_text_under_one_label(work: Work) -> None:
    texts = [candidate.example.text1 for candidate in write_singly(work, 3)]
    assert sorted(texts) == sorted(work.texts)


def test_the_whole_comparison_runs_in_bfloat16() -> None:
    work = make_work(TINY, "cpu", torch.bfloat16, texts=4, shard_texts=4, new_tokens=20)
    results = compare(work, (2, 4), Setup(dtype=torch.bfloat16, pairs=1))
    assert [result.target for result in results] == [2, 10]
    assert all(result.ratio_median > 0 for result in results)


def test_bandwidth_is_positive_and_leaves_the_model_as_it_was(work: Work) -> None:
    before = write_shards(work)
    assert measure_bandwidth(work, "cpu", steps=(1, 30), copied=2**20) > 0
    assert write_shards(work) == before


def test_more_rows_at_once_do_not_change_the_texts(work: Work) -> None:
    writer = replace(work.writer, decode=work.writer.decode.model_copy(update={"shard_texts": 12}))
    assert by_text(write_shards(replace(work, writer=writer))) == by_text(write_shards(work))
