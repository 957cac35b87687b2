"""The state of training, and the file from which a killed training resumes."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from dawgen.files import write_with
from dawgen.prompt.soft_prompt import SoftPrompt


@dataclass
class Trained:
    """The state of training, and at its end the result.

    prompt: [P,H], the best one on the dev set if there is one, else the last. touched: [P], the largest gradient norm
    that each prompt row has seen. best_step: steps done at the best dev result (accuracy, then loss). early: the mean
    loss over `diagnose.watch_third`, of the real rows where there are any. recent: the sum of the losses since the last
    look at the dev set. still: looks since the best accuracy. ended: why training ended before its last step, None
    where it did not. warnings: about the rate.
    """

    prompt: Tensor
    touched: Tensor
    step: int = 0
    best_step: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    best_prompt: Tensor | None = None
    early: float = 0.0
    recent: float = 0.0
    still: int = 0
    ended: str | None = None
    warnings: list[str] = field(default_factory=list)
    surgery_state: Tensor | None = None


_KEPT = (
    "step",
    "touched",
    "best_step",
    "best_accuracy",
    "best_loss",
    "best_prompt",
    "early",
    "recent",
    "still",
    "ended",
    "warnings",
    "surgery_state",
)


def save(path: Path, key: str, state: Trained, soft: SoftPrompt, optimizer: torch.optim.Optimizer) -> None:
    """Write everything that the next step depends on."""
    kept = {name: getattr(state, name) for name in _KEPT}
    whole = {"key": key, "kept": kept, "prompt": soft.state_dict(), "optimizer": optimizer.state_dict()}
    write_with(path, lambda temporary: torch.save(whole, temporary))


def resume(path: Path, key: str, state: Trained, soft: SoftPrompt, optimizer: torch.optim.Optimizer) -> None:
    """Restore the checkpoint if it belongs to this run; one of another run is ignored, and later overwritten."""
    whole = torch.load(path, weights_only=True, map_location=soft.embeddings.device)
    if whole["key"] != key:
        return
    for name in _KEPT:
        if name in whole["kept"]:  # an older version kept less
            setattr(state, name, whole["kept"][name])
    soft.load_state_dict(whole["prompt"])
    optimizer.load_state_dict(whole["optimizer"])
