"""The kernel of attention while gradients are taken."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def choose_kernel(model: Any) -> AbstractContextManager[object]:
    """Return the context of forward passes whose gradient is wanted.

    On CPUs PyTorch's fused kernel goes back slowly in half precision: a third of a step of SmolLM2 in bfloat16. The
    plain one, which computes in float32 then, makes that step 1.4 times as fast. Everywhere else PyTorch chooses.
    """
    half = model.dtype in (torch.bfloat16, torch.float16)
    return sdpa_kernel(SDPBackend.MATH) if half and model.device.type == "cpu" else nullcontext()
