"""EDA (Wei & Zou 2019, "Easy Data Augmentation"): four simple word edits of the few shots, pooled with them.

A synonym is a near neighbour of the word among the target's own embeddings, not an entry of WordNet: this needs no
other resource, and works for every language of the target. Neighbours of a small model are often no synonyms. As in
EDA, nothing checks whether an edit keeps the label.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example
from dawgen.rng import python_rng

if TYPE_CHECKING:
    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.models.load import Backbone

NEAREST = 3  # neighbours of which one is taken
ATTEMPTS = 20  # edits per wanted example; short texts have few different ones

Synonyms = Callable[[str], Sequence[str]]
_MARKS = ".,;:!?\"'()"


def fit_eda(backbone: Backbone, given: Given) -> PromptClassifier:
    """Train a prompt on the real examples and `per_label` edited ones of every label in one pool."""
    neighbours = Neighbours(backbone)
    edited = edit_examples(
        given.real, given.task.labels, given.per_label, neighbours.find, given.baselines.edits, given.seed
    )
    given.facts["n_synthetic"] = len(edited)
    classifier = fit_prompt(backbone, given, schedule="pooled", synthetic=edited)
    wanted = given.per_label * len(given.task.labels)
    if len(edited) < wanted:
        classifier.warnings_.append(f"found {len(edited)} different edited examples, {wanted} were asked for")
    return classifier


class Neighbours:
    """The target's frequent words, with their nearest neighbours by embedding."""

    def __init__(self, backbone: Backbone) -> None:
        import torch
        from torch.nn.functional import normalize

        from dawgen.prompt.vocabulary import find_frequent

        found = find_frequent(backbone.tokenizer)
        embedding = backbone.model.get_input_embeddings().weight.detach()
        self._words = list(found.values())
        self._places = {word.casefold(): place for place, word in enumerate(self._words)}
        self._vectors = normalize(embedding[torch.tensor(list(found), dtype=torch.long)].float().cpu(), dim=1)
        self._known: dict[str, list[str]] = {}

    def find(self, word: str) -> list[str]:
        """Return the nearest other words by cosine; none for a word that is not one frequent token."""
        key = word.casefold()
        if key not in self._places:
            return []
        if key not in self._known:
            place = self._places[key]
            cosines = self._vectors @ self._vectors[place]
            cosines[place] = -float("inf")
            order = cosines.topk(min(NEAREST, len(self._words) - 1)).indices.tolist()
            self._known[key] = [self._words[other] for other in order]
        return self._known[key]


def edit_examples(
    examples: Sequence[Example], labels: Sequence[str], per_label: int, synonyms: Synonyms, share: float, seed: int
) -> list[Example]:
    """Return at most `per_label` edited examples of each label, all different from each other and from the real ones.

    The real examples of a label are used in turn; each text of a pair is edited separately.
    """
    seen, kept = {(row.text1, row.text2) for row in examples}, Counter[str]()
    edited: list[Example] = []
    for label in labels:
        own, rng = [row for row in examples if row.label == label], python_rng(seed, f"eda/{label}")
        for turn in range(ATTEMPTS * per_label if own else 0):
            if kept[label] == per_label:
                break
            source = own[turn % len(own)]
            texts = (
                edit_text(source.text1, synonyms, share, rng),
                None if source.text2 is None else edit_text(source.text2, synonyms, share, rng),
            )
            if texts not in seen:
                seen.add(texts)
                kept[label] += 1
                edited.append(Example(*texts, label))
    return edited


def edit_text(text: str, synonyms: Synonyms, share: float, rng: random.Random) -> str:
    """Return the text after one of the four edits, of `share` of its words, at least one."""
    words = text.split()
    if not words:
        return text
    edit = rng.choice((partial(replace_words, synonyms=synonyms), partial(insert_words, synonyms=synonyms), swap, drop))
    return " ".join(edit(words, max(1, round(share * len(words))), rng))


def replace_words(words: list[str], count: int, rng: random.Random, *, synonyms: Synonyms) -> list[str]:
    """Return the words with `count` of them replaced by synonyms, punctuation around them kept."""
    result = list(words)
    known = [place for place, word in enumerate(words) if synonyms(word.strip(_MARKS))]
    for place in rng.sample(known, min(count, len(known))):
        bare = words[place].strip(_MARKS)
        result[place] = words[place].replace(bare, rng.choice(synonyms(bare)))
    return result


def insert_words(words: list[str], count: int, rng: random.Random, *, synonyms: Synonyms) -> list[str]:
    """Return the words with synonyms of `count` of them at random places."""
    result = list(words)
    known = [word.strip(_MARKS) for word in words if synonyms(word.strip(_MARKS))]
    for word in rng.sample(known, min(count, len(known))):
        result.insert(rng.randrange(len(result) + 1), rng.choice(synonyms(word)))
    return result


def swap(words: list[str], count: int, rng: random.Random) -> list[str]:
    """Return the words with `count` random pairs of places exchanged."""
    result = list(words)
    for _ in range(count if len(words) > 1 else 0):
        one, other = rng.sample(range(len(words)), 2)
        result[one], result[other] = result[other], result[one]
    return result


def drop(words: list[str], count: int, rng: random.Random) -> list[str]:
    """Return the words without `count` of them, never none."""
    gone = set(rng.sample(range(len(words)), min(count, len(words) - 1)))
    return [word for place, word in enumerate(words) if place not in gone]


SPECS = (
    MethodSpec(
        name="eda",
        fit=fit_eda,
        place=110,
        family="edited words",
        schedule="pooled",
        rows="edited",
        settings=("edits",),
    ),
)
