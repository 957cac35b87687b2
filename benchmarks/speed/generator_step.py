"""The generator's tuning step, weighted and aligned: against FewGen's recipe, and against plain prefix tuning.

A CTRL of random weights with three labels and rows of 30 to 70 tokens, text1, infix and text2 together. Batches are
those of FewGen's script, 2 rows (both of one label, so that only alignment reading B has something to compare), and 12
rows (4 per label, reading A). Ours is the step that `tune` runs, with exact token weights at every step.

    python -m benchmarks.speed.generator_step dawgen 12 cpu    peak memory of one side, in bytes
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any, Literal

import torch
from transformers import CTRLConfig, CTRLLMHeadModel

from benchmarks.speed.fewgen_recipe import FewGen
from benchmarks.speed.harness import Result, Setup, compare_costs, compare_rates, peak_rss, run_apart
from dawgen.config import GeneratorConfig
from dawgen.generator.codec import Batch, TokenRow, collate
from dawgen.generator.prefix import Prefix, read_prefix
from dawgen.generator.tune.tuner import Tuner
from dawgen.rng import python_rng

Side = Literal["dawgen", "fewgen"]
Tuning = Tuner | FewGen

LABELS = 3
BATCHES = (2, 12)
# An eighth of CTRL's depth and 3 of its 16 heads, in its proportions: heads of 80, an inner layer of 6.4 widths.
SMALL = {"vocab_size": 16_000, "n_embd": 240, "n_head": 3, "dff": 1536, "n_layer": 6}
BIG = {"vocab_size": 246_534, "n_embd": 1280, "n_head": 16, "dff": 8192, "n_layer": 48}  # Salesforce/ctrl
PROMPTS = [f"Sentence 1 {verb} Sentence 2 . Sentence 1 :" for verb in ("implies", "supplements", "contradicts")]


class Words:
    """Stands in for a tokenizer: a word's id is a function of its letters. The end token is learned, as CTRL's is."""

    learns_end = True

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary

    def start(self) -> list[int]:
        """Return no begin token."""
        return []

    def encode(self, text: str) -> list[int]:
        """Return one id per word."""
        return [int.from_bytes(word.encode(), "big") % self.vocabulary for word in text.split()]

    def encode_prompt(self, prompt: str) -> list[int]:
        """Return the same of a written prompt."""
        return self.encode(prompt)


def make_model(size: dict[str, int], device: str, dtype: torch.dtype) -> Any:
    """Return a frozen CTRL of random weights, the same at every call, made on its device."""
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []), torch.device(device):
        torch.manual_seed(0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = CTRLLMHeadModel(CTRLConfig(**size, tie_word_embeddings=True))
        finally:
            torch.set_default_dtype(before)
    return model.eval().requires_grad_(False)


def make_prefix(model: Any) -> Prefix:
    """Return the prefix of three labels, read from written prompts."""
    words: Any = Words(model.config.vocab_size)
    return read_prefix(model, words, PROMPTS, control_code="Wikipedia", infix="Sentence 2 :")


def draw_rows(count: int, vocabulary: int, seed: int) -> list[TokenRow]:
    """Return `count` rows of 30 to 70 tokens, half of them text2: of all labels in turn, of one label for two rows."""
    rng = python_rng(seed, "benchmark/rows")
    rows = []
    for i in range(count):
        length = rng.randint(30, 70)
        first, second = [[rng.randrange(vocabulary) for _ in range(n)] for n in (length // 2, (length + 1) // 2)]
        label = 0 if count == 2 else i % LABELS
        rows.append(TokenRow(label, (-1, *first, -2, -3, -4), (*second, vocabulary)))
    return rows


def draw_batches(count: int, steps: int, vocabulary: int, device: str) -> list[Batch]:
    """Return one batch of `count` rows per step."""
    return [collate(draw_rows(count, vocabulary, seed), device) for seed in range(steps)]


def configure(count: int, **changes: Any) -> GeneratorConfig:
    """Return the package's settings for a batch, with exact weights at every step unless changed."""
    reading = "B" if count == 2 else "A"
    return GeneratorConfig(**{"kind": "dawgen", "alignment": reading, "weight_every": 1, "steps": 1000} | changes)


def start(side: Side, config: GeneratorConfig, setup: Setup) -> Tuning:
    """Return one side, with a model of its own, ready for its first step."""
    prefix = make_prefix(make_model(BIG if setup.big else SMALL, setup.device, setup.dtype))
    return Tuner(prefix, config) if side == "dawgen" else FewGen(prefix, config)


def repeat(tuning: Tuning, batches: list[Batch]) -> Callable[[], float]:
    """Return the work of one step per batch, in order."""

    def work() -> float:
        for number, batch in enumerate(batches):
            tuning.step(number, batch)
        return len(batches)

    return work


def run(setup: Setup) -> list[Result]:
    """Return the steps per second and the peak memory against FewGen, and the cost against plain prefix tuning."""
    results = []
    for count in BATCHES:
        try:
            results += compare_with_fewgen(count, setup)
        except torch.OutOfMemoryError:
            print(f"batch {count}: FewGen's recipe does not fit into the device's memory, left out", flush=True)
        results += compare_with_plain(count, setup)
    return results


def compare_with_fewgen(count: int, setup: Setup) -> list[Result]:
    """Return the ratios of steps per second and of peak memory."""
    name, vocabulary = name_step(count), (BIG if setup.big else SMALL)["vocab_size"]
    batches = draw_batches(count, 2 if count == 2 else 1, vocabulary, setup.device)
    ours, theirs = start("dawgen", configure(count), setup), start("fewgen", configure(count), setup)
    rates = compare_rates(repeat(ours, batches), repeat(theirs, batches), setup, warm_up=count == 2)
    del ours, theirs
    torch.cuda.empty_cache()  # room for the other processes; nothing happens without a GPU
    sides: tuple[Side, ...] = ("dawgen", "fewgen")
    pairs = [[measure_memory(side, count, setup) for side in sides] for _ in range(setup.pairs)]
    peaks = [own / other for own, other in pairs]
    return [
        Result.of(name, "FewGen's recipe", "steps/s", rates, target=5, side="at least"),
        Result.of(name, "FewGen's recipe", "peak memory", peaks, target=0.5, side="at most"),
    ]


def compare_with_plain(count: int, setup: Setup) -> list[Result]:
    """Return the ratios of cost with token weights learned at every step, and at every fourth, over four steps."""
    batches = draw_batches(count, 4, (BIG if setup.big else SMALL)["vocab_size"], setup.device)
    plain = start("dawgen", configure(count, kind="plain"), setup)
    results = []
    # reading B at every 4th step: the sum of its passes, of which none can be left out (README.md)
    for every, target in ((1, 7), (4, 3.3 if count == 2 else 2.5)):
        ours = start("dawgen", configure(count, weight_every=every), setup)
        ratios = compare_costs(repeat(ours, batches), repeat(plain, batches), setup)
        name = f"{name_step(count)}, weight_every={every}"
        results.append(Result.of(name, "plain prefix tuning", "cost", ratios, target=target, side="at most"))
    return results


def name_step(count: int) -> str:
    """Return how the table names the step on a batch."""
    return f"generator step, batch {count}, alignment {configure(count).alignment}"


def measure_memory(side: Side, count: int, setup: Setup) -> int:
    """Return the peak memory in bytes of one step of one side in a process of its own, models included."""
    size = "big" if setup.big else "small"
    kind = str(setup.dtype).removeprefix("torch.")
    return int(
        run_apart("benchmarks.speed.generator_step", side, str(count), setup.device, size, kind, str(setup.threads))
    )


def main() -> None:
    """Print the peak memory of one side: on a GPU what it holds, else the resident size beyond the libraries'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("dawgen", "fewgen"))
    parser.add_argument("count", type=int, choices=BATCHES)
    parser.add_argument("device")
    parser.add_argument("size", choices=("small", "big"), nargs="?", default="small")
    parser.add_argument("dtype", nargs="?", default="float32")
    parser.add_argument("threads", type=int, nargs="?", default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    setup = Setup(options.device, getattr(torch, options.dtype), options.threads, big=options.size == "big")
    libraries = peak_rss()
    batches = draw_batches(options.count, 1, (BIG if setup.big else SMALL)["vocab_size"], setup.device)
    repeat(start(options.side, configure(options.count), setup), batches)()
    gpu = setup.device.startswith("cuda")
    print(torch.cuda.max_memory_allocated() if gpu else peak_rss() - libraries)


if __name__ == "__main__":
    sys.exit(main())
