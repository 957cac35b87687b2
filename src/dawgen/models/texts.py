"""Texts that a frozen model has read: what it keeps of them is a function of the text, so each is read once.

Kept in memory up to a budget in bytes, the text that was used last the longest; and in a folder where the caller names
one, which several processes may share. Nothing here knows what is kept.
"""

from __future__ import annotations

import hashlib
import shutil
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dawgen.files import write_with

MEMORY = 2**30  # bytes
DISK = 8 * 2**30
LOOK = 64  # files written between two looks at what other processes have added to the folder

Ids = tuple[int, ...]
Read = Callable[[Sequence[Ids]], Sequence[Tensor]]


class ReadTexts:
    """Tensors by token ids.

    model: what names the model and its dtype: files of another one are not found. memory: bytes, at most, that are kept
    in memory; the texts of one call are there together even if they are more.
    """

    def __init__(self, model: str, *, memory: int = MEMORY) -> None:
        self._model, self._memory = model, memory
        self._kept: OrderedDict[Ids, Tensor] = OrderedDict()
        self._bytes = 0
        self._folder: Path | None = None
        self._disk = self._left = self._written = 0
        self.counts = {"read": 0, "memory": 0, "disk": 0}

    def use_folder(self, folder: Path | None, limit: int = DISK) -> None:
        """Keep texts in this folder too, as long as its files have fewer bytes than `limit`; None: no longer.

        A file is whole or absent. Nothing is removed: the folder is the caller's.
        """
        self._folder, self._disk = folder, limit
        self._measure()

    @contextmanager
    def in_folder(self, folder: Path) -> Iterator[None]:
        """Keep texts in this folder too while the block runs; it is removed when the block ends without an error."""
        self.use_folder(folder)
        yield
        self.use_folder(None)
        shutil.rmtree(folder, ignore_errors=True)

    def set_memory(self, memory: int) -> None:
        """Set the bytes that are kept in memory."""
        self._memory = memory
        self._forget()

    def take(self, rows: Sequence[Ids], read: Read) -> list[Tensor]:
        """Return the tensor of each row of token ids; `read` gets those that are not kept, each once."""
        found: dict[Ids, Tensor] = {}
        for row in rows:
            if row not in found and (kept := self._find(row)) is not None:
                found[row] = kept
        missing = [row for row in dict.fromkeys(rows) if row not in found]
        if missing:
            self.counts["read"] += len(missing)
            for row, kept in zip(missing, read(missing), strict=True):
                found[row] = kept
                self._store(row, kept)
        self._forget()
        return [found[row] for row in rows]

    def __len__(self) -> int:
        """Return how many texts are in memory."""
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """How many bytes are in memory."""
        return self._bytes

    def _find(self, row: Ids) -> Tensor | None:
        kept = self._kept.get(row)
        if kept is not None:
            self._kept.move_to_end(row)
            self.counts["memory"] += 1
            return kept
        if self._folder is None:
            return None
        try:
            with safe_open(self._name(row), framework="pt") as file:
                loaded: Tensor = file.get_tensor("kept")
        except (OSError, SafetensorError):  # not there, or damaged: then it is read and written again
            return None
        self.counts["disk"] += 1
        self._remember(row, loaded)
        return loaded

    def _store(self, row: Ids, kept: Tensor) -> None:
        self._remember(row, kept)
        if self._folder is None or kept.nbytes > self._left:
            return
        content: dict[str, Any] = {"kept": kept.cpu().contiguous()}
        try:
            write_with(self._name(row), lambda path: save_file(content, path))
        except (OSError, SafetensorError):  # a full disk: what was computed is still there
            self._left = 0
            return
        self._left -= kept.nbytes
        self._written += 1
        if self._written % LOOK == 0:
            self._measure()

    def _remember(self, row: Ids, kept: Tensor) -> None:
        self._kept[row] = kept
        self._bytes += kept.nbytes

    def _forget(self) -> None:
        while self._kept and self._bytes > self._memory:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _name(self, row: Ids) -> Path:
        assert self._folder is not None
        digest = hashlib.sha256(self._model.encode())
        digest.update(array("q", row).tobytes())
        name = digest.hexdigest()
        return self._folder / name[:2] / f"{name}.safetensors"  # folders of thousands of files are slow to list

    def _measure(self) -> None:
        files = [] if self._folder is None else self._folder.glob("*/*.safetensors")
        self._left = self._disk - sum(path.stat().st_size for path in files)
