"""PPT (Gu et al. 2022): a prompt pre-trained on pseudo labels of plain texts, then tuned on the few shots.

Pairs with two or three labels learn what follows what (next-sentence prediction, their section 3.2.1). Single texts,
and pairs with more labels, learn which cluster a text is of (pseudo labels, their section 3.2.3).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dawgen.errors import ConfigError, DataError
from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example
from dawgen.rng import derive_seed, python_rng
from dawgen.tasks import Task

if TYPE_CHECKING:
    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.models.load import Backbone

MOST = 3000  # texts that pseudo examples are made of
SHORTEST = 4  # words of a text that can be cut in two
LEAST = 8  # texts for each label

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def fit_ppt(backbone: Backbone, given: Given) -> PromptClassifier:
    """Train a prompt on the pseudo task, and from there on the real examples.

    Raises:
        ConfigError: no unlabelled texts. DataError: too few of them.
    """
    check_texts(given)
    pseudo = make_pseudo(given.unlabelled or (), given.task, given.seed)
    before = replace(
        given,
        real=pseudo,
        dev=None,
        target=given.target.model_copy(update={"steps": given.baselines.pretraining_steps}),
        log=given.log_as("pretraining"),
        checkpoint=given.checkpoint_as("pretraining"),
    )
    given.facts["n_unlabelled"] = min(len(given.unlabelled or ()), MOST)
    return fit_prompt(backbone, given, init_from=fit_prompt(backbone, before, temperature="none").prompt_)


def make_pseudo(texts: Sequence[str], task: Task, seed: int) -> list[Example]:
    """Return pseudo-labelled examples of the task's shape, made of at most 3,000 of the texts.

    Raises:
        DataError: too few texts of four words or more.
    """
    rng, labels = python_rng(seed, "ppt/pseudo"), task.labels
    usable = list(dict.fromkeys(text for text in texts if not task.pair or len(text.split()) >= SHORTEST))
    if len(usable) < LEAST * len(labels):
        raise DataError(
            f"method ppt: expected {LEAST * len(labels)} different unlabelled texts or more"
            f"{f' of {SHORTEST} words or more' if task.pair else ''}, got {len(usable)}."
        )
    chosen = rng.sample(usable, min(MOST, len(usable)))
    if task.pair and len(labels) <= 3:
        return _pair_halves(chosen, labels, rng)
    clusters = cluster_texts(chosen, len(labels), derive_seed(seed, "ppt/clusters") % 2**32)
    if not task.pair:
        return [Example(text, None, labels[number]) for text, number in zip(chosen, clusters, strict=True)]
    halves = [cut_in_two(text) for text in chosen]
    return [Example(*pair, labels[number]) for pair, number in zip(halves, clusters, strict=True)]


def _pair_halves(texts: Sequence[str], labels: Sequence[str], rng: random.Random) -> list[Example]:
    """Return an example per text and label: for the first label the true continuation, for the last that of another
    text, between them a part of the same text; PPT maps these to entailment, neutral and contradiction."""
    halves = [cut_in_two(text) for text in texts]
    examples = []
    for row, (first, second) in enumerate(halves):
        other = rng.randrange(len(halves) - 1)
        seconds = [second, halves[other + (other >= row)][1]]
        if len(labels) == 3:
            seconds.insert(1, take_part(first, rng))
        examples += [Example(first, text, label) for text, label in zip(seconds, labels, strict=True)]
    return examples


def cut_in_two(text: str) -> tuple[str, str]:
    """Cut at the sentence end nearest the middle, or in the middle if the text is one sentence."""
    sentences = _SENTENCE_END.split(text.strip())
    parts = sentences if len(sentences) > 1 else text.split()
    middle = len(parts) // 2
    return " ".join(parts[:middle]), " ".join(parts[middle:])


def take_part(text: str, rng: random.Random) -> str:
    """Return a run of the text's words, half of them or more."""
    words = text.split()
    size = rng.randint((len(words) + 1) // 2, len(words))
    start = rng.randrange(len(words) - size + 1)
    return " ".join(words[start : start + size])


def cluster_texts(texts: Sequence[str], count: int, seed: int) -> list[int]:
    """Return a cluster number for each text: k-means on TF-IDF of its words.

    Raises:
        DataError: the texts do not fall into so many clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        vectors = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    except ValueError as error:  # no word of two letters in any text
        raise DataError(f"method ppt: expected unlabelled texts with words, got {texts[0]!r:.60}.") from error
    if len({row.toarray().tobytes() for row in vectors}) < count:
        raise DataError(f"method ppt: expected unlabelled texts that fall into {count} clusters; they are too alike.")
    return [int(number) for number in KMeans(count, n_init=4, random_state=seed).fit_predict(vectors)]


def check_texts(given: Given) -> None:
    """Raise ConfigError where there are no unlabelled texts."""
    if not given.unlabelled:
        raise ConfigError("method ppt: expected plain texts in --unlabelled FILE, found none.")


SPECS = (
    MethodSpec(
        name="ppt",
        fit=fit_ppt,
        place=80,
        family="soft prompts",
        unlabelled=True,
        pretraining="texts",
        settings=("pretraining_steps",),
        check=check_texts,
    ),
)
