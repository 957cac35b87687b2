"""What the words of the written prompts, in which tuning starts, do to label fidelity.

python -m experiments.studies.written_prompts --task scenes-nli --seeds 1,2,3

Prompts and infixes of the scenes tasks: FewGen's wording, which mini-ctrl has never read, beside connectives, which it
has. Candidates are judged by the oracle before curation, and those alone that their own label makes likelier than any
other by `--margin` nats.
"""

from statistics import mean
from typing import Annotated

import torch
import typer

from dawgen.config import DecodeConfig, GeneratorKind
from dawgen.curation.posterior import measure_margin
from dawgen.generator.estimator import Generator
from dawgen.models.load import load_generator
from dawgen.scenes import draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task

# For each task: FewGen's prompts with their infixes, then those of connectives, in the order of the task's labels.
WORDINGS: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "scenes-nli": [
        (
            (
                "sentence 1 implies sentence 2. sentence 1:",
                "sentence 2 supplements sentence 1. sentence 1:",
                "sentence 2 contradicts sentence 1. sentence 1:",
            ),
            (". sentence 2:", ". so,"),
        ),
        (
            ("which means, so at least.", "meanwhile, perhaps.", "but in fact, on the contrary."),
            (".", ". which means,", ". meanwhile,", ". in other words,"),
        ),
    ],
    "scenes-paraphrase": [
        (
            (
                "sentence 1 is equivalent to sentence 2. sentence 1:",
                "sentence 1 is different from sentence 2. sentence 1:",
            ),
            (". sentence 2:",),
        ),
        (
            ("in other words, that is to say.", "meanwhile, but in fact."),
            (". in other words,", ". meanwhile,"),
        ),
        (("in other words, that is to say.", "meanwhile, which means, but in fact."), (". which means,",)),
    ],
    "scenes-question": [
        (
            (
                "paragraph is relevant to question. question:",
                "paragraph is irrelevant to question. question:",
            ),
            ("paragraph:",),
        ),
        (("well, right.", "by the way, anyway."), ("paragraph:", "well,", "by the way,")),
    ],
}


def main(
    task: str = "scenes-nli",
    model: str = "mini-ctrl",
    seeds: str = "1,2,3",
    rows: Annotated[int, typer.Option(help="candidates per label")] = 150,
    contrast: float = 0.5,
    margin: float = 1.0,
    threads: int = 1,
) -> None:
    """Print one Markdown row per wording: untuned (first seed), tuned, and tuned behind the margin."""
    torch.set_num_threads(threads)
    backbone, known = load_generator(model), Task.load(task)
    decode = DecodeConfig(contrast=contrast)
    numbers = [int(seed) for seed in seeds.split(",")]

    def judge(own: Task, kind: GeneratorKind, seed: int) -> tuple[float, float, float]:
        """Return fidelity, fidelity behind the margin, and the share behind it."""
        data = draw_data(task, seed, test=0, first_texts=rows)
        generator = Generator(backbone, own, kind=kind, seed=seed, decode=decode).fit(data.train)
        made = generator.preview(rows, first_texts=data.first_texts)
        sure = [c for c in made if measure_margin(c.logp or (), own.labels.index(str(c.example.label))) > margin]
        found = [measure_fidelity(task, [c.example for c in some])["label_fidelity"] for some in (made, sure)]
        return float(found[0] or 0), float(found[1] or 0), len(sure) / len(made)

    print("| first prompt | infix | untuned | tuned | own label likelier by the margin (share that stays) |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for prompts, infix in [(prompts, infix) for prompts, infixes in WORDINGS[task] for infix in infixes]:
        words = {"prompts": dict(zip(known.labels, prompts, strict=True)), "infix": infix}
        own = known.model_copy(update={"generator": known.generator.model_copy(update=words)})
        untuned = judge(own, "untuned", numbers[0])[0]
        tuned = [judge(own, "plain", seed) for seed in numbers]
        all_rows, sure_rows = (", ".join(f"{row[place]:.2f}" for row in tuned) for place in (0, 1))
        share = mean(row[2] for row in tuned)
        print(f"| {prompts[0]} | {infix} | {untuned:.2f} | {all_rows} | {sure_rows} ({share:.2f}) |", flush=True)


if __name__ == "__main__":
    typer.run(main)
