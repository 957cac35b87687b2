"""The curator of a job, with the judge that its settings name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from dawgen.classifier.embed import embed_pairs, encode_rows
from dawgen.classifier.second_opinion import Embed, SecondOpinion
from dawgen.config import TARGET_JUDGE, RunConfig
from dawgen.curation import Curator
from dawgen.curation.choose import choose_spread, measure_posterior
from dawgen.errors import ConfigError
from dawgen.models.encoder import load_encoder
from dawgen.models.load import Backbone
from dawgen.records import Candidate, Example
from dawgen.runtime import pick_device


def open_curator(
    config: RunConfig,
    real: Sequence[Example],
    labels: Sequence[str],
    *,
    dev: Sequence[Example] = (),
    test: Sequence[Example] = (),
    load: Callable[[], Backbone] | None = None,
    optional: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> Curator:
    """Return a curator by `config.curate`, with its judge, of which `say` is told how good it is.

    load: gives the target, where that is the judge; None where there is no single one. optional: whether a judge that
    is no better than chance is left out.

    Raises:
        DataError: a judge, and labels without a real row. ModelError: an encoder that is not to be had.
        ConfigError: the target as the judge, and no `load`.
    """
    name = config.curate.judge
    if name is None:
        return Curator(real, labels, config.curate, dev=dev, test=test)
    if name == TARGET_JUDGE:
        if load is None:
            raise ConfigError("curate.judge=target: expected a sentence encoder such as minilm, having no target.")
        target, longest = load(), config.target.max_tokens
        embed: Embed = lambda rows: embed_pairs(target, rows, max_tokens=longest).numpy()  # noqa: E731
    else:
        embed = partial(encode_rows, load_encoder(name, device=pick_device()))
    judge = SecondOpinion(labels, embed).fit(real)
    if optional and not knows(judge, len(labels)):
        say(f"judge ({name}): on the few real rows it is no better than chance, and is left out")
        return Curator(real, labels, config.curate.model_copy(update={"judge": None}), dev=dev, test=test)
    say(describe(name, judge, len(labels)))
    choose = partial(choose_likely, judge, labels) if config.curate.over > 1 else None
    return Curator(real, labels, config.curate, dev=dev, test=test, opinion=judge.weigh, choose=choose)


def choose_likely(judge: SecondOpinion, labels: Sequence[str], rows: Sequence[Candidate], per_label: int) -> set[int]:
    """Return the places of at most `per_label` rows of each label that judge and generator hold likeliest, spread over
    the real rows.

    A row's score is log p(y | row) of the judge plus that of the generator where it has said it, in nats.
    """
    chosen: set[int] = set()
    for own, label in enumerate(labels):
        places = [place for place, row in enumerate(rows) if row.example.label == label]
        if not places:
            continue
        chances, homes = judge.rate([rows[place].example for place in places])
        scores = np.log(np.maximum(chances, np.finfo(float).tiny))
        for number, place in enumerate(places):
            logp = rows[place].logp
            if logp is not None and not math.isnan(posterior := measure_posterior(logp, own)):
                scores[number] += posterior
        chosen |= {places[number] for number in choose_spread(scores.tolist(), homes, per_label)}
    return chosen


def knows(judge: SecondOpinion, labels: int) -> bool:
    """Return whether a judge names the label of real rows that it has not seen clearly more often than by chance."""
    return judge.right_ is not None and judge.right_ >= 1.2 / labels


def describe(name: str, judge: SecondOpinion, labels: int) -> str:
    """Return one sentence on how good a judge is, with advice where it knows nothing."""
    if judge.right_ is None:
        return f"judge ({name}): one row of a label is too few to see how good it is"
    chance = 1 / labels
    said = f"judge ({name}): right on {judge.right_:.0%} of the real rows that it has not seen, by chance {chance:.0%}"
    if not knows(judge, labels):
        said += "; it drops good rows as readily as bad ones. Leave curate.judge out, or name another encoder"
    return said
