"""Encoder probe: logistic regression on the vectors of a frozen sentence encoder that the settings name.

Features of a pair with vectors u and v: [|u - v|, u * v], standardised; of a text its u. Beside them u and v by
themselves cost 3 points on SICK with 16 shots per label: they say what a pair is about, not how its texts relate.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec

if TYPE_CHECKING:
    from dawgen.classifier.probe import Probe
    from dawgen.models.load import Backbone


def fit_encoder_probe(_: Backbone, given: Given) -> Probe:
    """Fit the head on the real examples and, where there is a set, on the synthetic ones with as much weight."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    from dawgen.classifier.embed import encode_rows
    from dawgen.classifier.probe import Probe
    from dawgen.models.encoder import load_encoder
    from dawgen.runtime import pick_device

    encoder = load_encoder(given.baselines.encoder, device=pick_device())
    given.facts["encoder"] = encoder.name
    features = make_pipeline(FunctionTransformer(partial(encode_rows, encoder)), StandardScaler())
    return Probe(given.task.labels, features, encoder.count_cut).fit(given.real, given.synthetic or ())


def check_encoder(given: Given) -> None:
    """Raise ModelError where the encoder is neither here nor a name that the hub could have."""
    from dawgen.models.encoder import find_encoder

    find_encoder(given.baselines.encoder)


SPECS = (
    MethodSpec(
        name="encoder_probe",
        fit=fit_encoder_probe,
        place=38,
        family="probes",
        trains=("head",),
        asks=False,
        encodes=True,
        settings=("encoder",),
        check=check_encoder,
    ),
    MethodSpec(
        name="encoder_probe_synthetic",
        fit=fit_encoder_probe,
        place=118,
        family="probes",
        trains=("head",),
        asks=False,
        encodes=True,
        schedule="pooled",
        rows="set",
        way="encoder_probe",
        settings=("encoder",),
        check=check_encoder,
    ),
)
