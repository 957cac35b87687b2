"""`dawgen demo`: the whole job on scenes and the bundled minis, with the same fixed settings for every method."""

from pathlib import Path
from typing import Any

from dawgen.config import SEED, GeneratorKind, RunConfig
from dawgen.progress import Reporter
from dawgen.runs.run import run_job

TASK = "scenes-nli"
METHODS = ("zero_shot", "linear_probe", "prompt_tuning", "synthetic_only", "paired", "dawgen", "gold")
KINDS: tuple[GeneratorKind, ...] = ("untuned", "plain", "weighted", "dawgen")


def demo_config(seed: int = SEED, threads: int | None = None) -> RunConfig:
    """Return the demo's settings: 16 shots per label, 300 synthetic examples per label, 150 steps of 16 + 16 rows."""
    return RunConfig(task=TASK, seed=seed, per_label=300, methods=METHODS, compare_generators=KINDS, threads=threads)


def run_demo(
    out: Path, *, seed: int = SEED, threads: int | None = None, fresh: bool = False, reporter: Reporter | None = None
) -> dict[str, Any]:
    """Run the demo in the folder `out` and return its metrics."""
    return run_job(demo_config(seed, threads), out, fresh=fresh, reporter=reporter)
