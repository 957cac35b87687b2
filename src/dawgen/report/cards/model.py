"""The model card of an exported prompt: what it is, how it was made, its results, and snippets that run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dawgen.hub.card import UNKNOWN, describe_licence
from dawgen.report.cards.dataset import join_card, list_filters
from dawgen.report.cards.snippets import has_names, write_dawgen_snippet, write_peft_snippet

SCHEDULES = {
    "real": "on the real examples alone",
    "synthetic": "on the synthetic examples alone",
    "pooled": "on real and synthetic examples mixed",
    "real_then_synthetic": "on the real examples, then on the synthetic ones",
    "synthetic_then_real": "on the synthetic examples, then on the real ones",
    "paired": "on a batch of each at every step",
}


def render_model_card(facts: Mapping[str, Any]) -> str:
    """Return README.md of an adapter folder.

    facts: what `deploy.export.facts` gathers, with `kind` ("seq2seq" or "causal"), `bundled` (whether dawgen brings
    the base), `hub_base` (its name on the hub or None), `mask` (what stands for {mask}), `sentinel_id`, `license` and
    `repo` (None: the card speaks of its folder).
    """
    snippets = {"peft": write_peft_snippet(facts), "dawgen": write_dawgen_snippet(facts)}
    shown = {
        **facts,
        "snippets": snippets,
        "named": has_names(facts),
        "trained": SCHEDULES.get(facts["schedule"], facts["schedule"]),
        "filters": list_filters((facts.get("set") or {}).get("curate")),
    }
    return join_card(write_front(facts), "model_card.md.j2", shown)


def write_front(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the front matter: licence, base, tags and the measured results as the hub's model-index."""
    synthetic = bool(facts["counts"].get("n_synthetic"))
    front: dict[str, Any] = {
        "library_name": "peft",
        **describe_licence(facts.get("license"), UNKNOWN),
        **({"base_model": facts["hub_base"], "base_model_relation": "adapter"} if facts["hub_base"] else {}),
        "pipeline_tag": "text-classification",
        "tags": ["prompt-tuning", "soft-prompt", "dawgen", *(["synthetic"] if synthetic else [])],
    }
    if facts["measures"]:
        front["model-index"] = [{"name": facts.get("repo") or facts["task"], "results": [_write_result(facts)]}]
    return front


def _write_result(facts: Mapping[str, Any]) -> dict[str, Any]:
    types = {"accuracy": "accuracy", "macro-F1": "f1"}
    return {
        "task": {"type": "text-classification", "name": "Text classification"},
        "dataset": {"type": facts["task"], "name": f"{facts['task']}, test rows"},
        "metrics": [
            {
                "type": types[measure["name"]],
                "value": round(measure["value"], 6),
                "name": f"{measure['name']}, {measure['n']} rows, "
                f"95 % interval {100 * measure['low']:.1f} to {100 * measure['high']:.1f} % ({measure['how']})",
            }
            for measure in facts["measures"]
        ],
    }
