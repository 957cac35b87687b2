"""What loading a model may run: nothing but dawgen and transformers, unless the user trusts the model by its name.

A model folder can bring code twice: as Python files that its `auto_map` points at, and as pickled weights
(`pytorch_model.bin`), which rebuild themselves by calling functions. dawgen reads safetensors and runs no code of a
model, except of those named in the environment variable DAWGEN_TRUST. It is a variable and not a setting, so that no
configuration file, bundle or request can turn it on: only the person who starts the process can.
"""

import os
from pathlib import Path
from typing import Any

from transformers.utils import find_adapter_config_file

from dawgen.errors import ModelError

TRUST = "DAWGEN_TRUST"  # names, separated by commas


def is_trusted(name: str) -> bool:
    """Return whether DAWGEN_TRUST has the model's name, written as it is given to dawgen."""
    return name in [listed.strip() for listed in os.environ.get(TRUST, "").split(",") if listed.strip()]


def code_options(name: str) -> dict[str, Any]:
    """Return the options of `from_pretrained` for a config or tokenizer. Without them transformers asks on stdin."""
    return {"trust_remote_code": is_trusted(name)}


def weight_options(name: str) -> dict[str, Any]:
    """Return the options of `from_pretrained` for a model: safetensors only, where the name is not trusted."""
    return code_options(name) | {"use_safetensors": None if is_trusted(name) else True}


def check_source(name: str, source: str, config: Any) -> None:
    """Refuse what transformers would load beside the model itself.

    Raises:
        ModelError: a PEFT adapter, whose weights are read as pickles too and whose file names another base; or an
            attention kernel from the hub, which is code, of a model that is not trusted.
    """
    if find_adapter_config_file(source) is not None:
        raise ModelError(
            f"{name}: expected a whole model, found a PEFT adapter (adapter_config.json).\n"
            "Name its base model, or merge the adapter into its weights. A soft prompt: `dawgen import`."
        )
    kernel = str(getattr(config, "_attn_implementation", None) or "")
    if "/" in kernel and not is_trusted(name):
        raise ModelError(
            f"{name}: its config asks for attention code from the hub ({kernel[:80]!r}), which dawgen does not run.\n"
            f"Remove attn_implementation from its config.json, or trust it by name: {TRUST}={name}"
        )


def advise(name: str, source: str, error: Exception) -> str | None:
    """Return the advice for a load that failed because the model is not trusted; None if that is not the reason."""
    if is_trusted(name):
        return None
    text, files = str(error), [path.name for path in Path(source).glob("*")] if os.path.isdir(source) else []
    if "trust_remote_code" in text or "custom code" in text:
        return f"It needs code of its author, which dawgen does not run. If you have read it: {TRUST}={name}"
    pickled = any(file.endswith((".bin", ".pt", ".pth")) for file in files)
    whole = any(file.endswith(".safetensors") for file in files)
    if (pickled and not whole) or "cannot be loaded with `safetensors`" in text:
        return (
            "Its weights are pickled, and a pickle can run code: take a copy in safetensors. If you trust its author: "
            f"{TRUST}={name}"
        )
    return None
