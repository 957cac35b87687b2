"""Attention while gradients are taken."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

_HALF = (torch.bfloat16, torch.float16)


def ease_attention(model: Any) -> AbstractContextManager[object]:
    """Return the context of forward passes whose gradient is wanted.

    On CPUs PyTorch's fused attention goes back slowly in half precision, a third of a step of SmolLM2 in bfloat16:
    there it computes in float32. Texts of 40 tokens take a quarter of its time then, of 270 four fifths.
    """
    return _InFloat32() if model.dtype in _HALF and model.device.type == "cpu" else nullcontext()


class _InFloat32(TorchFunctionMode):
    """Computes fused attention on half-precision inputs in float32, and gives the result back as they were."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention and args[0].dtype in _HALF:
            wide = [_widen(value) for value in args], {name: _widen(value) for name, value in kwargs.items()}
            return func(*wide[0], **wide[1]).to(args[0].dtype)
        return func(*args, **kwargs)


def _widen(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.dtype in _HALF else value
