"""The tables of docs/serve.md from the results of soak, SIGTERM and benchmark.

python -m experiments.pages.serve_page --into docs/serve.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.table import read_results, render_table
from dawgen.report.table.core import Table, make_table
from experiments.pages.blocks import show_blocks

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "experiments" / "results"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soak", type=Path, default=RESULTS / "serve_soak.json")
    parser.add_argument("--term", type=Path, default=RESULTS / "serve_term.json")
    parser.add_argument("--benchmarks", type=Path, default=ROOT / "benchmarks" / "speed" / "results.json")
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args(arguments)
    show_blocks(make_blocks(options.soak, options.term, options.benchmarks), options.into)


def make_blocks(soak: Path, term: Path, benchmarks: Path) -> dict[str, Table | str]:
    """Return every block of the page by its key."""
    soaked, pulled = json.loads(soak.read_bytes()), json.loads(term.read_bytes())
    rows = [row for row in read_results(benchmarks) if row["name"].startswith(("serving ", "memory of "))]
    return {
        "soak": tabulate_soak(soaked),
        "soak-checks": list_checks(soaked["checks"]),
        "term": tabulate_term(pulled),
        "term-checks": list_checks(pulled["checks"]),
        "benchmark": render_table(rows) + "\n",
    }


def tabulate_soak(found: Mapping[str, Any]) -> Table:
    """Return the numbers of the soak, those of its calm part beside them."""
    load, columns = found["load"], [list_numbers(part) for part in (found, found["calm"])]
    rows = [(what, columns[0][what], columns[1][what]) for what in columns[0]]
    title = (
        f"{load['clients']} clients, {load['model']}, 1 to {load['most']} texts each, {load['aborts']:.0%} given up; "
        f"{name_place(load['threads'], found['machine'])}"
    )
    header = ("", "asking as fast as it answers", f"pausing up to {found['calm']['load']['pause']:.0f} s")
    return make_table(title, header, rows, key="soak")


def list_numbers(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what is told of one part of the soak."""
    times, service, changes = found["milliseconds"], found["service"], found["changes"]
    statuses = ", ".join(f"{status}: {count:,}" for status, count in found["statuses"].items())
    return {
        "seconds": f"{found['seconds']:.0f}",
        "replies by status": statuses,
        "requests given up by the client; before the answer was out": (
            f"{found['aborted']:,}; {service['cancelled_total']:,.0f}"
        ),
        "answers compared with the single one": f"{found['answers']:,}",
        "wrong answers": f"{found['wrong']}",
        "largest difference of a probability": f"{found['largest_difference']:.1g}",
        "answered requests per second; texts": f"{found['requests_per_second']:.0f}; {found['rows_per_second']:.0f}",
        "time to the answer, p50": f"{times['p50']:,.0f} ms",
        "p95": f"{times['p95']:,.0f} ms",
        "p99": f"{times['p99']:,.0f} ms",
        "longest": f"{times['max']:,.0f} ms",
        "rows of a batch; prompts": f"{service['batch_rows']:.1f}; {service['batch_prompts']:.1f}",
        "padding": f"{service['batch_padding_share']:.1%}",
        "prompts added; removed": f"{changes['added']}; {changes['removed']}",
        "time to add one (median)": f"{1000 * changes['seconds_to_add']:.0f} ms",
        "resident size, median of each quarter": show_memory(found["memory"]),
        "open files at rest, before; after": f"{found['files']['before']}; {found['files']['after']}",
    }


def show_memory(memory: Mapping[str, float]) -> str:
    """Return the resident size through the quarters."""
    return ", ".join(f"{value:.0f}" for name, value in memory.items() if name.endswith("quarter")) + " MiB"


def tabulate_term(found: Mapping[str, Any]) -> Table:
    """Return what became of the requests of each round, those sent before the signal and those sent after it."""
    pull, rows = found["pull"], []
    for number, one in enumerate(found["rounds"], 1):
        before, after = one["before"], one["after"]
        lost = before["closed"] + before["torn"] + before["wrong"]
        rows.append(
            (
                f"{number}, clients pause" if one["pause"] else str(number),
                str(sum(before.values())),
                str(one["open"]),
                str(one["open_answered"]),
                str(before["refused"]),
                str(lost),
                f"{after['right']}, {after['refused']}, {after['closed']}",
                f"{one['seconds_to_end']:.2f} s",
            )
        )
    title = (
        f"{pull['clients']} clients, requests of 1 to {pull['most']} texts, {pull['model']}, SIGTERM after "
        f"{pull['seconds']:g} s; {name_place(pull['threads'], found['machine'])}"
    )
    header = (
        "round",
        "sent before the signal",
        "of them without an answer when it came",
        "of these answered",
        "refused",
        "lost",
        "sent later: answered, refused, found it closed",
        "time to the end",
    )
    return make_table(title, header, rows, key="term")


def name_place(threads: int, machine: str) -> str:
    """Return where the service ran."""
    return f"{threads} thread{'s' * (threads > 1)} of an {machine}"


def list_checks(checks: Mapping[str, bool]) -> str:
    """Return the checks as a list, with what failed in bold."""
    return "".join(f"- {name}: {'yes' if holds else '**no**'}\n" for name, holds in checks.items())


if __name__ == "__main__":
    main()
