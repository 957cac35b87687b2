"""The alternative to dawgen's generation: `transformers.generate` behind the same prefix, label by label.

The prefix goes in as the cache of keys and values, as the documentation has it for prompts that are used again: left
padding, and an attention mask over cache and row.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from benchmarks.speed.generation_work import Work
from dawgen.models.cache import name_cache
from dawgen.records import Candidate, Example


def write_batched(work: Work, size: int) -> list[Candidate]:
    """Write label by label in batches of `size` texts, those of like length together: they need little padding."""
    ordered = sorted(work.texts, key=lambda text: len(work.writer.codec.encode(text)))
    made: list[Candidate] = []
    for label in range(len(work.writer.labels)):
        for start in range(0, len(ordered), size):
            made += _generate(work, ordered[start : start + size], label)
    return made


def write_singly(work: Work, share: int = 1) -> list[Candidate]:
    """Write label by label, one text at a time, scores kept (FewGen's gen_train_data.py); every `share`-th text."""
    made: list[Candidate] = []
    for label in range(len(work.writer.labels)):
        for text in work.texts[label % share :: share]:
            made += _generate(work, [text], label, output_scores=True, return_dict_in_generate=True)
    return made


def _generate(work: Work, texts: Sequence[str], label: int, **options: Any) -> list[Candidate]:
    writer, codec, prefix = work.writer, work.writer.codec, work.writer.prefix
    rows = [[work.openings[label], *codec.encode(text)[: writer.room], *work.infix] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=prefix.model.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=ids.device)
    output = prefix.model.generate(
        ids,
        attention_mask=torch.cat([prefix.mask[label].expand(len(rows), -1), mask], dim=1),
        max_new_tokens=writer.decode.max_new_tokens,
        do_sample=False,
        eos_token_id=codec.end,
        pad_token_id=0,
        suppress_tokens=codec.banned,
        **{name_cache(prefix.model): _make_cache(work, label, len(rows))},
        **options,
    )
    sequences = (output.sequences if options else output)[:, width:].tolist()
    made = []
    for text, written in zip(texts, sequences, strict=True):
        finished = codec.end in written
        kept = written[: written.index(codec.end)] if finished else written
        example = Example(text, codec.decode(kept), writer.labels[label])
        made.append(Candidate(example, finished, len(kept) + finished))
    return made


def _make_cache(work: Work, label: int, rows: int) -> DynamicCache:
    prefix = work.writer.prefix
    whole = torch.cat([prefix.control, prefix.q["prompt"][label]], dim=-2).to(prefix.model.dtype)
    pairs = [(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)) for keys, values in whole]
    return DynamicCache(pairs, config=prefix.model.config)
