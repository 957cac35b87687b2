"""The formulas against what PyTorch counts while the shipped functions run, and against real parameters."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from dawgen.classifier.gradients import differentiate
from dawgen.classifier.names import plant
from dawgen.config import DecodeConfig, GeneratorConfig, RunConfig, TargetConfig
from dawgen.cost.counts import forward, total
from dawgen.cost.probe import Probe, probe_generator, probe_target
from dawgen.cost.shape import Conditioned, Shape, read_shape
from dawgen.cost.stages import list_stages
from dawgen.cost.training import count_evaluation, count_reading, count_training
from dawgen.cost.workload import assume_workload
from dawgen.errors import ModelError
from dawgen.generator.codec import TokenRow
from dawgen.models.texts import ReadTexts
from support.targets import make_scorer, wrap
from support.tiny import CAUSAL, Kind, tiny_model

SHOTS = tuple(
    TokenRow(label, (-1,) * context, (3,) * target)
    for label in range(3)
    for context, target in ((6, 5), (9, 4), (7, 8), (12, 6))
)
TUNED: dict[str, dict[str, Any]] = {
    "plain": {"kind": "plain"},
    "weighted": {"kind": "weighted", "weight_every": 2},
    "dawgen": {"weight_every": 1},
    "seldom": {"weight_every": 4},
    "own loss as input": {"weight_every": 2, "weight_input": "disc_loss"},
    "reading B": {"weight_every": 2, "alignment": "B"},
    "forward mode": {"weight_every": 1, "meta": "jvp"},
}


def make(kind: Kind) -> tuple[Any, Shape]:
    # Eager attention is made of matrix products that PyTorch counts; the fused CPU kernel it does not count.
    model = tiny_model(kind, attn_implementation="eager")
    return model, read_shape(model.config)


def count(probe: Probe) -> int:
    probe.run()
    with FlopCounterMode(display=False) as counter:
        probe.run()
    return int(counter.get_total_flops())


def probe_all(family: Kind, **settings: Any) -> dict[str, Probe]:
    model, shape = make(family)
    config, decoding = GeneratorConfig(**settings), DecodeConfig(contrast=0.5)
    probes = probe_generator(model, Conditioned(shape, 3, 7), [config], decoding, SHOTS, texts=6)
    return {probe.name.split()[0]: probe for probe in probes}


@pytest.mark.parametrize("settings", TUNED.values(), ids=TUNED)
def test_flops_of_a_tuning_step(settings: dict[str, Any]) -> None:
    probe = probe_all("gpt2", **settings)["tuning"]
    assert total(probe.work).flops == pytest.approx(count(probe), rel=0.05)


@pytest.mark.parametrize("kind", CAUSAL)
def test_flops_of_the_generator(kind: Kind) -> None:
    for name, probe in probe_all(kind, weight_every=2).items():
        assert total(probe.work).flops == pytest.approx(count(probe), rel=0.05), name


@pytest.mark.parametrize("kind", ["t5", *CAUSAL])
def test_flops_of_the_target(kind: Kind) -> None:
    model, shape = make(kind)
    config = TargetConfig(prompt_length=5)
    for probe in probe_target(model, shape, config, (11, 17, 14), rows=12):
        assert total(probe.work).flops == pytest.approx(count(probe), rel=0.05), probe.name


@pytest.mark.parametrize("kind", ["t5", *CAUSAL])
def test_weights_are_those_of_the_model(kind: Kind) -> None:
    model, shape = make(kind)
    left_out = ("embed", "wpe", "wte", "shared", "relative", ".w.weight")
    blocks = sum(
        value.numel()
        for name, value in model.named_parameters()
        if value.dim() == 2 and not any(part in name for part in left_out) and "lm_head" not in name
    )
    assert shape.weights == blocks + shape.width * shape.vocabulary


@pytest.mark.parametrize("kind", CAUSAL)
def test_calls_are_those_of_the_model(kind: Kind) -> None:
    model, shape = tiny_model(kind), read_shape(tiny_model(kind).config)
    with torch.no_grad(), Calls() as calls:
        model.base_model(input_ids=torch.ones(2, 5, dtype=torch.long), use_cache=True)
    assert forward(shape, 2, 5, 5).calls == pytest.approx(calls.number, rel=0.25)


def test_a_gated_t5_has_three_matrices() -> None:
    gated = tiny_model("t5", feed_forward_proj="gated-gelu")
    plain = read_shape(tiny_model("t5").config)
    assert read_shape(gated.config).feed_forward_weights == plain.feed_forward_weights * 3 // 2


def test_a_mixture_of_experts_is_refused() -> None:
    config = tiny_model("llama").config
    config.num_experts = 8
    with pytest.raises(ModelError, match="mixture of experts"):
        read_shape(config)


class Calls(TorchDispatchMode):
    """Counts calls into PyTorch's kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_flops_of_names_behind_each_row(kind: Kind) -> None:
    model, shape = make(kind)
    ids = tuple((8 + first, 20 + second, 40) for first in range(4) for second in range(5))
    names, scorer, config = plant(ids).size, make_scorer(wrap(model, "causal"), ids), TargetConfig(prompt_length=6)
    rows, prompt = [[9] * 12] * 4, torch.full((6, shape.width), 0.01)
    with FlopCounterMode(display=False) as counter:
        scorer.score(rows, prompt)
    work = count_evaluation(shape, [12] * 4, config, prompt=6, names=names)
    assert total(work).flops == pytest.approx(counter.get_total_flops(), rel=0.05)
    with FlopCounterMode(display=False) as counter:
        differentiate(scorer, prompt, rows, [0, 3, 9, 19], (4,))
    work = count_training(shape, [12] * 4, config, rows=4, groups=1, names=names)
    assert total(work).flops == pytest.approx(counter.get_total_flops(), rel=0.1)
    alone = count_training(shape, [12] * 4, config, rows=4, groups=1)
    assert total(work).flops > 2 * total(alone).flops


@pytest.mark.parametrize("kind", ["gpt2", "llama", "t5"])
def test_flops_of_a_prompt_behind_kept_texts(kind: Kind) -> None:
    model, shape = make(kind)
    backbone = wrap(model, "seq2seq" if kind == "t5" else "causal")
    scorer = replace(make_scorer(backbone), template="{text1}", placement="behind", texts=ReadTexts("test"))
    config = TargetConfig(prompt_length=6, placement="behind")
    rows, prompt = [[9 + row] * 40 for row in range(4)], torch.full((6, shape.width), 0.01)
    with FlopCounterMode(display=False) as counter:
        scorer.read(rows)
    assert total(count_reading(shape, [40] * 4)).flops == pytest.approx(counter.get_total_flops(), rel=0.1)
    with FlopCounterMode(display=False) as counter:
        scorer.score(rows, prompt)
    work = count_evaluation(shape, [40] * 4, config, prompt=6)
    assert total(work).flops == pytest.approx(counter.get_total_flops(), rel=0.1)
    with FlopCounterMode(display=False) as counter:
        differentiate(scorer, prompt, rows, [0, 1, 2, 0], (4,))
    work = count_training(shape, [40] * 4, config, rows=4, groups=1)
    assert total(work).flops == pytest.approx(counter.get_total_flops(), rel=0.15)
    plain = count_training(shape, [40] * 4, config.model_copy(update={"placement": "before"}), rows=4, groups=1)
    assert total(plain).flops > 3 * total(work).flops


def test_a_run_reads_each_text_once_for_all_methods_and_trains_weights_in_the_old_way() -> None:
    target = TargetConfig(placement="behind", prompt_length=20)
    methods = ("prompt_tuning", "dawgen", "soft_fine_tuning")
    config = RunConfig(task="scenes-nli", shots=16, methods=methods, target=target)
    load = assume_workload(config, labels=3, length=50, test_rows=100, given=300)
    shape = read_shape(tiny_model("llama").config)
    stages = {(stage.group, stage.name): stage for stage in list_stages(config, load, shape, None)}
    before = config.model_copy(update={"target": target.model_copy(update={"placement": "before"})})
    plain = {(stage.group, stage.name): stage for stage in list_stages(before, load, shape, None)}
    # shots, as many dev rows, and the test; then only the set is new
    for name, rows in (("prompt_tuning", 48 + 48 + 100), ("dawgen", 300)):
        wanted = total(count_reading(shape, [60] * rows)).flops
        assert stages[name, "reading"].counts.flops == pytest.approx(wanted)
    for name in ("training", "evaluation"):
        assert stages["dawgen", name].counts.flops < plain["dawgen", name].counts.flops / 2
        assert stages["soft_fine_tuning", name] == plain["soft_fine_tuning", name]
    assert ("soft_fine_tuning", "reading") not in stages
