"""What it does to label fidelity that a text is held against a few other labels only, in tuning, writing and filtering.

python -m experiments.studies.rivals --out runs/rivals --task scenes-place --rivals 1 4
python -m experiments.studies.rivals --out runs/rivals --task scenes-nli --rivals 1 2 --rows 200

The bundled generator, the package's settings but for `generator.rivals`. The oracle judges uncurated candidates, and
those among them that the posterior filter would keep. `--drawn` holds each label against rivals that are drawn instead
of its nearest. Each cell is a file in the folder; a cell that is there is not run again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from dawgen.config import GeneratorConfig
from dawgen.curation.posterior import measure_margin
from dawgen.files import write_json
from dawgen.generator import estimator
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, load_generator
from dawgen.rng import python_rng
from dawgen.scenes import draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task


def main() -> None:
    """Run the cells that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="scenes-place")
    parser.add_argument("--rivals", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[13])
    parser.add_argument("--rows", type=int, default=25, help="candidates per label")
    parser.add_argument("--steps", type=int, default=GeneratorConfig().steps)
    parser.add_argument("--drawn", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    backbone = load_generator("mini-ctrl")
    print("rivals | seed | fidelity | of what the filter keeps | kept | CPU s of tuning | of writing")
    for seed in options.seeds:
        for rivals in options.rivals:
            file = options.out / _name(options, rivals, seed)
            if not file.exists():
                options.out.mkdir(parents=True, exist_ok=True)
                write_json(file, run_cell(backbone, options, rivals, seed))
            cell = json.loads(file.read_text())
            shown = [f"{100 * cell[name]:.1f} %" for name in ("fidelity", "filtered", "kept")]
            times = [f"{cell[name]:.0f}" for name in ("tuning_s", "writing_s")]
            print(" | ".join([str(rivals), str(seed), *shown, *times]), flush=True)


def run_cell(backbone: Backbone, options: argparse.Namespace, rivals: int, seed: int) -> dict[str, Any]:
    """Tune with so many rivals and return what the oracle says of uncurated candidates."""
    task, data = Task.load(options.task), draw_data(options.task, seed, first_texts=options.rows)
    generator = Generator(backbone, task, rivals=rivals, steps=options.steps, device="cpu", seed=seed)

    def draw(model: Any, texts: list[Any], most: int) -> torch.Tensor | None:
        labels = range(len(texts))
        if len(texts) <= most + 1:
            return None
        rng = python_rng(seed, "study/rivals")
        return torch.tensor([rng.sample([other for other in labels if other != own], most) for own in labels])

    begin = time.process_time()
    with patch.object(estimator, "choose_rivals", draw if options.drawn else estimator.choose_rivals):
        generator.fit(data.train)
    tuned = time.process_time()
    candidates = generator.preview(options.rows, first_texts=data.first_texts if task.pair else None)
    kept = [c.example for c in candidates if measure_margin(c.logp or (), task.labels.index(str(c.example.label))) > 0]
    return {
        "fidelity": measure_fidelity(options.task, [c.example for c in candidates])["label_fidelity"],
        "filtered": measure_fidelity(options.task, kept)["label_fidelity"],
        "kept": len(kept) / len(candidates),
        "tuning_s": tuned - begin,
        "writing_s": time.process_time() - tuned,
    }


def _name(options: argparse.Namespace, rivals: int, seed: int) -> str:
    who = "drawn" if options.drawn else "nearest"
    return f"{options.task}-steps{options.steps}-rows{options.rows}-{who}{rivals}-seed{seed}.json"


if __name__ == "__main__":
    main()
