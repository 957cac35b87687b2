"""Randomness: every generator is derived from (seed, purpose, index), so that no stage depends on another's draws."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


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
