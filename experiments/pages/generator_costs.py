"""The table of generators in docs/cost.md from what `dawgen analyze cost GRID --json` printed.

dawgen analyze cost runs/mini --task scenes-nli --target mini-t5 --hour 0.05 --api-in 0.15 --api-out 0.6 --json \\
    | tail -n 1 > experiments/results/generator_costs.json
python -m experiments.pages.generator_costs --json experiments/results/generator_costs.json --into docs/cost.md
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from dawgen.cost.generators import GeneratorCost, Prices
from dawgen.errors import DataError
from dawgen.evaluate.costs.table import tabulate_generators
from dawgen.report.table.core import Table
from experiments.pages.blocks import show_blocks


def main() -> None:
    """Print the table, or put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="a page whose block is filled")
    options = parser.parse_args()
    show_blocks(make_blocks(options.json), options.into)


def make_blocks(path: Path) -> dict[str, Table]:
    """Return the table by its key. Raises DataError for a file that is not the verb's."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = [field.name for field in fields(GeneratorCost)]
        costs = [GeneratorCost(**{name: one[name] for name in names}) for one in found["generators"]]
        prices = Prices(**found["prices"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected the last line of dawgen analyze cost GRID --json: {error!r}.") from error
    return {"generators": tabulate_generators(costs, prices, found["source"])}


if __name__ == "__main__":
    main()
