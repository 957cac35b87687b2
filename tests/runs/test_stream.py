"""A set is written as it is judged: the same bytes as from lists, whole files or none, and nothing of it in memory."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dawgen.config import CurateConfig, DecodeConfig
from dawgen.curation import Curator
from dawgen.curation.dedupe import find_shingles, sketch
from dawgen.data import ShardStore, as_row
from dawgen.errors import ShortfallError
from dawgen.files import stream_jsonl, write_jsonl
from dawgen.generator.write.quotas import Generation, fill_quotas
from dawgen.records import Candidate, Example
from dawgen.rng import python_rng
from dawgen.runs.generate import write_set

LABELS = ("yes", "no")
NOUNS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("an", "ob", "ick", "ell", "uss")]


def write(shard: int, offers: Sequence[tuple[int, str, str]]) -> list[Candidate]:
    """Write pairs as a generator does that has been tuned well, with a fault here and there."""
    made = []
    for number, text, label in offers:
        rng = python_rng(0, f"write/{shard}/{number}/{label}")
        words = [rng.choice(NOUNS) for _ in range(rng.choice((2, 3, 3, 4)))]
        second = text if rng.random() < 0.1 else f"the {' '.join(words)} is here"
        made.append(Candidate(Example(text, second, label), rng.random() > 0.05, 9))
    return made


def judge(per_label: int, store: ShardStore | None = None) -> tuple[Any, Generation]:
    """Return a stream of judged candidates, and its numbers."""
    decode = DecodeConfig(shard_texts=16)
    writer: Any = SimpleNamespace(
        labels=LABELS, decode=decode, shard_texts=16, pair=True, seed=1, scored=False, write_cells=write
    )
    result = Generation()
    texts = [f"a {a} sees a {b}" for a in NOUNS[:20] for b in NOUNS]
    curator = Curator((), LABELS, CurateConfig(posterior=False, near_copy=False))
    return fill_quotas(writer, per_label, first_texts=texts, judge=curator, result=result, store=store), result


def test_files_are_those_that_lists_would_give(tmp_path: Path) -> None:
    judged, result = judge(200, ShardStore(tmp_path / "raw", {}))
    kept, shares, reasons = write_set(tmp_path, judged)
    rows = list(judge(200)[0])
    old = [as_row(c.example) for c, verdict in rows if verdict.kept]
    dropped = [
        as_row(c.example) | {"reason": v.reason, "score": v.score, "twin": v.twin} for c, v in rows if not v.kept
    ]
    write_jsonl(tmp_path / "old.jsonl", old)
    assert (tmp_path / "train.jsonl").read_bytes() == (tmp_path / "old.jsonl").read_bytes()
    write_jsonl(tmp_path / "old.jsonl", dropped)
    assert (tmp_path / "dropped.jsonl").read_bytes() == (tmp_path / "old.jsonl").read_bytes()
    assert len(kept) == 400 and reasons == result.reasons and reasons.total() == len(dropped)
    assert {"copy", "truncated"} <= set(reasons) and set(shares) == set(LABELS)
    assert not list(tmp_path.glob(".*"))


def test_a_shortfall_leaves_no_half_of_a_set(tmp_path: Path) -> None:
    def fail() -> Any:
        yield from list(judge(5)[0])
        raise ShortfallError({}, {}, {})

    with pytest.raises(ShortfallError):
        write_set(tmp_path, fail())
    assert not list(tmp_path.iterdir())


def test_files_come_out_together_and_what_was_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".a.jsonl.tmp").write_text("half of a ro")
    with stream_jsonl(tmp_path / "a.jsonl", tmp_path / "b.jsonl") as (a, b):
        a({"x": "ä\u2028"})
        b({"y": 1})
        assert not (tmp_path / "a.jsonl").exists()
    assert (tmp_path / "a.jsonl").read_bytes() == '{"x": "ä\u2028"}\n'.encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_memory_does_not_grow_with_the_set(tmp_path: Path) -> None:
    held = []
    tracemalloc.start()
    for per_label in (100, 800):
        find_shingles.cache_clear()
        sketch.cache_clear()
        before = tracemalloc.get_traced_memory()[0]
        judged, result = judge(per_label, ShardStore(tmp_path / f"raw{per_label}", {}))
        kept, *_ = write_set(tmp_path / str(per_label), judged)
        find_shingles.cache_clear()
        sketch.cache_clear()
        held.append(tracemalloc.get_traced_memory()[0] - before)
        assert len(kept) == 2 * per_label and len(result.shards) > per_label / 16
    tracemalloc.stop()
    assert (held[1] - held[0]) / 1400 < 60  # bytes per kept row: a row's texts alone take more than 200
