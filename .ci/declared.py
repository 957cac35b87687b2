"""What pyproject.toml declares: `lowest` prints its lowest versions as constraints, `versions` what is installed."""

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
ASKED = [*PROJECT["dependencies"], *(item for extra in PROJECT["optional-dependencies"].values() for item in extra)]
BOUNDS = {found[1]: found[2] for item in ASKED if (found := re.match(r"([\w.-]+)>=([\w.]+)", item))}


def main(wanted: str) -> None:
    """Print one of both."""
    if wanted == "lowest":
        print(*(f"{name}=={version}" for name, version in BOUNDS.items()), sep="\n")
    else:
        there = {distribution.name.lower().replace("_", "-") for distribution in importlib.metadata.distributions()}
        names = [name for name in sorted(BOUNDS, key=str.lower) if name.lower() in there]  # not all extras
        found = (f"{name} {importlib.metadata.version(name)}" for name in names)
        print(f"Python {sys.version.split()[0]},", ", ".join(found))


if __name__ == "__main__":
    main(sys.argv[1])
