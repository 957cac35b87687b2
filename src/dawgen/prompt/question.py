"""A task's written question as the start of a prompt: its tokens, how many there are, and their embeddings."""

from typing import Any

import torch
from torch import Tensor

from dawgen.config import TargetConfig
from dawgen.errors import ConfigError

SHORTEST, LONGEST = 4, 100  # rows of a prompt whose length is the question's own
USUAL = 20  # rows that `auto` stands for where there is no task yet


def settle_length(config: TargetConfig, tokenizer: Any = None, question: str | None = None) -> TargetConfig:
    """Return the settings with prompt_length as a number: `auto` is how many tokens the question has, 4 to 100.

    It is the same for every `init`, so that prompts of one task can be compared. Without a question it is 20.
    """
    if config.prompt_length != "auto":
        return config
    length = USUAL
    if question is not None:
        ids = encode_question(tokenizer, question, behind=config.placement == "behind")
        length = min(LONGEST, max(SHORTEST, len(ids)))
    return config.model_copy(update={"prompt_length": length})


def start_from_question(
    embedding: Tensor, tokenizer: Any, question: str, length: int, *, behind: bool = False
) -> Tensor:
    """Return the embeddings [length,H] of the question's tokens, in float32.

    embedding: [V,H]. A longer question loses its end: its beginning says what is asked. A shorter one is repeated.
    behind: whether it stands behind the text.

    Raises:
        ConfigError: the tokenizer knows none of its words.
    """
    ids = encode_question(tokenizer, question, behind=behind)
    if not ids:
        raise ConfigError(f"init question: the target's tokenizer knows no word of {question!r:.80}. Set another init.")
    chosen = torch.tensor([ids[place % len(ids)] for place in range(length)], dtype=torch.long)
    return embedding[chosen.to(embedding.device)].detach().float().clone()


def encode_question(tokenizer: Any, question: str, *, behind: bool = False) -> list[int]:
    """Return the question's token ids, and that of a line end where the tokenizer has one: between question and text,
    which follows it, or where it stands behind comes first.

    Special tokens, unknown words among them, are left out.
    """
    text = "\n" + question.strip() if behind else question.strip() + "\n"
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    special = set(tokenizer.all_special_ids)
    return [number for number in ids if number not in special]
