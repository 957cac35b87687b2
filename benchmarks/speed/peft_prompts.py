"""Prompt tuning with PEFT, as its users write it (notebook peft_prompt_tuning_seq2seq, guide to prompt methods).

A `PeftModel` around the same weights (`num_transformer_submodules=1`: an encoder-decoder's prompt is in the encoder),
rows in file order, padded on the right, the logits of the whole vocabulary. Where those let the model take a loss over
that vocabulary, the label words' columns are picked here first, so that both sides compute the same numbers; and a T5
decodes the one position that answers, which is less work than all tokens of a label.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from torch import Tensor

from benchmarks.speed.targets import WORDS
from dawgen.models.load import Backbone


def wrap(backbone: Backbone, prompt: Tensor) -> PeftModel:
    """Return a PEFT model with this prompt [P,H]; it shares the backbone's weights."""
    weights = {id(weight): weight for weight in backbone.model.parameters()}
    config = PromptTuningConfig(
        task_type="SEQ_2_SEQ_LM" if backbone.kind == "seq2seq" else "CAUSAL_LM",
        num_virtual_tokens=len(prompt),
        num_transformer_submodules=1,
    )
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        model = get_peft_model(copy.deepcopy(backbone.model, weights), config)
    model.to(backbone.model.device)
    with torch.no_grad():
        find_prompt(model).copy_(prompt)
    return model


def find_prompt(model: PeftModel, adapter: str = "default") -> Tensor:
    """Return the parameter [P,H] that a PEFT model trains."""
    weight: Tensor = model.prompt_encoder[adapter].embedding.weight
    return weight


def collate(ids: Sequence[Sequence[int]], model: PeftModel, length: int) -> dict[str, Tensor]:
    """Return a batch padded on the right to a length."""
    rows = torch.tensor([[*row, *[0] * (length - len(row))] for row in ids], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in ids], device=model.device)
    return {"input_ids": rows, "attention_mask": mask}


def score(
    model: PeftModel, ids: Sequence[Sequence[int]], length: int | None = None, words: Sequence[int] = WORDS
) -> Tensor:
    """Return the label words' log-probabilities [B,K] in float32 from one forward pass; length: the longest row's."""
    batch: dict[str, Any] = collate(ids, model, length or max(map(len, ids)))
    if model.config.is_encoder_decoder:
        start = torch.full((len(ids), 1), model.config.decoder_start_token_id, device=model.device)
        logits = model(**batch, decoder_input_ids=start).logits[:, -1]
    else:
        last = batch["attention_mask"].sum(1) - 1
        logits = model(**batch).logits
        text = logits.shape[1] - batch["input_ids"].shape[1]  # logits of the prompt's positions come first
        logits = logits[torch.arange(len(ids), device=logits.device), text + last]
    return torch.log_softmax(logits[:, list(words)].float(), -1)
