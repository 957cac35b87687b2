"""A probe kept for later: `probe.json` holds its settings and the rows it was fitted on, texts and all.

Fitting takes seconds and nothing in it is random, so it is fitted again when it is loaded, and golden outputs, those of
dawgen's own sentences, say whether it became the same. Such a file may come from a stranger: it is read as a bundle is,
and no code of it is run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from dawgen.classifier.probe import Probe
from dawgen.config import BaselineConfig, TargetConfig
from dawgen.errors import BundleError
from dawgen.files import write_json
from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec
from dawgen.methods.table import METHODS
from dawgen.models.load import Backbone, load_target
from dawgen.prompt.bundle.checks import hash_tokenizer
from dawgen.prompt.bundle.files import PROBE, check_digest, check_format, explain, hash_content, parse_info, read_file
from dawgen.prompt.bundle.golden import golden_examples
from dawgen.records import Example
from dawgen.section import Settings
from dawgen.tasks import Task

FORMAT = 1
MOST = 2**26  # bytes; 100,000 rows have some 20 MiB
FAR = 0.02  # of a probability: how far golden outputs may move, by other libraries or processors

Row = tuple[str, str | None, str]


class ProbeInfo(Settings):
    """What `probe.json` holds.

    digest: a SHA-256 of all else. real, synthetic: text1, text2 and label of each row. weigh: whether rows of rare
    labels weighed more. base: of the frozen target whose states are the features, its fingerprint and tokenizer's hash;
    None where there is none. golden: probabilities [4,K] of `golden_examples`.
    """

    format: int = FORMAT
    digest: str = ""
    method: str
    task: Task
    target: TargetConfig
    baselines: BaselineConfig
    weigh: bool = False
    base: tuple[str, str] | None = None
    golden: tuple[tuple[float, ...], ...]
    real: tuple[Row, ...] = Field(min_length=1)
    synthetic: tuple[Row, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The task's labels, in order."""
        return self.task.labels


def keep_probe(folder: Path, spec: MethodSpec, backbone: Backbone, given: Given, probe: Probe) -> None:
    """Write a fitted probe. `given` is what it was fitted on."""
    info = ProbeInfo(
        method=spec.name,
        task=given.task,
        target=given.target,
        baselines=given.baselines,
        weigh=given.weigh,
        base=_name_base(backbone) if spec.asks else None,
        golden=tuple(tuple(row) for row in _answer_golden(given.task, probe).tolist()),
        real=tuple(map(_write_row, given.real)),
        synthetic=tuple(map(_write_row, given.synthetic or ())),
    )
    content = info.model_dump(mode="json")
    write_json(folder / PROBE, content | {"digest": hash_content(content).hexdigest()})


def has_probe(folder: Path) -> bool:
    """Return whether a folder holds a probe rather than a prompt."""
    return (folder / PROBE).is_file()


def read_probe(folder: Path, *, digest: str | None = None) -> ProbeInfo:
    """Read `probe.json`. digest: the only one that is accepted.

    Raises:
        BundleError: it is missing, damaged, changed, too large or of another format, or contradicts itself.
    """
    path = folder / PROBE
    content = parse_info(read_file(path, MOST), path)
    check_format(path, content, FORMAT, "format", "Fit the probe again.")
    check_digest(path, content, hash_content(content).hexdigest(), digest, "probe")
    try:
        info = ProbeInfo.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise BundleError(f"{path}: expected a probe, the file is damaged: {explain(error)}") from error
    reason = _find_fault(info)
    if reason is not None:
        raise BundleError(f"{path}: it contradicts itself: {reason}.")
    return info


def load_probe(folder: Path, *, device: str = "cpu", digest: str | None = None) -> tuple[Probe, Backbone | None]:
    """Fit a kept probe again; returns it, and the frozen target whose states it reads, None where it reads none.

    Raises:
        BundleError: as `read_probe`; another target than it was fitted on, rows that nothing can be learned from, or
            golden outputs that are not reached.
        ModelError: the target or the sentence encoder cannot be found.
    """
    info = read_probe(folder, digest=digest)
    spec, task = METHODS[info.method], info.task
    backbone = load_target(info.target.model, dtype=info.target.dtype, device=device) if spec.asks else None
    if backbone is not None and _name_base(backbone) != info.base:
        raise BundleError(
            f"{folder}: the probe was fitted on the states of {info.target.model}, whose weights or tokenizer are now "
            "others.\nFit it again, or load the model as it was."
        )
    given = Given(
        task=task,
        real=[Example(*row) for row in info.real],
        synthetic=[Example(*row) for row in info.synthetic] or None,
        target=info.target,
        baselines=info.baselines,
        weigh=info.weigh,
    )
    try:
        probe = cast(Probe, spec.fit(cast(Backbone, backbone), given))  # one that does not ask takes no target
        moved = float(abs(_answer_golden(task, probe) - info.golden).max())
    except ValueError as error:  # scikit-learn's, of rows that nothing can be learned from
        raise BundleError(f"{folder}: could not fit the probe again: {error}") from error
    if not moved <= FAR:
        raise BundleError(
            f"{folder}: its golden outputs moved by {moved:.2g} (at most {FAR:g} expected): features or fit are not "
            "what they were.\nCheck the files of its encoder or model and the version of scikit-learn, or fit it again."
        )
    return probe, backbone


def _find_fault(info: ProbeInfo) -> str | None:
    """Return what parts of a probe do not fit each other, None if all do."""
    spec, task, rows = METHODS.get(info.method), info.task, [*info.real, *info.synthetic]
    if spec is None or not spec.probe:
        return f"method: expected one of {', '.join(name for name, one in METHODS.items() if one.probe)}"
    if spec.asks != (info.base is not None):
        return "base: expected one exactly where the method reads a target's states"
    if spec.synthetic != bool(info.synthetic):
        return "synthetic: expected rows exactly where the method takes some"
    if any((text2 is None) == task.pair for _, text2, _ in rows):
        return "rows: expected pairs exactly where the task has pairs"
    if not {label for *_, label in rows} <= set(task.labels):
        return "rows: expected labels of the task"
    if [len(row) for row in info.golden] != [len(task.labels)] * len(golden_examples(task.pair)):
        return "golden: expected a probability for each sentence and label"
    return None


def _answer_golden(task: Task, probe: Probe) -> NDArray[np.float64]:
    return np.exp(probe.score_labels(golden_examples(task.pair)).astype(np.float64)).round(6)


def _name_base(backbone: Backbone) -> tuple[str, str]:
    return backbone.fingerprint, hash_tokenizer(backbone.tokenizer)


def _write_row(row: Example) -> Row:
    return row.text1, row.text2, str(row.label)
