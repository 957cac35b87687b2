"""Named sets of settings, for models of a kind; `--preset` puts one over the defaults."""

from typing import Final

# Published checkpoints of T5 keep the rate that was published for them: (optima) 0.3 with Adafactor.
PRESETS: Final[dict[str, dict[str, object]]] = {
    "mini": {},
    "small": {
        "generator": {"model": "gpt2"},
        "target": {"model": "google/flan-t5-base", "prompt_length": 100, "steps": 400, "lr": 0.3},
    },
    "paper": {
        "per_label": 1000,
        "generator": {
            "model": "Salesforce/ctrl",
            "steps": 480,
            "weight_every": 1,
            "weight_lr": 1e-2,
            "dist_weight": 1.0,
            "dtype": "bfloat16",
        },
        "decode": {"strategy": "greedy", "contrast": 0.0},
        "target": {
            "model": "google/flan-t5-large",
            "prompt_length": 100,
            "placement": "before",
            "steps": 400,
            "lr": 0.3,
            "epsilon": 1.0,
            "patience": 0,
            "dtype": "bfloat16",
        },
    },
    "smollm2": {
        "per_label": 100,
        "generator": {"model": "smollm2"},
        "target": {
            "model": "smollm2",
            "init": "question",
            "prompt_length": "auto",
            "chat": False,
            "batch_size": 8,
            "steps": 100,
        },
    },
    "modern": {
        "generator": {"model": "Qwen/Qwen3-0.6B-Base", "dtype": "bfloat16"},
        "target": {
            "model": "google/flan-t5-large",
            "prompt_length": 100,
            "steps": 400,
            "lr": 0.3,
            "dtype": "bfloat16",
        },
    },
}
