"""The soft prompt [P,H] and how it is joined to a text: in front of the input embeddings, [P;E] of the paper's L_ce."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SoftPrompt(nn.Module):
    """The only thing that is trained: P embeddings of width H, in float32 whatever the backbone's dtype."""

    def __init__(self, start: Tensor) -> None:
        """Take [P,H]; the tensor is copied.

        Raises:
            ValueError: another shape.
        """
        super().__init__()
        if start.dim() != 2:
            raise ValueError(f"expected a prompt [P,H], got {list(start.shape)}")
        self.embeddings = nn.Parameter(start.detach().float().clone())

    def forward(self) -> Tensor:
        """Return the prompt [P,H]."""
        return self.embeddings


def join(prompt: Tensor, prompt_mask: Tensor | None, texts: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Put the prompt in front of each text.

    prompt: [P,H], or [B,P,H] for a prompt of its own in each row. prompt_mask: [B,P], 0 where a shorter prompt is
    padded on its left; None when all are real. texts: [B,T,H], right-padded. mask: [B,T].
    Returns inputs [B,P+T,H] in the texts' dtype and their mask [B,P+T].
    """
    rows = texts.shape[0]
    prompts = prompt.expand(rows, -1, -1) if prompt.dim() == 2 else prompt
    front = mask.new_ones(rows, prompts.shape[1]) if prompt_mask is None else prompt_mask.to(mask)
    return torch.cat([prompts.to(texts), texts], 1), torch.cat([front, mask], 1)


def stack_prompts(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack prompts [P_i,H] of different length into [B,P,H] with a mask [B,P].

    They are padded on the left: padding between prompt and text would shift T5's relative distances.
    """
    longest = max(len(prompt) for prompt in prompts)
    stacked = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=prompts[0].device)
    for row, prompt in enumerate(prompts):
        stacked[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return stacked, mask
