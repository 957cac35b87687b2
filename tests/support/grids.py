"""A grid on tiny models that runs in seconds, and work that does nothing or dies."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dawgen.engine.storage import Store
from dawgen.errors import DataError
from support.jobs import LABELS, quick_settings, save_models, write_inputs

ARMS = ["zero_shot", "prompt_tuning", "eda", "dawgen", "dawgen/pooled"]


def write_grid(folder: Path, *, arms: Any = tuple(ARMS), **block: Any) -> Path:
    """Write models, data, a task and grid.yaml with one block into the folder; returns the grid's path."""
    models = save_models(folder)
    settings = {key: value for key, value in quick_settings(models).items() if isinstance(value, dict)}
    del settings["target"]["model"]
    files = {name: Path(path).name for name, path in write_inputs(folder).items()}
    task = {
        "name": "pairs",
        "labels": list(LABELS),
        "template": "{text1} and {text2} answer {mask}",
        "generator": {"prompts": {label: f"{label} text" for label in LABELS}, "infix": "then"},
        "label_words": {"same": "yes", "other": "maybe", "not": "no"},
    }
    (folder / "pairs.yaml").write_text(yaml.safe_dump(task))
    own = str(folder / "pairs.yaml")
    first = {"tasks": [own], "targets": [models["target"]], "seeds": [1, 2], "shots": [4], "multiples": [1, 2]}
    grid = {
        "name": "tiny",
        "settings": settings,
        "tasks": {own: files | {"test_rows": 12}},
        "blocks": [first | {"arms": list(arms)} | block],
    }
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump(grid, sort_keys=False))
    return path


@dataclass
class Toy:
    """A piece of work that says who did it. fails: raise. kills: how many times its process is killed first."""

    key: str
    needs: tuple[str, ...] = ()
    fails: bool = False
    kills: int = 0

    folder = "prompts"

    @property
    def file(self) -> str:
        """The name of its numbers."""
        return f"{self.folder}/{self.key}.json"

    def is_done(self, store: Store) -> bool:
        """Return whether its numbers are there."""
        return store.exists(self.file)

    def run(self, store: Store) -> dict[str, Any]:
        """Die, fail, or return the process that ran it."""
        for time in range(self.kills):
            if not store.exists(f"killed/{self.key}-{time}"):
                store.write_text(f"killed/{self.key}-{time}", "")
                os.kill(os.getpid(), signal.SIGKILL)
        if self.fails:
            raise DataError(f"no rows in {self.key}")
        return {"accuracy": 0.5, "process": os.getpid()}
