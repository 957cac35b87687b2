"""The soft prompt [P,H] and how it is joined to a text: in front of the input embeddings, [P;E] of the paper's L_ce."""

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


def join(prompt: Tensor, texts: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Put the prompt in front of each text.

    prompt: [P,H], or [B,P,H] for a prompt of its own in each row. texts: [B,T,H], right-padded. mask: [B,T].
    Returns inputs [B,P+T,H] in the texts' dtype and their mask [B,P+T].
    """
    rows = texts.shape[0]
    prompts = prompt.expand(rows, -1, -1) if prompt.dim() == 2 else prompt
    return torch.cat([prompts.to(texts), texts], 1), torch.cat([mask.new_ones(rows, prompts.shape[1]), mask], 1)
