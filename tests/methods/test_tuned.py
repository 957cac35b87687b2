"""Methods that train weights: what they train, what they leave alone, and that they are functions of data and seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from dawgen.config import BaselineConfig, TargetConfig
from dawgen.errors import DawgenError
from dawgen.methods.fine_tuning import fit_fine_tuning, fit_prompt_fine_tuning, fit_soft_fine_tuning
from dawgen.methods.interface import Given
from dawgen.methods.lora import fit_lora
from dawgen.methods.weights.tuned import TunedTarget
from dawgen.models.fuse import fuse
from dawgen.models.load import Backbone, fingerprint
from support.targets import TARGETS, make_backbone, make_pairs, make_scorer, make_task, wrap
from support.tiny import Kind, tiny_model

FITS: dict[str, Callable[[Backbone, Given], TunedTarget]] = {
    "fine_tuning": fit_fine_tuning,
    "prompt_fine_tuning": fit_prompt_fine_tuning,
    "soft_fine_tuning": fit_soft_fine_tuning,
    "lora": fit_lora,
}

PAIRS = make_pairs(6, 5)


def make_given(steps: int = 6, dev: bool = False, rate: float = 3e-3, **changes: Any) -> Given:
    target = TargetConfig(prompt_length=3, steps=steps, batch_size=8, eval_every=2, weight_decay=0)
    baselines = BaselineConfig(tuning_lr=rate, lora_lr=rate, lora_rank=2)
    values: dict[str, Any] = {
        "task": make_task(),
        "seed": 0,
        "real": make_pairs(12, 1),
        "dev": make_pairs(10, 3) if dev else None,
    }
    return Given(**(values | {"target": target, "baselines": baselines} | changes))


def make_fused(kind: Kind) -> Backbone:
    backbone = wrap(tiny_model(kind), "seq2seq" if kind == "t5" else "causal")
    fuse(backbone.model)
    return backbone


def score(tuned: Any) -> torch.Tensor:
    assert isinstance(tuned, TunedTarget)
    return tuned.score_all(tuned.scorer.render(PAIRS).ids)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", FITS)
def test_training_fits_the_shots_twice_alike_and_leaves_the_backbone_alone(name: str, kind: Kind) -> None:
    backbone = make_fused(kind)
    before, losses = fingerprint(backbone.model, backbone.tokenizer), []
    given = make_given(steps=12, rate=1e-2, log=lambda row: losses.append(row["loss_real"]))
    first = FITS[name](backbone, given)
    assert losses[-1] < losses[0] - 0.02
    state = torch.get_rng_state()
    second = FITS[name](backbone, make_given(steps=12, rate=1e-2))
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(score(first), score(second), rtol=0, atol=0)
    assert fingerprint(backbone.model, backbone.tokenizer) == before
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    assert set(first.predict(PAIRS)) <= {"same", "different"}


def test_what_is_trained_is_counted() -> None:
    backbone = make_backbone()
    weights = sum(parameter.numel() for parameter in backbone.model.parameters())
    counts = {name: fit(backbone, make_given(steps=1)).trainable_ for name, fit in FITS.items()}
    assert counts["fine_tuning"] == weights + 2 * 32 + 2
    assert counts["prompt_fine_tuning"] == weights
    assert counts["soft_fine_tuning"] == weights + 3 * 32
    # rank 2 at q and v, [32,32] each, of 2 encoder layers and of both attentions in 2 decoder layers
    assert counts["lora"] == 2 * (2 + 4) * 2 * (32 + 32)


@pytest.mark.parametrize("name", FITS)
def test_every_trained_tensor_gets_a_gradient(name: str) -> None:
    # fused attentions would read past an adapter; a weight that nothing reads would hide a wrong copy
    largest: dict[int, float] = {}

    def look(optimizer: Any, *_: object) -> None:
        for place, weight in enumerate(optimizer.param_groups[0]["params"]):
            largest[place] = max(largest.get(place, 0.0), float(weight.grad.norm()))

    handle = register_optimizer_step_pre_hook(look)
    try:
        FITS[name](make_fused("t5"), make_given(steps=3, rate=1e-2))
    finally:
        handle.remove()
    # The decoder sees one position: no gradient in its own queries, keys and bias, nor in adapters of its queries.
    # Some kernels leave what rounding left of p (g - sum p g) there, 1e-7 of the largest; the others have 1e-3 of it.
    without = [place for place, norm in largest.items() if norm < 1e-5 * max(largest.values())]
    assert len(without) == {"lora": 4}.get(name, 5)


@pytest.mark.parametrize("name", FITS)
def test_the_best_of_the_dev_set_is_kept(name: str) -> None:
    rows: list[dict[str, Any]] = []
    tuned = FITS[name](make_backbone(), make_given(dev=True, rate=3e-2, log=rows.append))
    looks = [row["dev_accuracy"] for row in rows if "dev_accuracy" in row]
    assert [row["step"] for row in rows if "dev_accuracy" in row] == [2, 4, 6]
    assert tuned.dev_accuracy_ == max(looks)
    dev = make_pairs(10, 3)
    right = sum(a == b.label for a, b in zip(tuned.predict(dev), dev, strict=True))
    assert right / 10 == max(looks)


def test_prompt_fine_tuning_starts_where_zero_shot_is() -> None:
    backbone, given = make_backbone(), make_given(steps=1, rate=1e-9)
    tuned = fit_prompt_fine_tuning(backbone, given)
    scorer = make_scorer(backbone, [82, 12])
    torch.testing.assert_close(score(tuned), scorer.score(scorer.render(PAIRS).ids, torch.empty(0, 32)))


def test_lora_with_unfused_attentions_scores_as_the_fused_model_does() -> None:
    backbone, given = make_fused("t5"), make_given(steps=1, rate=1e-9)
    scorer = make_scorer(backbone, [82, 12])
    wanted = scorer.score(scorer.render(PAIRS).ids, torch.empty(0, 32))
    torch.testing.assert_close(score(fit_lora(backbone, given)), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # of PEFT, on transformers 5
def test_a_saved_adapter_does_what_it_did(tmp_path: Path) -> None:
    from peft import PeftModel

    backbone = make_backbone()
    tuned = fit_lora(backbone, make_given(rate=3e-2))
    tuned.save(tmp_path)
    fresh = tiny_model("t5")
    plain = score(TunedTarget(wrap(fresh), make_given()))
    PeftModel.from_pretrained(fresh, tmp_path / "adapter")
    again = score(TunedTarget(wrap(fresh), make_given()))
    torch.testing.assert_close(again, score(tuned))
    assert not torch.allclose(again, plain, atol=1e-3)


def test_training_that_diverges_is_said() -> None:
    with pytest.raises(DawgenError, match="finite loss"):
        fit_prompt_fine_tuning(make_backbone(), make_given(steps=20, rate=1e20))


def test_long_texts_are_counted_as_cut() -> None:
    given = make_given(steps=1, target=TargetConfig(steps=1, batch_size=4, max_tokens=12))
    tuned = fit_prompt_fine_tuning(make_backbone(), given)
    assert any("cut" in warning for warning in tuned.warnings_)
    whole = fit_prompt_fine_tuning(make_backbone(), make_given(steps=1)).scorer.render(PAIRS)
    assert tuned.count_cut(PAIRS) == sum(len(row) > 12 for row in whole.ids) > 0
