"""LoRA (Hu et al. 2022) by PEFT: low-rank updates of the attention's queries and values, template and label words."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dawgen.errors import ConfigError, ModelError
from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec
from dawgen.rng import derive_seed

if TYPE_CHECKING:
    from dawgen.methods.weights.tuned import AdaptedTarget
    from dawgen.models.load import Backbone

# Names of the projections of queries and values; the last ones hold the keys too.
PROJECTIONS = ("q", "v", "q_proj", "v_proj", "Wq", "Wv", "query", "value", "c_attn", "query_key_value", "qkv_proj")
SCALE = 2  # alpha / rank, by which updates are multiplied


def fit_lora(backbone: Backbone, given: Given) -> AdaptedTarget:
    """Train an adapter on a copy of the target; the copy's own weights stay frozen.

    Raises:
        ConfigError: PEFT is not installed. ModelError: no projection of a known name.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    from dawgen.methods.weights.tune import tune
    from dawgen.methods.weights.tuned import AdaptedTarget
    from dawgen.models.fuse import unfuse

    peft = import_peft()
    model = copy.deepcopy(backbone.model)
    unfuse(model)
    found = {
        name.rsplit(".")[-1]: module
        for name, module in model.named_modules()
        if name.rsplit(".")[-1] in PROJECTIONS and isinstance(module, (torch.nn.Linear, Conv1D))
    }
    if not found:
        raise ModelError(
            f"{backbone.name}: expected attention projections called {', '.join(PROJECTIONS)}; found none.\n"
            "Leave the method lora out."
        )
    settings = peft.LoraConfig(
        r=given.baselines.lora_rank,
        lora_alpha=SCALE * given.baselines.lora_rank,
        target_modules=sorted(found),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in found.values()),
    )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(given.seed, "lora start"))
        with warnings.catch_warnings():  # PEFT reads an attribute that transformers is about to rename
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
            adapter = peft.get_peft_model(model, settings)
    model.eval()
    tuned = AdaptedTarget(replace(backbone, model=model), given, adapter)
    tune(tuned, given, lr=given.baselines.lora_lr)
    return tuned


def import_peft() -> Any:
    """Return the module.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ConfigError(
            'method lora: expected the library PEFT; install it with `pip install "dawgen[peft]"`.'
        ) from error
    return peft


def check_peft(_: Given) -> None:
    """Raise ConfigError where PEFT is not installed."""
    import_peft()


SPECS = (
    MethodSpec(
        name="lora",
        fit=fit_lora,
        place=70,
        family="tuned weights",
        trains=("adapter",),
        settings=("lora_lr", "lora_rank"),
        check=check_peft,
    ),
)
