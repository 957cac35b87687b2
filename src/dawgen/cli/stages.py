"""The verbs of single stages, which talk through files: tune, preview, generate, curate, train, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dawgen.cli import options as o

GeneratorFolder = Annotated[Path, typer.Argument(help="a tuned generator", metavar="GEN")]
Bundle = Annotated[Path, typer.Argument(help="a trained soft prompt", metavar="BUNDLE")]
FirstTexts = Annotated[str | None, typer.Option(help="texts without labels, the first texts of new pairs")]


def tune(
    out: Annotated[Path, typer.Option(help="folder of the generator")],
    task: o.Task = None,
    train: o.Train = None,
    shots: o.Shots = None,
    conflicts: o.Conflicts = None,
    name: o.Name = None,
    imbalance: o.Unequal = None,
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
) -> None:
    """Tune the generator on few shots of every label."""
    settings = o.make_config(
        preset,
        config,
        assign,
        task=task,
        train=train,
        shots=shots,
        conflicts=conflicts,
        name=name,
        imbalance=imbalance,
        seed=seed,
        threads=threads,
    )
    from dawgen.runs.stages import tune_stage

    tune_stage(settings, out)
    typer.echo(str(out))


def preview(
    generator: GeneratorFolder,
    per_label: Annotated[int, typer.Option(min=1, help="examples per label")] = 5,
    first_texts: FirstTexts = None,
    assign: o.Assign = None,
    threads: o.Threads = None,
) -> None:
    """Show what a tuned generator writes, before a long run."""
    from dawgen.runs.stages import preview_stage

    for line in preview_stage(generator, per_label, first_texts, threads, assign or ()):
        typer.echo(line)


def generate(
    generator: GeneratorFolder,
    per_label: Annotated[int, typer.Option(min=1, help="examples to keep per label")],
    out: Annotated[Path, typer.Option(help="folder of the synthetic set")],
    first_texts: FirstTexts = None,
    assign: o.Assign = None,
    threads: o.Threads = None,
    fresh: o.Fresh = False,
    json: o.Json = False,
) -> None:
    """Write a synthetic set with exactly as many examples per label as asked for."""
    from dawgen.runs.stages import generate_stage

    numbers = generate_stage(generator, per_label, out, first_texts, threads, fresh=fresh, free=assign or ())
    typer.echo(str(out))
    o.print_json(numbers, json)


def curate(
    synthetic: Annotated[Path, typer.Argument(help="a synthetic set: folder or file", metavar="SET")],
    real: Annotated[str, typer.Option(help="the few real examples")],
    out: Annotated[Path, typer.Option(help="folder of the curated set")],
    task: o.Task = None,
    dev: o.Dev = None,
    test: o.Test = None,
    config: o.Config = None,
    assign: o.Assign = None,
    json: o.Json = False,
) -> None:
    """Leave out copies, duplicates, leaks, echoes and doubtful labels, each with its reason."""
    settings = o.make_config("mini", config, assign, task=task, train=real, dev=dev, test=test)
    from dawgen.runs.stages import curate_stage

    numbers = curate_stage(settings, synthetic, out)
    typer.echo(f"kept {numbers['kept']} of {numbers['generated']}")
    for reason, count in numbers["dropped"].items():
        typer.echo(f"dropped {count}: {reason}")
    o.print_json(numbers, json)


def train(
    out: Annotated[Path, typer.Option(help="folder of the bundle")],
    task: o.Task = None,
    train: o.Train = None,
    dev: o.Dev = None,
    synthetic: o.Synthetic = None,
    method: o.Method = "dawgen",
    shots: o.Shots = None,
    label_words: o.LabelWords = None,
    question: o.Question = None,
    name: o.Name = None,
    leaks: o.Leaks = None,
    conflicts: o.Conflicts = None,
    imbalance: o.Unequal = None,
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
) -> None:
    """Train a soft prompt for the frozen target on real and synthetic examples."""
    settings = o.make_config(
        preset,
        config,
        assign,
        label_words,
        task=task,
        train=train,
        dev=dev,
        synthetic=synthetic,
        methods=[method],
        shots=shots,
        question=question,
        name=name,
        leaks=leaks,
        conflicts=conflicts,
        imbalance=imbalance,
        seed=seed,
        threads=threads,
    )
    from dawgen.progress import warn
    from dawgen.runs.stages import train_stage

    for warning in train_stage(settings, out):
        warn(f"warning: {warning}")
    typer.echo(str(out))


def evaluate(
    bundle: Bundle,
    test: Annotated[str, typer.Option(help="labelled examples")],
    columns: o.Columns = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Measure a soft prompt on labelled examples."""
    from dawgen.runs.stages import evaluate_stage

    numbers = evaluate_stage(bundle, test, o.parse_columns(columns), threads)
    typer.echo(f"accuracy {numbers['accuracy']:.4f}  macro-F1 {numbers['macro_f1']:.4f}  rows {numbers['n']}")
    if "ece" in numbers:
        warm = numbers["temperature"]
        before = "" if warm == 1 else f"{100 * numbers['untempered']['ece']:.1f} % without temperature {warm:.3g}; "
        chance = f"{before}about {100 * numbers['ece_noise']:.1f} % by chance"
        typer.echo(f"ECE {100 * numbers['ece']:.1f} % ({chance})  Brier {numbers['brier']:.3f}")
    typer.echo("rows: label in the file; columns: label predicted, in the same order")
    for label, row in zip(numbers["labels"], numbers["confusion"], strict=True):
        typer.echo(f"{label:>16} " + " ".join(f"{count:6}" for count in row))
    o.print_json(numbers, json)
