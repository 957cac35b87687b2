"""Golden outputs: label log-probabilities on fixed sentences, computed when a bundle is saved and when it is loaded.

They notice whatever the digests do not: other versions of libraries, another way to render or to score. They are the
scores as the model gives them, before a temperature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dawgen.config import Dtype
from dawgen.errors import BundleError
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.prompt.bundle.format import BundleInfo

TOLERANCE: dict[Dtype, float] = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}  # nats, largest difference
SENTENCES = (
    ("A child is reading a book in the garden.", "Someone is reading outside."),
    ("Two dogs are sleeping near the door.", "The dogs are running across a field."),
    ("The old bridge was closed for a week.", "A new road opens in the spring."),
    ("Why is the sky blue in the morning?", "The man at the market sells apples, bread and fish."),
)


def golden_examples(pair: bool) -> list[Example]:
    """Return the sentences of the golden outputs: dawgen's own, never a user's."""
    return [Example(first, second if pair else None) for first, second in SENTENCES]


def check_golden(info: BundleInfo, outputs: Tensor, dtype: Dtype) -> None:
    """Compare label log-probabilities [4,K] of `golden_examples` with those of the bundle.

    Raises:
        BundleError: they differ by more than the tolerance of the looser of both dtypes.
    """
    wanted = torch.tensor(info.golden, dtype=torch.float64)
    if wanted.shape != outputs.shape:
        raise BundleError(f"golden outputs: expected {list(outputs.shape)}, the bundle has {list(wanted.shape)}.")
    limit = max(TOLERANCE[dtype], TOLERANCE[info.dtype])
    difference = float((wanted - outputs.double().cpu()).abs().max())
    if not difference <= limit:  # also true for NaN
        raise BundleError(
            f"golden outputs differ by {difference:.2g} (at most {limit:g} expected): model, prompt and template do "
            "not compute what they did when the bundle was saved.\n"
            "Check the model's files, dtype, and the versions of torch and transformers."
        )
