"""What `make real` took, wrote and reached, as README.md and docs/real.md show it.

make real 2>&1 | tee real.log
python -m experiments.pages.real_demo --run runs/real --log real.log --machine "two cores of an AMD EPYC"
python -m experiments.pages.real_demo --into README.md
python -m experiments.pages.real_demo --into docs/real.md

The first command keeps the numbers and texts in experiments/results/real_demo.json.
"""

import argparse
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from dawgen.cost.table import show_seconds
from dawgen.errors import DataError
from dawgen.files import read_json, write_json
from dawgen.methods.table import METHODS
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.exports import as_markdown
from dawgen.report.table.text import write_share
from dawgen.runs.demo import list_written
from experiments.pages.blocks import show_blocks

RESULTS = Path("experiments/results/real_demo.json")
SHOWN, BRIEF = 3, 1  # texts of each label on the page, and in the README


def main() -> None:
    """Keep a run's facts, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="the finished run folder")
    parser.add_argument("--log", type=Path, help="what make real printed")
    parser.add_argument("--machine", default="", help="in words")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args()
    if options.run is not None:
        write_json(options.json, gather_facts(options.run, options.log, options.machine))
    show_blocks(make_blocks(read_json(options.json)), options.into)


def gather_facts(run: Path, log: Path | None, machine: str) -> dict[str, Any]:
    """Return what the pages show of a finished run. Raises DataError for a log in which nothing was predicted."""
    metrics = read_json(run / "metrics.json")
    predicted = None
    if log is not None:
        found = re.search(r"^predicted: (.*)$", log.read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise DataError(f"{log}: expected what a run prints, found no line that begins with 'predicted: '.")
        predicted = found[1]
    methods = {
        name: {key: row[key] for key in ("accuracy", "n_test", "seconds")} for name, row in metrics["methods"].items()
    }
    return {
        "machine": machine,
        "predicted": predicted,
        "seconds": metrics["seconds"],
        "methods": methods,
        "generated": metrics["synthetic"]["generated"],
        "kept": metrics["synthetic"]["kept"],
        "dropped": metrics["synthetic"]["dropped"],
        "warnings": metrics["warnings"],
        "written": [list(row) for row in list_written(run, SHOWN)],
    }


def make_blocks(facts: dict[str, Any]) -> dict[str, Table | str]:
    """Return times, texts and methods by key; `real` is all of it in short."""
    texts = [(label, fate, " ".join(text.split())) for label, fate, text in facts["written"]]
    brief = [row for _, group in groupby(texts, key=lambda row: row[0]) for row in list(group)[:BRIEF]]
    methods = [
        [name, write_share(row["accuracy"]), str(row["n_test"]), show_seconds(row["seconds"])]
        for name, row in facts["methods"].items()
    ]
    times, reached = describe_time(facts), describe_methods(facts)
    header = ("method", "right, %", "test rows", "time")
    return {
        "real": f"{times}\n{tabulate_texts(brief)}\n{reached}",
        "real-time": times,
        "real-written": tabulate_texts(texts),
        "real-methods": make_table("Classifiers of the same 64 tickets", header, methods, key="real-methods"),
        "real-dropped": "".join(f"- {reason}: {count}\n" for reason, count in facts["dropped"].items()),
        "real-warnings": "".join(f"- {warning}\n" for warning in facts["warnings"]),
    }


def tabulate_texts(texts: list[tuple[str, str, str]]) -> str:
    """Return a table of labels, fates and texts in Markdown, without a title."""
    table = make_table("", ("written as", "then", "text"), texts, key="real-texts", names=3)
    return as_markdown(table).partition("\n\n")[2]


def describe_time(facts: dict[str, Any]) -> str:
    """Return the predicted and the measured times in two lines of code."""
    stages = {name.split()[0]: seconds for name, seconds in facts["seconds"].items()}
    methods = sum(row["seconds"] for row in facts["methods"].values())
    parts = [f"{name} {show_seconds(seconds)}" for name, seconds in stages.items()]
    parts.append(f"{len(facts['methods'])} methods {show_seconds(methods)}")
    whole = show_seconds(sum(stages.values()) + methods)
    lines = [f"predicted: {facts['predicted']}"] if facts["predicted"] else []
    where = f" ({facts['machine']})" if facts["machine"] else ""
    lines.append(f"measured:  {', '.join(parts)}, in all {whole}{where}")
    return "".join(f"    {line}\n" for line in lines)


def describe_methods(facts: dict[str, Any]) -> str:
    """Return the accuracies, the best first, in one sentence."""
    ranked = sorted(facts["methods"].items(), key=lambda item: -item[1]["accuracy"])
    listed = ", ".join(f"{name} {write_share(row['accuracy'])}" for name, row in ranked)
    said = " **A probe, fitted in seconds, is best here.**" if METHODS[ranked[0][0]].probe else ""
    return f"Right of the {ranked[0][1]['n_test']} other tickets, in per cent: {listed}.{said}\n"


if __name__ == "__main__":
    main()
