"""The options that several verbs share, and how they become settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from dawgen.cli.complete import choose, complete_lists, complete_names, complete_settings, complete_tasks
from dawgen.config import INITS, GeneratorKind, Imbalance, Placement, Refusal, RunConfig, Surgery
from dawgen.errors import ConfigError
from dawgen.methods.table import METHODS
from dawgen.presets import PRESETS

PROMPT_METHODS = [name for name, spec in METHODS.items() if spec.trains == ("prompt",)]

Task = Annotated[
    str | None,
    typer.Option(
        help="a task that `dawgen tasks` lists, or a YAML file of your own",
        autocompletion=complete_tasks,
    ),
]
Train = Annotated[str | None, typer.Option(help="labelled examples: JSONL, CSV, TSV, Parquet, a folder or a hub name")]
Dev = Annotated[str | None, typer.Option(help="labelled examples that choose the best step")]
Test = Annotated[str | None, typer.Option(help="labelled examples that measure the result")]
Unlabelled = Annotated[str | None, typer.Option(help="texts without labels, the first texts of new pairs")]
Synthetic = Annotated[str | None, typer.Option(help="a synthetic set to use: a file, or a folder with train.jsonl")]
Shots = Annotated[int | None, typer.Option(help="real examples per label (default: 16)")]
PerLabel = Annotated[int | None, typer.Option(help="synthetic examples kept per label (default: 500)")]
Methods = Annotated[
    str | None,
    typer.Option(
        help=f"names with commas between them, of {', '.join(METHODS)} "
        f"(default: {', '.join(RunConfig.model_fields['methods'].default)})",
        autocompletion=complete_lists(METHODS),
    ),
]
Method = Annotated[
    str,
    typer.Option(help=f"how to train: {', '.join(PROMPT_METHODS)}", autocompletion=complete_names(PROMPT_METHODS)),
]
LabelWords = Annotated[
    str | None,
    typer.Option(
        help="""JSON, such as '{"entailment": "yes", "contradiction": "no"}' """
        "(default: the task's words, else the labels' names)"
    ),
]
Question = Annotated[
    str | None, typer.Option(help="what a prompt that starts from a question asks (default: the task's question)")
]
Name = Annotated[
    str | None, typer.Option(help="what cards and tables call the task (default: its own name, else the file's)")
]
Leaks = Annotated[
    str | None,
    choose("what to do with training rows that repeat dev or test rows (default: refuse)", get_args(Refusal)),
]
Conflicts = Annotated[
    str | None, choose("what to do with texts that have two labels (default: refuse)", get_args(Refusal))
]
Unequal = Annotated[
    str | None,
    choose(
        "labels with unequal numbers of rows: train on as many of each, or keep all and weigh the loss (default: even)",
        get_args(Imbalance),
    ),
]
Config = Annotated[Path | None, typer.Option(help="YAML with settings; `dawgen config show` prints all of them")]
Columns = Annotated[
    str | None, typer.Option(help="""the files' columns as JSON: '{"text1": "premise", "label": "gold"}'""")
]
Preset = Annotated[str, choose("settings to start from; mini needs no download", PRESETS)]
SHOWN = {  # the settings with choices that are asked for most
    "generator.kind": get_args(GeneratorKind),
    "target.placement": get_args(Placement),
    "target.surgery": get_args(Surgery),
    "target.init": (*INITS, "FOLDER"),
}
Assign = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="a setting, such as target.rate=0.1; may be repeated. `dawgen config show` lists all and what each "
        "may be. Some of them: " + "; ".join(f"{key}: {', '.join(names)}" for key, names in SHOWN.items()),
        metavar="KEY=VALUE",
        autocompletion=complete_settings,
    ),
]
Seed = Annotated[int | None, typer.Option(help="seed of everything that is drawn (default: 13)")]
Threads = Annotated[
    int | None,
    typer.Option(
        help="CPU threads (default: 1 for small models such as the minis, else all; `run` takes the faster of the two)"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object as the last line of stdout")]
Fresh = Annotated[bool, typer.Option("--fresh/--resume", help="start again, or go on where a killed job was")]


def make_config(
    preset: str,
    file: Path | None,
    assignments: list[str] | None,
    label_words: str | None = None,
    columns: str | None = None,
    **arguments: Any,
) -> RunConfig:
    """Return the settings of a verb; arguments that are None were not given."""
    from dawgen.runs.settings import resolve_config

    if label_words is not None:
        arguments["label_words"] = parse_label_words(label_words)
    if columns is not None:
        arguments["columns"] = parse_columns(columns)
    if arguments.get("synthetic") is not None:
        from dawgen.data import find_set

        arguments["synthetic"] = find_set(arguments["synthetic"])
    return resolve_config(preset=preset, file=file, arguments=arguments, assignments=assignments or ())


def _parse_object(text: str, option: str, *, nested: bool = False) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f'{option}: expected JSON such as \'{{"a": "b"}}\', found {text!r:.60} ({error}).') from error
    if not isinstance(value, dict) or not all(
        isinstance(word, (str, dict) if nested else str) for word in value.values()
    ):
        raise ConfigError(f"{option}: expected an object of texts, found {text!r:.60}.")
    return value


def parse_columns(text: str | None) -> dict[str, Any] | None:
    """Return the settings of reading that a text holds as JSON."""
    return None if text is None else _parse_object(text, "--columns", nested=True)


def parse_label_words(text: str) -> dict[str, str]:
    """Return the word of each label that a text holds as JSON."""
    return _parse_object(text, "--label-words")


def print_json(value: Any, wanted: bool) -> None:
    """Print the value as one line of JSON if asked to."""
    if wanted:
        typer.echo(json.dumps(value, ensure_ascii=False))
