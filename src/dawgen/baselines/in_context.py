"""In-context learning: answered examples in front of each question, as many as the model's window takes."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dawgen.backbones.load import Backbone
from dawgen.config import TargetConfig
from dawgen.prompt.label_words import resolve_label_words
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.target.score import score_rows
from dawgen.tasks.task import Task

DEFAULT = TargetConfig()
WINDOWS = {"seq2seq": 512, "causal": 2048}  # most tokens of one input; T5 was trained with 512


def predict_in_context(
    backbone: Backbone,
    task: Task,
    shots: Sequence[Example],
    examples: Sequence[Example],
    *,
    seed: int,
    config: TargetConfig = DEFAULT,
) -> NDArray[np.float32]:
    """Return label log-probabilities [N,K] in the task's label order.

    In front of each example stand whole rounds of one shot per label, in an order drawn from the seed, as many as fit.
    """
    words = resolve_label_words(backbone.tokenizer, task.labels, task.label_words)
    limit = limit_tokens(backbone, WINDOWS[backbone.kind], 0)
    short = limit_tokens(backbone, config.max_tokens, 0)
    rows = render(examples, template=task.template, backbone=backbone, max_tokens=short).ids
    answered = write_answered(backbone, task, shots, words.words, short, seed)
    rows = [_put_in_front(_fit(answered, limit - len(row)), row, backbone) for row in rows]
    empty = torch.empty(0, backbone.model.get_input_embeddings().weight.shape[1], device=backbone.model.device)
    scores = score_rows(backbone, rows, words.ids, empty, decoder_sentinel=config.decoder_sentinel)
    return np.asarray(scores.numpy(), dtype=np.float32)


def write_answered(
    backbone: Backbone, task: Task, shots: Sequence[Example], words: Sequence[str], max_tokens: int, seed: int
) -> list[list[int]]:
    """Return token ids of balanced rounds: each holds one answered shot of every label, shuffled."""
    rng = python_rng(seed, "in-context shots")
    lines: list[list[list[int]]] = []
    for label, word in zip(task.labels, words, strict=True):
        own = [shot for shot in shots if shot.label == label]
        rng.shuffle(own)
        body = task.template if "{mask}" in task.template else task.template + " {mask}"
        template = body.replace("{mask}", word)
        ids = render(own, template=template, backbone=backbone, max_tokens=max_tokens).ids
        lines.append([_strip_end(row, backbone) for row in ids])
    rounds: list[list[int]] = []
    for line in zip(*lines, strict=False):  # as many rounds as the rarest label has shots
        order = list(line)
        rng.shuffle(order)
        rounds.append([token for row in order for token in row])
    return rounds


def _strip_end(row: list[int], backbone: Backbone) -> list[int]:
    """Take begin and end tokens from a shot, since the text goes on; end its line where the tokenizer has line ends."""
    ends = (backbone.tokenizer.bos_token_id, backbone.tokenizer.eos_token_id)
    newline = backbone.tokenizer("\n", add_special_tokens=False)["input_ids"]
    unknown = backbone.tokenizer.unk_token_id
    return [token for token in row if token not in ends] + [token for token in newline if token not in (*ends, unknown)]


def _fit(rounds: Sequence[Sequence[int]], room: int) -> list[int]:
    front: list[int] = []
    for tokens in rounds:
        if len(front) + len(tokens) > room:
            break
        front += tokens
    return front


def _put_in_front(front: list[int], row: list[int], backbone: Backbone) -> list[int]:
    """Join shots and question behind the question's begin token, where there is one."""
    begins = int(bool(row) and row[0] == backbone.tokenizer.bos_token_id)
    return [*row[:begins], *front, *row[begins:]]
