"""The model card of a mini: what it has read, under which licences, how long it was trained and to which loss."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from dawgen.files import hash_file, write_text, write_with
from dawgen.models.minis.corpus import CONNECTIVES, Mixture, draw_scene
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.scenes.oracle import label_pair

KINDS = {
    "mini-ctrl": "a CTRL-architecture generator",
    "mini-t5": "a T5-architecture target",
    "mini-flan": "mini-t5 trained on, half of the time on instructions",
}
ROWS = 10  # of the table of losses, about
SAMPLE = 5000  # texts by which the agreement of the connectives is counted


def write_card(
    out: Path,
    mini: str,
    english: Sequence[Path],
    mixture: Mixture,
    facts: dict[str, Any],
    init_from: Path | None = None,
) -> None:
    """Write README.md into the mini's folder; `facts` are the run's settings, log.jsonl holds its losses.

    init_from: the mini whose weights were the start; its card's facts and losses are repeated at the end.
    """
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    size = max(1, round(len(log) / ROWS))
    stages = [log[start : start + size] for start in range(0, len(log), size)]
    lines = [
        "---",
        "license: apache-2.0",
        "tags: [dawgen, scenes]",
        "---",
        "",
        f"# {mini}: {KINDS[mini]}",
        "",
        "A small model, trained from scratch for the demonstrations and experiments of dawgen. It knows a few dozen",
        "words of a made-up world and some plain English; do not use it for anything else.",
        "",
        f"- {facts['parameters']:,} parameters, vocabulary {facts['vocabulary']}, lower case, stored in bfloat16.",
        f"- {facts['steps']} steps of {facts['batch']} texts, seed {facts['seed']}.",
        f"- Made by `python -m dawgen.models.minis.pretrain {mini}`.",
        f"- {100 * (1 - mixture.english):.0f} % of the batches are texts of the scenes world, drawn by dawgen's own",
        "  grammar. Connectives go with the relation of the two captions",
        f"  in {100 * mixture.agreement:.0f} % of the texts by design, in {100 * measure_agreement(mixture):.1f} % of",
        f"  {SAMPLE} texts drawn for this card.",
        f"- {100 * mixture.english_pairs:.0f} % of the English texts are followed by a connective and most of their",
        "  own words, a part of them, or another text.",
        "- The other batches are English without labels, from these files (SHA-256):",
        *(f"  - `{path.parent.name}/{path.name}` {hash_file(path)}" for path in english),
        "  Rows of `sentences/` only where their source is wikisplit (CC BY-SA 4.0), nq-open (CC BY-SA 3.0) or",
        "  webquestions (CC BY 4.0); SNLI text is CC BY-SA 4.0, MNLI text mostly under the OANC licence.",
        "- No label of a measured task, no text of SICK, MRPC, RTE, QQP or QNLI, and no pair of the reserved hash",
        "  bucket of scenes was among them.",
        "",
        "![Loss by step](loss.png)",
        "",
        "| step | loss (mean since the row above) |",
        "| --- | --- |",
        # English and scenes differ by 3 nats: means of few steps say mostly how many were English.
        *(f"| {rows[-1]['step']} | {fmean(row['loss'] for row in rows):.3f} |" for rows in stages),
        "",
        *(_describe_start(init_from) if init_from else []),
    ]
    write_text(out / mini / "README.md", "\n".join(lines))
    draw_losses("\n".join(lines), out / mini / "loss.png")


def draw_losses(card: str, path: Path) -> None:
    """Draw the losses that a card lists, a panel for each stage of training, the earliest first."""
    from matplotlib.figure import Figure

    stages = []
    for table in reversed(card.split("| step | loss")[1:]):
        rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:] if line.startswith("| ")]
        stages.append([(int(step), float(loss)) for step, loss in rows])
    figure = Figure(figsize=(4 * len(stages), 2.6), layout="constrained")
    for axes, stage in zip(figure.subplots(1, len(stages), squeeze=False, sharey=True)[0], stages, strict=True):
        axes.plot(*zip(*stage, strict=True), marker="o", color="#0072B2")
        axes.set(xlabel="step", ylabel="loss, nats per token")
        axes.grid(alpha=0.3)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=80))


def _describe_start(mini: Path) -> list[str]:
    """Return facts and losses of the mini that training started from, as given by its own card."""
    card = (mini / "README.md").read_text().splitlines() if (mini / "README.md").is_file() else []
    told = [line for line in card if line.startswith(("- ", "  ", "| "))]
    return [
        "## The stage before",
        "",
        f"Training started from weights with the SHA-256 {hash_file(mini / 'model.safetensors')}. Their card:",
        "",
        *(line for line in told if not line.startswith("| ")),
        "",
        *(line for line in told if line.startswith("| ")),
        "",
    ]


def measure_agreement(mixture: Mixture) -> float:
    """Return the share of connectives that go with the relation which the oracle reads off the two captions."""
    kinds = {connective: kind for kind, words in CONNECTIVES.items() for connective in words}
    rng = python_rng(0, "pretrain/card")
    agreed = Counter[bool]()
    while agreed.total() < SAMPLE:
        text = draw_scene(rng, mixture)
        if text.connective in kinds:
            pair = Example(text.first, text.second)
            same = label_pair("scenes-paraphrase", pair) == "equivalent"
            agreed[kinds[text.connective] == ("equivalent" if same else label_pair("scenes-nli", pair))] += 1
    return agreed[True] / SAMPLE
