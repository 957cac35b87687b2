"""Which synthetic rows pull a prompt where the real ones do: the cosine of their gradients."""

from collections.abc import Sequence

import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.surgery import cosine
from dawgen.records import Example
from experiments.studies.variant_rows import Material, pick_best

USEFUL = 32  # synthetic rows per label from which a generator learns again


def find_useful(material: Material, prompt: PromptClassifier, rows: Sequence[Example]) -> list[Example]:
    """Return the USEFUL rows of each label whose gradient points most nearly where the mean real one does."""
    values = align(material, prompt, rows)
    return [rows[place] for place in pick_best([str(row.label) for row in rows], values, USEFUL)]


def align(material: Material, prompt: PromptClassifier, rows: Sequence[Example]) -> list[float]:
    """Return the cosine, at the prompt, of each row's gradient and the mean real one; in [-1, 1]."""
    real = _differentiate(material, prompt, material.inputs.train, together=True)
    parts = [_differentiate(material, prompt, rows[i : i + 64], together=False) for i in range(0, len(rows), 64)]
    values: list[float] = cosine(torch.cat(parts), real)[:, 0].tolist()
    return values


def _differentiate(
    material: Material, prompt: PromptClassifier, rows: Sequence[Example], *, together: bool
) -> torch.Tensor:
    """Return the prompt's gradient [1,P*H] of the mean loss, or one [N,P*H] for each row."""
    labels = [material.inputs.task.labels.index(str(row.label)) for row in rows]
    counts = [len(rows)] if together else [1] * len(rows)
    ids, smoothing = prompt.scorer_.render(rows).ids, material.config.target.label_smoothing
    found, _ = differentiate(prompt.scorer_, prompt.prompt_, ids, labels, counts, smoothing=smoothing)
    return found.flatten(1)
