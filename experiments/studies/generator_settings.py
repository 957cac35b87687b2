"""Label fidelity of the generator by kind, learning rate and steps, before curation.

python -m experiments.studies.generator_settings --task scenes-paraphrase --kinds plain,dawgen --rates 0.005,0.02
"""

import itertools
import time
from typing import Annotated

import torch
import typer

from dawgen.config import DecodeConfig
from dawgen.generator.estimator import Generator
from dawgen.models.load import load_generator
from dawgen.scenes import draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task


def main(
    task: str = "scenes-paraphrase",
    kinds: str = "plain,dawgen",
    rates: str = "0.005,0.02",
    steps: str = "100,200",
    seeds: str = "1",
    rows: Annotated[int, typer.Option(help="candidates per label")] = 100,
    model: str = "mini-ctrl",
    threads: int = 1,
    contrast: float = 0.0,
    dist_weight: float = 1.0,
    weight_every: int = 1,
    alignment: str = "A",
    weight_lr: float = 1e-2,
) -> None:
    """Print one line per setting and seed."""
    torch.set_num_threads(threads)
    backbone = load_generator(model)
    grid = itertools.product(kinds.split(","), rates.split(","), steps.split(","), seeds.split(","))
    for kind, rate, count, seed in grid:
        data = draw_data(task, int(seed), test=0, first_texts=rows)
        generator = Generator(
            backbone,
            Task.load(task),
            kind=kind,
            lr=float(rate),
            dist_weight=dist_weight,
            weight_every=weight_every,
            alignment=alignment,
            weight_lr=weight_lr,
            steps=int(count),
            seed=int(seed),
            decode=DecodeConfig(contrast=contrast),
        )
        begin = time.perf_counter()
        generator.fit(data.train)
        seconds = time.perf_counter() - begin
        candidates = generator.preview(rows, first_texts=data.first_texts)
        found = measure_fidelity(task, [candidate.example for candidate in candidates])
        by_label = {
            label: measure_fidelity(task, [c.example for c in candidates if c.example.label == label])["label_fidelity"]
            for label in generator.task_.labels
        }
        kept = [
            c.example for c in candidates if _own_is_best(c.logp, generator.task_.labels.index(str(c.example.label)))
        ]
        filtered = measure_fidelity(task, kept)
        print(
            f"{kind} lr {rate} steps {count} seed {seed}: fidelity {found['label_fidelity']:.2f} "
            f"({', '.join(f'{label} {value:.2f}' for label, value in by_label.items())}), "
            f"ungrammatical {found['ungrammatical']:.2f}; posterior keeps {len(kept)} of {len(candidates)} "
            f"with fidelity {filtered['label_fidelity'] or 0:.2f}; {seconds:.0f} s",
            flush=True,
        )


def _own_is_best(logp: tuple[float, ...] | None, own: int) -> bool:
    return logp is not None and all(logp[own] > value for label, value in enumerate(logp) if label != own)


if __name__ == "__main__":
    typer.run(main)
