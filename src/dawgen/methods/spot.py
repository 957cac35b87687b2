"""SPoT (Vu et al. 2022): start from another task's prompt, the one most similar to a prompt tuned on the few shots.

Similarity is the cosine of the mean prompt tokens (their section 4.2, "cosine similarity of average tokens").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dawgen.errors import ConfigError
from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.spec import MethodSpec

if TYPE_CHECKING:
    from torch import Tensor

    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.models.load import Backbone


def fit_spot(backbone: Backbone, given: Given) -> PromptClassifier:
    """Train a prompt from the most similar of `baselines.prompt_sources`.

    The query prompt is trained without the dev set, which is used for one choice only. facts["notes"] names the source.

    Raises:
        ConfigError: no sources. BundleError: one that is damaged, of another model, length or placement.
    """
    from dawgen.prompt.bundle.checks import check_base
    from dawgen.prompt.bundle.format import load_bundle
    from dawgen.prompt.initialise import check_moved

    check_sources(given)
    sources: list[tuple[str, Tensor]] = []
    for place in given.baselines.prompt_sources:
        prompt, info = load_bundle(Path(place))
        check_base(prompt, info, backbone)
        check_moved(info, given.target.placement, place)
        sources.append((str(info.task["name"]), prompt))
    before = replace(given, dev=None, log=given.log_as("query"), checkpoint=given.checkpoint_as("query"))
    query = fit_prompt(backbone, before, temperature="none").prompt_.cpu()
    similar = [compare_prompts(query, prompt) for _, prompt in sources]
    best = max(range(len(sources)), key=similar.__getitem__)
    seen = ", ".join(f"{name} {value:.3f}" for (name, _), value in zip(sources, similar, strict=True))
    given.facts["notes"] = [f"started from the prompt of {sources[best][0]} (cosines: {seen})"]
    return fit_prompt(backbone, given, init_from=sources[best][1])


def compare_prompts(one: Tensor, other: Tensor) -> float:
    """Return the cosine of the mean rows of two prompts [P,H] and [Q,H]."""
    from torch.nn.functional import cosine_similarity

    return float(cosine_similarity(one.double().mean(0), other.double().mean(0), dim=0))


def check_sources(given: Given) -> None:
    """Raise ConfigError where there are no bundles to start from."""
    if not given.baselines.prompt_sources:
        raise ConfigError(
            "method spot: expected bundles of other tasks in baselines.prompt_sources, found none.\n"
            "`dawgen train` makes them, on the same target and with the same prompt_length."
        )


SPECS = (
    MethodSpec(
        name="spot",
        fit=fit_spot,
        place=90,
        family="soft prompts",
        sources=True,
        pretraining="shots",
        settings=("prompt_sources",),
        check=check_sources,
    ),
)
