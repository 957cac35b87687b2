"""Accuracy of prompt tuning on few shots and on many gold rows, by learning rate, steps and prompt length.

python -m experiments.studies.target_settings --task scenes-paraphrase --rates 0.1,0.3 --steps 150 --seeds 1,2
"""

import itertools
import time
from typing import Annotated

import torch
import typer

from dawgen.classifier.estimator import PromptClassifier
from dawgen.models.load import load_target
from dawgen.scenes import draw_data
from dawgen.tasks import Task


def main(
    task: str = "scenes-paraphrase",
    model: str = "mini-t5",
    rates: str = "0.3",
    steps: str = "150",
    lengths: str = "20",
    shots: Annotated[str, typer.Option(help="real rows per label; each is an arm")] = "16,1000",
    seeds: str = "1",
    init: str = "label_words",
    optimizer: str = "adafactor",
    template: str | None = None,
    sentinel: bool = False,
    batch: int = 16,
    dev: bool = True,
    threads: int = 1,
) -> None:
    """Print one line per setting and seed: accuracy on the dev set and on 600 rows that the seed does not change."""
    torch.set_num_threads(threads)
    backbone = load_target(model)
    spec = Task.load(task)
    if template is not None:
        spec = Task.model_validate(spec.model_dump() | {"template": template})
    grid = itertools.product(*(text.split(",") for text in (shots, rates, steps, lengths, seeds)))
    for count, rate, step, length, seed in grid:
        data = draw_data(task, int(seed), shots=int(count))
        begin = time.perf_counter()
        classifier = PromptClassifier(
            backbone,
            spec,
            lr=float(rate),
            steps=int(step),
            prompt_length=int(length),
            batch_size=batch,
            init=init,
            optimizer=optimizer,
            decoder_sentinel=sentinel,
            schedule="real",
            temperature="none",
            seed=int(seed),
        ).fit(data.train, dev=data.dev[: 16 * len(spec.labels)] if dev else None)
        seconds = time.perf_counter() - begin
        print(
            f"{model} shots {count} lr {rate} steps {step} length {length} seed {seed}: "
            f"test {classifier.score(data.test):.3f} (best step {classifier.best_step_}); {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
