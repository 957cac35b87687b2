"""Peak memory: what autograd keeps, counted tensor by tensor, and what a fresh process comes to hold."""

import json
import subprocess
import sys
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.speed.memory_model import CASES, predict
from dawgen.config import DecodeConfig, GeneratorConfig, TargetConfig
from dawgen.cost import memory
from dawgen.cost.probe import probe_generator, probe_target
from dawgen.cost.shape import Conditioned, read_shape
from dawgen.generator.codec import TokenRow
from support.tiny import CAUSAL, Kind, tiny_model

ROOT = Path(__file__).parents[2]
LABELS, PREFIX = 3, 7
SHOTS = tuple(
    TokenRow(label, (-1,) * context, (3,) * target)
    for label in range(LABELS)
    for context, target in ((6, 5), (9, 4), (7, 8), (12, 6))
)
WIDE: dict[Kind, dict[str, int]] = {
    "ctrl": {"n_embd": 96, "dff": 384, "n_head": 4},
    "gpt2": {"n_embd": 96, "n_head": 4},
    "llama": {"hidden_size": 96, "intermediate_size": 256, "num_attention_heads": 4},
    "qwen3": {"hidden_size": 96, "intermediate_size": 256},
    "t5": {"d_model": 96, "d_kv": 24, "d_ff": 384, "num_layers": 4, "num_decoder_layers": 1},
}


class Kept:
    """A tensor that a graph keeps, as long as it keeps it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def count_kept(work: Any, model: Any) -> int:
    """Return the most bytes that graphs keep at a time: of storages other than the model's own weights.

    What is freed is taken off: whether a later step gets the same addresses again is the allocator's affair.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    holders: Counter[int] = Counter()
    held, most = 0, 0

    def drop(address: int, size: int) -> None:
        nonlocal held
        holders[address] -= 1
        held -= 0 if holders[address] else size

    def pack(tensor: torch.Tensor) -> Kept:
        nonlocal held, most
        kept, storage = Kept(tensor), tensor.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        if address not in own:
            held += 0 if holders[address] else size
            holders[address] += 1
            most = max(most, held)
            weakref.finalize(kept, drop, address, size)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        work()
    return most


@pytest.mark.parametrize("kind", CAUSAL)
def test_what_tuning_keeps_for_its_backward(kind: Kind) -> None:
    model = tiny_model(kind, **WIDE[kind])
    shape, config = read_shape(model.config), GeneratorConfig(kind="plain")
    probe = probe_generator(model, Conditioned(shape, LABELS, PREFIX), [config], DecodeConfig(), SHOTS, texts=4)[0]
    tokens = max(len(row.context) + len(row.target) for row in SHOTS) - 1
    expected = memory.keep(shape, 2 * LABELS, tokens, PREFIX + tokens)
    assert 1 / 1.25 < expected / count_kept(probe.run, model) < 1.25


def test_what_prompt_training_keeps_for_its_backward() -> None:
    model = tiny_model("t5", **WIDE["t5"])
    shape, config = read_shape(model.config), TargetConfig(prompt_length=5)
    probe = probe_target(model, shape, config, (16,), rows=12)[0]
    assert 1 / 1.25 < memory.keep(shape, 12, 21, 21) / count_kept(probe.run, model) < 1.25


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"rows": 200}, True),
        ({"contexts": (40, 50)}, True),
        ({"written": (30.0, 60.0)}, True),
        ({"labels": 5}, True),
        ({"contrast": 0.0}, False),
    ],
    ids=str,
)
def test_writing_holds_more_of_longer_and_more_texts(changes: dict[str, Any], more: bool) -> None:
    shape = read_shape(tiny_model("gpt2").config)
    given: dict[str, Any] = {"rows": 96, "contexts": (10, 20), "written": (8.0, 16.0), "labels": 3, "contrast": 0.5}

    def hold(**values: Any) -> float:
        decode = DecodeConfig(contrast=values.pop("contrast"))
        at = Conditioned(shape, values.pop("labels"), 7)
        return memory.hold_writing(at, values.pop("contexts"), values.pop("written"), decode, **values)

    assert (hold(**given | changes) > hold(**given)) is more


def test_a_weighted_step_holds_what_all_labels_keep_and_an_untuned_one_nothing() -> None:
    shape = read_shape(tiny_model("ctrl").config)
    held = {
        kind: memory.hold_tuning(Conditioned(shape, LABELS, PREFIX), SHOTS, GeneratorConfig(kind=kind))
        for kind in ("untuned", "plain", "weighted", "dawgen")
    }
    assert held["untuned"] == 0
    assert held["weighted"] == held["dawgen"] > 2 * held["plain"]


def test_training_all_weights_holds_an_optimiser() -> None:
    shape = read_shape(tiny_model("t5").config)
    sizes: dict[str, Any] = {"rows": 8}
    prompt = memory.hold_training(shape, (10, 20), TargetConfig(), **sizes)
    tuned = memory.hold_training(shape, (10, 20), TargetConfig(), weights=True, **sizes)
    assert tuned - prompt == pytest.approx(4 * memory.weigh(shape))


def test_half_precision_halves_what_is_held() -> None:
    config = tiny_model("llama").config
    full, half = (read_shape(config, item=item) for item in (4, 2))
    assert memory.keep(half, 4, 10, 12) * 2 == memory.keep(full, 4, 10, 12)
    assert memory.weigh(half) * 2 == memory.weigh(full)


def test_weights_are_those_of_the_model() -> None:
    for kind in (*CAUSAL, "t5"):
        model = tiny_model(kind, **WIDE[kind])
        found = sum(parameter.nbytes for parameter in model.parameters())
        assert memory.weigh(read_shape(model.config)) == pytest.approx(found, rel=0.1), kind


@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a process's largest size")
def test_a_fresh_process_holds_what_the_formula_says() -> None:
    command = [sys.executable, "-m", "benchmarks.speed.memory_model", "--case", "T5 small", "evaluation"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    predicted = predict(CASES["T5 small"].make(), "evaluation")
    assert 1 / 1.5 < predicted / json.loads(done.stdout) < 1.5
