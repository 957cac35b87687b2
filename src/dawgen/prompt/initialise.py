"""Initialisation of a soft prompt: each way is a function that returns [P,H] in float32.

The initialisation decides whether a prompt learns (peft's method comparison: 5.7 % from noise, 34.3 % from vocabulary
rows), so the default is real embeddings: label words first, then frequent words (Lester et al. 2021, section 3.2.1).
Large models know more than words: there a written question starts the prompt where zero-shot prompting ends.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dawgen.config import INITS, Placement, TargetConfig
from dawgen.errors import BundleError, ConfigError
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.files import INFO, PROMPT, read_prompt
from dawgen.prompt.bundle.format import BundleInfo, load_bundle
from dawgen.prompt.question import start_from_question
from dawgen.prompt.vocabulary import encode_word, find_frequent
from dawgen.rng import torch_rng

UNIFORM = 0.5  # half-width of the random start (google-research/prompt-tuning)


def start_prompt(
    backbone: Backbone,
    words: Sequence[str],
    config: TargetConfig,
    seed: int,
    init_from: str | Path | Tensor | None = None,
    *,
    question: str = "",
) -> Tensor:
    """Return the initial prompt [P,H]: a given prompt, that of another bundle, or one of the ways of `config.init`.

    words: the label words. question: the task's, for the way of that name. init_from: in place of `config.init`.

    Raises:
        BundleError: a bundle or prompt that is not [prompt_length, width of the model], or is not there.
        ConfigError: a tokenizer that does not know the words of the question, or none at all.
    """
    embedding, tokenizer = backbone.model.get_input_embeddings().weight, backbone.tokenizer
    length, width, generator = config.length, embedding.shape[1], torch_rng(seed, "prompt start")
    if isinstance(init_from, Tensor):
        return _check_shape(init_from, length, width, "init_from")
    if init_from is not None and not isinstance(init_from, (str, Path)):
        raise ConfigError(f"init_from: expected a folder or a tensor [P,H], got {type(init_from).__name__}.")
    if init_from is None and config.init not in INITS:
        init_from = config.init
    if init_from is not None:
        return start_from_file(Path(init_from), length, width, config.placement)
    if config.init == "question":
        return start_from_question(embedding, tokenizer, question, length, behind=config.placement == "behind")
    if config.init == "random":
        # in the units of the rate: an absolute 0.5 is a third of mini-t5's embeddings and four times SmolLM2's
        return start_at_random(length, width, generator, 1.0 if config.lr is not None else backbone.unit)
    if config.init == "vocabulary":
        return start_from_vocabulary(embedding, tokenizer, length, generator)
    return start_from_words(embedding, tokenizer, words, length, generator)


def start_from_words(
    embedding: Tensor, tokenizer: Any, words: Sequence[str], length: int, generator: torch.Generator
) -> Tensor:
    """Return the words' embeddings, the mean of its pieces for each, then a sample of the frequent vocabulary.

    embedding: [V,H]. Words beyond `length` are left out.
    """
    rows = [embedding[encode_word(tokenizer, word)].detach().float().mean(0) for word in words[:length]]
    rest = start_from_vocabulary(embedding, tokenizer, length - len(rows), generator)
    return torch.cat([torch.stack(rows), rest]) if rows else rest


def start_from_vocabulary(embedding: Tensor, tokenizer: Any, length: int, generator: torch.Generator) -> Tensor:
    """Return the embeddings of frequent words drawn without replacement (again from all once they are used up)."""
    pool = torch.tensor(list(find_frequent(tokenizer)), dtype=torch.long)
    if not len(pool):
        raise ConfigError("expected a tokenizer with whole words, found none: set init to random.")
    draws = [torch.randperm(len(pool), generator=generator) for _ in range(-(-length // len(pool)))]
    order = torch.cat(draws)[:length] if draws else torch.empty(0, dtype=torch.long)
    return embedding[pool[order].to(embedding.device)].detach().float().clone()


def start_at_random(length: int, width: int, generator: torch.Generator, unit: float = 1.0) -> Tensor:
    """Return numbers drawn evenly from [-0.5 u, 0.5 u); with u = 1 as google's prompt tuning does, never a normal
    distribution."""
    return (torch.rand(length, width, generator=generator) * 2 - 1) * UNIFORM * unit


def start_from_file(path: Path, length: int, width: int, placement: Placement | None = None) -> Tensor:
    """Return the prompt of another bundle (SPoT, Vu et al. 2022); `path` is its folder or its prompt.safetensors.

    placement: where it has to stand; None does not ask.

    Raises:
        BundleError: the file is missing, damaged, or its prompt is not [length, width] or stands elsewhere.
    """
    if (path / INFO).exists():
        prompt, info = load_bundle(path)
        check_moved(info, placement, str(path))
        return _check_shape(prompt, length, width, str(path))
    file = path / PROMPT if path.is_dir() else path
    return _check_shape(read_prompt(file), length, width, str(file))


def check_moved(info: BundleInfo, placement: Placement | None, where: str) -> None:
    """Raise BundleError where a bundle's prompt stands elsewhere than one that starts from it would."""
    if placement not in (None, info.settings.placement):
        raise BundleError(
            f"{where}: expected a prompt {placement} the text, this one was trained {info.settings.placement} it.\n"
            f"Set target.placement to {info.settings.placement}, or start from another one."
        )


def _check_shape(prompt: Tensor, length: int, width: int, where: str) -> Tensor:
    if tuple(prompt.shape) != (length, width):
        raise BundleError(
            f"{where}: expected a prompt of shape [{length}, {width}], got {list(prompt.shape)}.\n"
            "Set prompt_length to its length, and use the model that it was trained on."
        )
    return prompt.detach().float()
