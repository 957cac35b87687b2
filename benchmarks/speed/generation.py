"""Writing synthetic pairs: dawgen's shards of mixed labels against `transformers.generate`, batched and one by one.

All sides write the same texts: same weights, same prefix, greedy, no contrast. Kept means finished by the end token and
not empty. The model is a CTRL of random weights; first texts have 5 to 40 tokens, and those that it writes end after 1
to 50 (FewGen's bound), 20 on average, for which its end token's output bias is set (`spread_ends`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from benchmarks.speed.generation_peers import write_batched, write_singly
from benchmarks.speed.generation_work import END, Work, make_work
from benchmarks.speed.generator_step import BIG, SMALL
from benchmarks.speed.harness import Result, Setup, compare_rates, time_rate
from dawgen.generator.write.quotas import FinishedOnly
from dawgen.records import Candidate

# Both sides at their best: `generate` with the fastest of these batches, dawgen with shards of so many first texts.
BATCHES, SHARD_TEXTS = (16, 32, 64), 64
BIG_BATCHES, BIG_SHARD_TEXTS = (32, 64, 128, 255), 85  # 85 texts under 3 labels: 255 rows
SHARE = 3  # one by one, every text is written under one label only: the rate is the same, the wait is not
UNIT = "kept examples/s"


def run(setup: Setup) -> list[Result]:
    """Return the ratios of kept examples per second and, for a big model, the share of the memory bandwidth."""
    size, shard_texts = (BIG, BIG_SHARD_TEXTS) if setup.big else (SMALL, SHARD_TEXTS)
    texts = shard_texts * (3 if setup.big else 1)
    work = make_work(size, setup.device, setup.dtype, texts=texts, shard_texts=shard_texts)
    results = compare(work, BIG_BATCHES if setup.big else BATCHES, setup)
    if setup.big:
        shares = [measure_bandwidth(work, setup.device) for _ in range(setup.pairs)]
        unit = "share of the rate of a copy"
        results.append(Result.of("decoding", "memory bandwidth", unit, shares, target=0.5, side="at least"))
    return results


def compare(work: Work, batches: Sequence[int], setup: Setup) -> list[Result]:
    """Return the ratios to `generate` in its fastest batch, and one by one."""
    works = {size: partial(_write_kept, work, size) for size in batches}
    works[batches[0]]()  # warms up
    best = max(batches, key=lambda size: time_rate(works[size], setup.device))
    together = compare_rates(lambda: count_kept(write_shards(work)), works[best], setup)
    alone = compare_rates(lambda: count_kept(write_shards(work)), lambda: count_kept(write_singly(work, SHARE)), setup)
    return [
        Result.of(
            "generation", f"`generate`, {best} texts of a label at once", UNIT, together, target=2, side="at least"
        ),
        Result.of("generation", "`generate`, one text at a time (FewGen)", UNIT, alone, target=10, side="at least"),
    ]


def write_shards(work: Work) -> list[Candidate]:
    """Write every text under every label as `Generator.generate` does it, shard by shard."""
    made: list[Candidate] = []
    size = work.writer.decode.shard_texts
    for start in range(0, len(work.texts), size):
        made += work.writer.write(start // size, work.texts[start : start + size], work.writer.labels)
    return made


def count_kept(candidates: Sequence[Candidate]) -> int:
    """Return how many texts were finished and are not empty."""
    return sum(verdict.kept for verdict in FinishedOnly().judge(candidates))


def measure_bandwidth(work: Work, device: str, *, steps: tuple[int, int] = (10, 50), copied: int = 2**30) -> float:
    """Return the bytes per second that decoding has to read, by those that a copy of `copied` bytes moves.

    A step reads the weights, but for the input embeddings, and the keys and values of all tokens so far. The rows of
    one shard never end here; the time of the steps is that of long texts less that of short ones.
    """
    short, long = steps
    writer, prefix = work.writer, work.writer.prefix
    model, texts = prefix.model, work.texts[: writer.decode.shard_texts]
    bias = model.lm_head.bias[END].clone()
    model.lm_head.bias[END] = -torch.inf
    for count in (long, short):  # the device's memory is set aside, its graphs are recorded
        _time_texts(work, texts, count, device)
    seconds = _time_texts(work, texts, long, device) - _time_texts(work, texts, short, device)
    model.lm_head.bias[END] = bias
    weights = sum(weight.numel() for weight in model.parameters()) - model.get_input_embeddings().weight.numel()
    per_token = prefix.q["prompt"][0, :, :, :, 0].numel()
    lengths = [prefix.length + 1 + len(writer.codec.encode(text)) + writer.infix for text in texts]
    tokens = len(writer.labels) * sum(length + (short + long) / 2 for length in lengths)
    needed = (weights + per_token * tokens) * model.dtype.itemsize * (long - short)
    return needed / seconds / measure_copy_rate(device, copied)


def measure_copy_rate(device: str, size: int) -> float:
    """Return the bytes per second that are read and written in copying `size` bytes ten times."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    goal = torch.empty_like(source)

    def copy() -> float:
        for _ in range(10):
            goal.copy_(source)
        return 20.0 * size

    time_rate(copy, device)
    return time_rate(copy, device)


def _write_kept(work: Work, size: int) -> int:
    return count_kept(write_batched(work, size))


def _time_texts(work: Work, texts: Sequence[str], tokens: int, device: str) -> float:
    decode = work.writer.decode.model_copy(update={"max_new_tokens": tokens})
    writer = replace(work.writer, decode=decode)  # with the same memory
    return 1 / time_rate(lambda: bool(writer.write(0, texts, writer.labels)), device)
