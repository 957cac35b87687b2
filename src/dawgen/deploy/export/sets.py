"""What is known of a synthetic set: from its own folder, the generator beside it and the run or grid around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.data import iterate_rows
from dawgen.errors import DataError
from dawgen.files import read_json
from dawgen.records import Example
from dawgen.report.run.files import Fields
from dawgen.report.run.numbers import find_wilson_interval
from dawgen.report.run.tables import list_environment
from dawgen.runs.finished import describe_generator, find_generator, find_run, hide_path, read_run_files
from dawgen.scenes.fidelity import measure_fidelity


def gather_set_facts(folder: Path) -> dict[str, Any]:
    """Return the facts of `report.cards.render_card` on a folder with train.jsonl; what is not known is left out.

    Raises:
        DataError: no rows, or a damaged file.
    """
    run = find_run(folder)
    config, metrics = read_run_files(run) if run else ({}, {})
    generator, known = find_generator(folder), _read_curation(folder)
    labels = generator.task.labels if generator else metrics.get("labels") or tuple(known.get("kept_by_label") or ())
    task = generator.task.name if generator else str(metrics.get("task") or known.get("task") or "custom")
    facts = known | _count_rows(folder / "train.jsonl", labels, task) | _describe_run(config, metrics)
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


def _describe_run(config: Fields, metrics: Fields) -> dict[str, Any]:
    if not metrics:
        return {}
    synthetic = metrics.get("synthetic") or {}
    facts = {"shots": metrics.get("shots_per_label"), "curate": config.get("curate"), "notes": metrics.get("notes")}
    facts["copy_share_by_label"] = synthetic.get("copy_share_by_label")
    facts["before"] = (metrics.get("generators") or {}).get((config.get("generator") or {}).get("kind"))
    facts["environment"] = describe_environment(config)
    facts["inputs"] = name_inputs(config)
    return {key: value for key, value in facts.items() if value}


def describe_environment(config: Fields) -> list[tuple[str, str]]:
    """Return versions, device, threads and models of a run; a model's folder by its bare name."""
    models = (config.get("record") or {}).get("models") or {}
    names = {f"{role} model": str(model.get("name")) for role, model in models.items()}
    facts = list_environment(config)
    return [
        (name, value.replace(names[name], hide_path(names[name])) if name in names else value) for name, value in facts
    ]


def name_inputs(config: Fields) -> dict[str, str]:
    """Return the SHA-256 of each input file by its bare name: where it lay is nobody's business."""
    found = (config.get("record") or {}).get("inputs") or {}
    return {Path(str(name)).name: str(digest) for name, digest in found.items()}
