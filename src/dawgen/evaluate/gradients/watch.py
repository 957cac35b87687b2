"""Records each row's own gradient in every step of a prompt's training, of the step's rows and of the controls.

Each row gets its own copy of the prompt, so that one more sweep gives all gradients [B,P,H] separately; training itself
does not change by a bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dawgen.classifier.gradients import differentiate
from dawgen.classifier.rows import LazyRows, render_rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.surgery import Operated, cosine
from dawgen.classifier.train import Moment
from dawgen.config import TargetConfig
from dawgen.evaluate.gradients.controls import draw_second, list_words, shuffle_labels, write_random
from dawgen.models.load import Backbone
from dawgen.prompt.question import settle_length
from dawgen.records import Example
from dawgen.tasks import Task


@dataclass(frozen=True, slots=True)
class RowsView:
    """One group of rows in one step.

    numbers: [B], the rows' places in their source. labels: [B]. cos, norm, loss: [B], of each row's own gradient, cos
    against the mean gradient of the other side. batch_cos, batch_norm: of the group's mean gradient.
    """

    numbers: NDArray[np.int64]
    labels: NDArray[np.int64]
    cos: NDArray[np.float64]
    norm: NDArray[np.float64]
    loss: NDArray[np.float64]
    batch_cos: float
    batch_norm: float


@dataclass(frozen=True, slots=True)
class StepView:
    """One step: its groups by name, the removed share |g_s - g_s'| / |g_s| of the mean synthetic gradient, and `error`.

    error: largest relative distance of the rows' mean gradient from the one that the step used, rounding alone.
    Groups: `real` (against the synthetic mean); against the real mean `synthetic`, `after` (the same rows after
    surgery), and the controls `second_real`, `shuffled` and `random`.
    """

    groups: dict[str, RowsView]
    removed: float
    error: float


class GradientWatch:
    """Collects a `StepView` for each step of a paired training, to which it is passed as `watch`.

    second: real rows for the second batch, empty for the shots that are not in the step's own. Where there is no such
    row, the group is missing.
    """

    def __init__(
        self,
        backbone: Backbone,
        task: Task,
        config: TargetConfig,
        real: Sequence[Example],
        synthetic: Sequence[Example],
        second: Sequence[Example],
        *,
        seed: int,
    ) -> None:
        config = settle_length(config, backbone.tokenizer, task.ask())
        self.task, self.config, self.seed = task, config, seed
        self.steps: list[StepView] = []
        self._scorer = Scorer.of(backbone, task, config, prompt_length=config.length)
        self._own = not second
        sources = {"real": real, "synthetic": synthetic, "second_real": second or real}
        self._rows = {name: LazyRows(self._scorer, rows, task.labels, name) for name, rows in sources.items()}
        self._synthetic, self._vocabulary = synthetic, list_words(real)

    def __call__(self, moment: Moment) -> None:
        """Measure the step's rows and controls at the prompt before its update."""
        if moment.operated is None:
            raise ValueError("expected a step of schedule `paired` with rows of both sources, got another.")
        groups = self._gather(moment)
        ids = [row for _, _, rows in groups.values() for row in rows]
        labels = [label for _, own, _ in groups.values() for label in own]
        gradients, losses = differentiate(
            self._scorer, moment.prompt, ids, labels, [1] * len(ids), smoothing=self.config.label_smoothing
        )
        sizes = [len(own) for _, own, _ in groups.values()]
        parts = dict(zip(groups, torch.split(gradients, sizes), strict=True))
        lost = dict(zip(groups, torch.split(losses, sizes), strict=True))
        real, synthetic = parts["real"].mean(0), parts["synthetic"].mean(0)
        views = {
            name: view_rows(numbers, own, parts[name], lost[name], synthetic if name == "real" else real)
            for name, (numbers, own, _) in groups.items()
        }
        numbers, own, _ = groups["synthetic"]
        after = apply_surgery(parts["synthetic"], moment.gradients, moment.operated)
        views["after"] = view_rows(numbers, own, after, lost["synthetic"], real)
        used = moment.gradients[1:].mean(0)
        error = max(_measure_distance(real, moment.gradients[0]), _measure_distance(synthetic, used))
        self.steps.append(StepView(views, moment.operated.removed, error))

    def _gather(self, moment: Moment) -> dict[str, tuple[list[int], list[int], list[list[int]]]]:
        """Return numbers, labels and token ids of every group of the step."""
        batch, seed, step = moment.batch, self.seed, moment.step
        chosen = {"real": list(batch.real), "synthetic": list(batch.synthetic)}
        taken = batch.real if self._own else ()
        second = draw_second(self._rows["second_real"].labels, taken, self.config.batch_size, seed=seed, step=step)
        if second:
            chosen["second_real"] = second
        groups = {
            name: (rows, [self._rows[name].labels[row] for row in rows], self._rows[name].take(rows))
            for name, rows in chosen.items()
        }
        numbers, labels, ids = groups["synthetic"]
        groups["shuffled"] = numbers, shuffle_labels(labels, seed=seed, step=step), ids
        like = [self._synthetic[row] for row in numbers]
        written = write_random(like, self._vocabulary, self.task.labels, seed=seed, step=step)
        random, _ = render_rows(self._scorer, written, self.task.labels, "random text")
        groups["random"] = numbers, list(random.labels), random.ids
        return groups


def view_rows(
    numbers: Sequence[int], labels: Sequence[int], gradients: Tensor, losses: Tensor, reference: Tensor
) -> RowsView:
    """Return the measures of a group's gradients [B,P,H], compared with the other side's mean gradient [P,H]."""
    flat, other = gradients.flatten(1), reference.reshape(1, -1)
    mean = flat.mean(0, keepdim=True)
    return RowsView(
        np.asarray(numbers, dtype=np.int64),
        np.asarray(labels, dtype=np.int64),
        _as_array(cosine(flat, other)[:, 0]),
        _as_array(flat.norm(dim=1)),
        _as_array(losses),
        float(cosine(mean, other)),
        float(mean.norm()),
    )


def apply_surgery(rows: Tensor, gradients: Tensor, operated: Operated) -> Tensor:
    """Return the synthetic rows' gradients [B,P,H] after surgery.

    gradients: [G,P,H], what surgery was given. Where it worked on single examples these are its results; where it
    changed the mean g_s to g_s' (granularity prompt or token), every row gets the change: g_i' = g_i + (g_s' - g_s),
    so that the mean of the rows is g_s'.
    """
    if operated.synthetic.dim() == 3:
        return operated.synthetic
    return rows + (operated.synthetic - gradients[1])


def _measure_distance(a: Tensor, b: Tensor) -> float:
    """Return |a - b| / |b|; 0 where both are zero."""
    distance, norm = float((a - b).norm()), float(b.norm())
    return distance / norm if norm > 0 else distance


def _as_array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.detach().to("cpu", torch.float64).numpy())
