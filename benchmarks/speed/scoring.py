"""Scoring test examples: `Scorer.score` beside a PEFT model that gives the logits of the whole vocabulary.

The alternative takes batches of 32 in file order, all padded to the longest row of the test set, as PEFT's notebooks
pad to a `max_length` that fits the whole set (128 in peft_prompt_tuning_seq2seq), or, at its best, each to the longest
row of its own. Both sides start from token ids.
"""

from typing import Literal, get_args

import torch
from peft import PeftModel
from torch import Tensor

from benchmarks.speed.harness import Result, Setup, compare_rates
from benchmarks.speed.peft_prompts import score, wrap
from benchmarks.speed.targets import Family, draw_lengths, make_prompt, make_rows, make_scorer, make_target, ship
from dawgen.classifier.rows import Rows

BATCH = 32
Padding = Literal["set", "batch"]
FAMILIES: dict[Family, str] = {"t5": "an encoder-decoder (T5)", "llama": "a causal model (Llama)"}


def run(setup: Setup) -> list[Result]:
    """Compare examples per second at lengths of 10 to 120 tokens."""
    return [compare(setup, family, padding) for family in FAMILIES for padding in get_args(Padding)]


def compare(setup: Setup, family: Family, padding: Padding) -> Result:
    """Return one family's line against an alternative that pads to the longest row of the set or of the batch."""
    backbone = make_target(family, "large" if setup.big else "small", device=setup.device, dtype=setup.dtype)
    count, length = (4096, 100) if setup.big else (192, 20)
    rows = make_rows(backbone, draw_lengths(count, 10, 120, "test lengths"), "test rows")
    prompt = make_prompt(backbone, length)
    ours, theirs = make_scorer(ship(backbone)), wrap(backbone, prompt)

    def run_ours() -> float:
        return len(ours.score(rows.ids, prompt))

    ratios = compare_rates(run_ours, lambda: len(score_in_order(theirs, rows, padding)), setup)
    name = f"scoring test examples with {FAMILIES[family]}, {length} prompt tokens"
    against = f"PEFT, full-vocabulary logits, padded to the longest of the {padding}"
    return Result.of(name, against, "examples/s", ratios, target=2.0, side="at least")


@torch.no_grad()
def score_in_order(model: PeftModel, rows: Rows, padding: Padding = "set", *, batch: int = BATCH) -> Tensor:
    """Return label-word log-probabilities [N,K] on the CPU, batch after batch."""
    longest = max(map(len, rows.ids)) if padding == "set" else None
    batches = [rows.ids[start : start + batch] for start in range(0, len(rows.ids), batch)]
    return torch.cat([score(model, ids, longest).cpu() for ids in batches])
