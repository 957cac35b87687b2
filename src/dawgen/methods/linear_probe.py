"""Linear probe: logistic regression on the frozen target's mean-pooled last hidden states; nothing in it is trained.

Features of a pair with vectors u and v: [u, v, |u - v|, u * v] (as InferSent, Conneau et al. 2017); of a text its u.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec

if TYPE_CHECKING:
    from dawgen.classifier.probe import Probe
    from dawgen.models.load import Backbone


def fit_linear_probe(backbone: Backbone, given: Given) -> Probe:
    """Fit the head on the real examples and, where there is a set, on the synthetic ones with as much weight."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    from dawgen.classifier.embed import count_cut_texts, embed_pairs
    from dawgen.classifier.probe import Probe

    longest = given.target.max_tokens
    embed = partial(embed_pairs, backbone, max_tokens=longest)
    features = make_pipeline(FunctionTransformer(lambda rows: embed(rows).numpy()), StandardScaler())
    probe = Probe(given.task.labels, features, partial(count_cut_texts, backbone, max_tokens=longest))
    return probe.fit(given.real, given.synthetic or (), weigh=given.weigh)


SPECS = (
    MethodSpec(name="linear_probe", fit=fit_linear_probe, place=36, family="probes", trains=("head",)),
    MethodSpec(
        name="linear_probe_synthetic",
        fit=fit_linear_probe,
        place=116,
        family="probes",
        trains=("head",),
        schedule="pooled",
        rows="set",
        way="linear_probe",
    ),
)
