"""The facts of a synthetic set: from its own folder, the generator beside it and the run or grid around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.data import iterate_rows
from dawgen.errors import DataError
from dawgen.files import read_json
from dawgen.records import Example
from dawgen.report.run.numbers import find_wilson_interval
from dawgen.runs.finished import FinishedRun, describe_generator, find_generator
from dawgen.scenes.fidelity import measure_fidelity


def gather_set_facts(folder: Path) -> dict[str, Any]:
    """Return the facts of `report.cards.render_card` on a folder with train.jsonl; what is not known is left out.

    Raises:
        DataError: no rows, or a damaged file.
    """
    run = FinishedRun.find(folder)
    generator, known = find_generator(folder), _read_curation(folder)
    if generator is not None:
        task, labels = generator.task.name, generator.task.labels
    else:
        task = (run and run.metrics.task) or str(known.get("task") or "custom")
        labels = (run and run.metrics.labels) or tuple(known.get("kept_by_label") or ())
    facts = known | _count_rows(folder / "train.jsonl", labels, task) | (_describe_run(run) if run else {})
    return facts | (describe_generator(generator) if generator else {})


def _count_rows(file: Path, labels: Sequence[str], task: str) -> dict[str, Any]:
    """Return task, rows by label, the first row of each label, and label fidelity where an oracle knows the task."""
    counts, firsts = Counter[str](), dict[str, Example]()

    def watch() -> Any:
        for row in iterate_rows(file):
            label = str(row.example.label)
            counts[label] += 1
            firsts.setdefault(label, row.example)
            yield row.example

    measured = measure_fidelity(task, watch())
    if not counts:
        raise DataError(f"{file}: expected the rows of a synthetic set, found none.")
    names = [*[label for label in labels if label in counts], *sorted(set(counts) - set(labels))]
    fidelity, n = measured["label_fidelity"], counts.total()
    return {
        "task": task,
        "labels": {label: counts[label] for label in names},
        "pair": next(iter(firsts.values())).text2 is not None,
        "firsts": [firsts[label] for label in names],
        "label_fidelity": fidelity,
        "label_fidelity_interval": None if fidelity is None else find_wilson_interval(fidelity, n),
        "ungrammatical": measured["ungrammatical"],
    }


def _read_curation(folder: Path) -> dict[str, Any]:
    """Return what was generated, dropped and known of the generator: as `dawgen curate` or the raw shards have it."""
    curated, manifest = folder / "curation.json", folder / "raw" / "manifest.json"
    if curated.is_file():
        left_out = ("kept", "label_fidelity")  # which are counted again
        numbers = {key: value for key, value in read_json(curated).items() if key not in left_out}
    elif manifest.is_file():
        numbers = {
            key: value for key, value in read_json(manifest).items() if key in ("generated", "dropped", "surplus")
        }
    else:
        return {}
    return numbers | {"dropped": dict(Counter(numbers.get("dropped") or {}).most_common())}


def _describe_run(run: FinishedRun) -> dict[str, Any]:
    metrics = run.metrics
    before = metrics.generators.get((run.recorded.get("generator") or {}).get("kind", ""))
    facts = {
        "shots": metrics.shots_per_label,
        "curate": run.recorded.get("curate"),
        "notes": list(metrics.notes),
        "copy_share_by_label": metrics.synthetic.copy_share_by_label if metrics.synthetic else None,
        "before": before.model_dump(exclude_none=True) if before else None,
        "environment": run.environment,
        "inputs": run.hashes,
    }
    return {key: value for key, value in facts.items() if value}
