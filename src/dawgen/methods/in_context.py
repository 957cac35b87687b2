"""In-context learning: answered examples before each question, as many as fit into the model's window.

In front of them stands the task's own question where prompts start from it (`target.init: question`). In a chat model
each is a turn of the user with the assistant's answer.

Calibrated (Zhao et al. 2021, "Calibrate before use", section 5): log p(y | x) - log p_cf(y), where p_cf is the mean
answer to texts without content after the same examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dawgen.methods.interface import Given, Untrained, make_empty_prompt, write_question
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from dawgen.classifier.scorer import Scorer
    from dawgen.models.load import Backbone

WINDOWS = {"seq2seq": 512, "causal": 2048}  # most tokens of one input; T5 was trained with 512
CONTENT_FREE = ("N/A", "", "[MASK]")  # the three of the paper


def fit_in_context(backbone: Backbone, given: Given, *, calibrate: bool = False) -> Untrained:
    """Return the classifier that prompts the target with the few shots."""
    from dawgen.classifier.scorer import Scorer

    config = given.target.model_copy(update={"placement": "before"})  # the question stands in front of shots and text
    prompt = write_question(backbone, given.task, config)
    scorer = Scorer.of(backbone, given.task, config, prompt_length=len(prompt))
    return Untrained(
        given.task.labels,
        lambda rows: predict_in_context(
            scorer, given.task, given.real, rows, seed=given.seed, calibrate=calibrate, prompt=prompt
        ),
    )


def predict_in_context(
    scorer: Scorer,
    task: Task,
    shots: Sequence[Example],
    examples: Sequence[Example],
    *,
    seed: int,
    calibrate: bool = False,
    prompt: Tensor | None = None,
) -> NDArray[np.float32]:
    """Return label log-probabilities [N,K] in the task's label order.

    Before each example come whole rounds of one shot per label, in an order drawn from the seed, as many as fit.
    calibrate: divide by the probabilities of texts without content after as many rounds. prompt: [P,H] in front of it
    all, None for none.
    """
    import numpy as np

    from dawgen.prompt.template import limit_tokens

    backbone = scorer.backbone
    front = make_empty_prompt(backbone) if prompt is None else prompt
    limit = limit_tokens(backbone, WINDOWS[backbone.kind], len(scorer.front) + len(front), scorer.words.inputs)
    answered = write_answered(scorer, task, shots, seed)
    questions = scorer.render(examples).ids
    counts = [_count_fitting(answered, limit - len(row)) for row in questions]
    rows = [_put_in_front(answered[:count], row, scorer) for count, row in zip(counts, questions, strict=True)]
    scores = np.asarray(scorer.score(rows, front).numpy(), dtype=np.float32)
    if not calibrate:
        return scores
    contentless = scorer.render([Example(text, text if task.pair else None) for text in CONTENT_FREE]).ids
    for count in set(counts):  # long texts leave room for fewer shots, whose bias differs
        behind = [_put_in_front(answered[:count], row, scorer) for row in contentless]
        pull = scorer.score(behind, front).double().exp().mean(0).log().float().numpy()
        scores[np.array(counts) == count] -= pull
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def write_answered(scorer: Scorer, task: Task, shots: Sequence[Example], seed: int) -> list[list[int]]:
    """Return token ids of balanced rounds: each holds one answered shot of every label, shuffled.

    In a chat template a shot ends where the user's next turn begins.
    """
    from dawgen.models.chat import find_turn

    rng = python_rng(seed, "in-context shots")
    tokenizer, chat = scorer.backbone.tokenizer, scorer.chat
    turn = tokenizer(find_turn(tokenizer), add_special_tokens=False)["input_ids"] if chat.closing else []
    lines: list[list[list[int]]] = []
    for label, word, answer in zip(task.labels, scorer.words.words, scorer.words.ids, strict=True):
        own = [shot for shot in shots if shot.label == label]
        rng.shuffle(own)
        if chat.closing:
            lines.append([[*row, *answer, *turn] for row in scorer.render(own).ids])
            continue
        body = task.template if "{mask}" in task.template else task.template + " {mask}"
        template = body.replace("{mask}", word)
        ids = replace(scorer, template=template).render(own).ids
        lines.append([_strip_end(row, scorer.backbone) for row in ids])
    rounds: list[list[int]] = []
    for line in zip(*lines, strict=False):  # as many rounds as the rarest label has shots
        order = list(line)
        rng.shuffle(order)
        rounds.append([token for row in order for token in row])
    return rounds


def _strip_end(row: list[int], backbone: Backbone) -> list[int]:
    """Remove begin and end tokens from a shot, since more text follows; add a line end if the tokenizer has one."""
    ends = (backbone.tokenizer.bos_token_id, backbone.tokenizer.eos_token_id)
    newline = backbone.tokenizer("\n", add_special_tokens=False)["input_ids"]
    unknown = backbone.tokenizer.unk_token_id
    return [token for token in row if token not in ends] + [token for token in newline if token not in (*ends, unknown)]


def _count_fitting(rounds: Sequence[Sequence[int]], room: int) -> int:
    """Return how many rounds fit into so many tokens."""
    for count, tokens in enumerate(rounds):
        room -= len(tokens)
        if room < 0:
            return count
    return len(rounds)


def _put_in_front(rounds: Sequence[Sequence[int]], row: list[int], scorer: Scorer) -> list[int]:
    """Join shots and question after the question's begin token, if there is one."""
    begins = int(not scorer.front and bool(row) and row[0] == scorer.backbone.tokenizer.bos_token_id)
    return [*row[:begins], *(token for tokens in rounds for token in tokens), *row[begins:]]


SPECS = tuple(
    MethodSpec(name=name, fit=fit, place=place, family="without training", trains=(), schedule=None)
    for name, fit, place in (
        ("in_context", fit_in_context, 20),
        ("in_context_calibrated", partial(fit_in_context, calibrate=True), 30),
    )
)
