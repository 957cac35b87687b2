"""From a handful of labelled texts to a tested soft prompt on a frozen language model.

    import dawgen
    task = dawgen.Task.load("scenes-nli")
    real = dawgen.read("train.jsonl", task=task)
    synthetic = dawgen.Generator(task=task).fit(real).generate(per_label=100, first_texts=texts)
    dawgen.PromptClassifier(task=task).fit(real, synthetic=synthetic).save("bundle")

Public names load when they are first used, so that `import dawgen` takes no time.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

from dawgen import errors
from dawgen.records import Example

if _typing.TYPE_CHECKING:
    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.curation import curate
    from dawgen.data import read
    from dawgen.deploy.export.exporting import export_peft
    from dawgen.deploy.export.importing import import_peft
    from dawgen.deploy.serve.client import Client
    from dawgen.generator.api.estimator import ApiGenerator
    from dawgen.generator.estimator import Generator
    from dawgen.models.resolve import resolve_model
    from dawgen.report.reports import open_report
    from dawgen.tasks import Task

__version__ = "0.1.0"

__all__ = [
    "ApiGenerator",
    "Client",
    "Example",
    "Generator",
    "PromptClassifier",
    "Task",
    "__version__",
    "curate",
    "errors",
    "export_peft",
    "import_peft",
    "open_report",
    "read",
    "resolve_model",
]

_HOMES = {
    "ApiGenerator": "dawgen.generator.api.estimator",
    "Client": "dawgen.deploy.serve.client",
    "Generator": "dawgen.generator.estimator",
    "PromptClassifier": "dawgen.classifier.estimator",
    "Task": "dawgen.tasks",
    "curate": "dawgen.curation",
    "export_peft": "dawgen.deploy.export.exporting",
    "import_peft": "dawgen.deploy.export.importing",
    "open_report": "dawgen.report.reports",
    "read": "dawgen.data",
    "resolve_model": "dawgen.models.resolve",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'dawgen' has no attribute {name!r}")
    value: object = getattr(_importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
