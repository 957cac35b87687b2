"""Randomness: every generator is derived from (seed, purpose, index), so that no stage depends on another's draws."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import torch

T = TypeVar("T")


def derive_seed(seed: int, purpose: str, index: int = 0) -> int:
    """Return a 63-bit seed that is a pure function of (seed, purpose, index)."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def python_rng(seed: int, purpose: str, index: int = 0) -> random.Random:
    """Return a `random.Random` for the purpose."""
    return random.Random(derive_seed(seed, purpose, index))


def numpy_rng(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return a `numpy.random.Generator` for the purpose."""
    import numpy as np

    return np.random.default_rng(derive_seed(seed, purpose, index))


def torch_rng(seed: int, purpose: str, index: int = 0, *, device: str = "cpu") -> torch.Generator:
    """Return a `torch.Generator` for the purpose."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, purpose, index))


def thin(rows: Sequence[T], most: int, seed: int, purpose: str) -> list[T]:
    """Return all rows in their order; if there are more than `most`, a random sample of that many."""
    return list(rows) if len(rows) <= most else python_rng(seed, purpose).sample(list(rows), most)
