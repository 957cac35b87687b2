"""Texts that were read: each once, within budgets in memory and on disk, shared through a folder, whole or absent."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dawgen.models.texts import LOOK, ReadTexts

ROWS = [(1, 2), (3,), (4, 5, 6)]


def make(rows: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Return 40 bytes for each token."""
    return [torch.full((len(row), 10), float(sum(row))) for row in rows]


def refuse(rows: Sequence[tuple[int, ...]]) -> list[Tensor]:
    raise AssertionError(f"read again: {rows}")


def test_a_text_is_read_once_and_comes_back_in_the_order_of_the_rows() -> None:
    texts = ReadTexts("model")
    found = texts.take([ROWS[0], ROWS[1], ROWS[0]], make)
    assert [float(part[0, 0]) for part in found] == [3, 3, 3] and len(texts) == 2
    again = texts.take([ROWS[1], ROWS[0]], refuse)
    assert [len(part) for part in again] == [1, 2]
    assert texts.counts == {"read": 2, "memory": 2, "disk": 0}


def test_memory_stays_within_its_budget_and_loses_what_was_not_used_for_longest() -> None:
    texts = ReadTexts("model", memory=130)
    texts.take(ROWS[:2], make)
    texts.take(ROWS[:1], refuse)
    texts.take([(7,)], make)
    assert texts.nbytes == 120
    texts.take([ROWS[0], (7,)], refuse)
    with pytest.raises(AssertionError, match="read again"):
        texts.take([ROWS[1]], refuse)


def test_the_texts_of_one_call_are_there_together_even_without_any_budget() -> None:
    texts = ReadTexts("model", memory=0)
    assert [len(part) for part in texts.take(ROWS, make)] == [2, 1, 3]
    assert len(texts) == 0 and texts.nbytes == 0


def test_what_memory_loses_is_found_in_the_folder_by_another_process_too(tmp_path: Path) -> None:
    texts = ReadTexts("model", memory=0)
    texts.use_folder(tmp_path)
    wanted = texts.take(ROWS, make)
    other = ReadTexts("model")
    other.use_folder(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(other.take(ROWS, refuse), wanted, strict=True))
    assert other.counts["disk"] == 3 and len(other) == 3


def test_files_of_another_model_or_dtype_are_not_found(tmp_path: Path) -> None:
    for name in ("a/torch.float32", "a/torch.bfloat16", "b/torch.float32"):
        texts = ReadTexts(name)
        texts.use_folder(tmp_path)
        texts.take(ROWS, make)
        assert texts.counts["read"] == 3


def test_a_damaged_file_is_read_and_written_again(tmp_path: Path) -> None:
    texts = ReadTexts("model", memory=0)
    texts.use_folder(tmp_path)
    texts.take(ROWS[:1], make)
    (file,) = tmp_path.rglob("*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    texts.take(ROWS[:1], make)
    assert texts.counts["read"] == 2 and file.read_bytes() == whole


def test_the_folder_stays_within_its_limit_whoever_writes(tmp_path: Path) -> None:
    rows = [(number,) for number in range(4 * LOOK)]  # 40 bytes each, and what a file has around them
    both = [ReadTexts("model", memory=0) for _ in range(2)]
    for texts in both:
        texts.use_folder(tmp_path, limit=20_000)
    for row in rows:
        both[row[0] % 2].take([row], make)
    size = sum(file.stat().st_size for file in tmp_path.rglob("*.safetensors"))
    assert 10_000 < size < 20_000 + 2 * LOOK * 200
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_folder_that_is_no_longer_named_is_not_used(tmp_path: Path) -> None:
    texts = ReadTexts("model", memory=0)
    texts.use_folder(tmp_path)
    texts.take(ROWS, make)
    texts.use_folder(None)
    texts.take(ROWS, make)
    assert texts.counts["read"] == 6


def test_a_block_with_a_folder_leaves_none_unless_it_fails(tmp_path: Path) -> None:
    texts, folder = ReadTexts("model", memory=0), tmp_path / "texts"
    with suppress(KeyboardInterrupt), texts.in_folder(folder):
        texts.take(ROWS, make)
        raise KeyboardInterrupt
    assert folder.is_dir()
    with texts.in_folder(folder):
        texts.take(ROWS, refuse)
    assert not folder.exists()
    texts.take(ROWS[:1], make)
    assert not folder.exists()


def test_a_disk_that_takes_no_more_ends_the_writing_and_not_the_work(tmp_path: Path) -> None:
    texts = ReadTexts("model", memory=0)
    (tmp_path / "file").write_text("where a folder should be")
    texts.use_folder(tmp_path / "file")
    assert [len(part) for part in texts.take(ROWS, make)] == [2, 1, 3]
    assert texts.counts["read"] == 3
