"""dawgen: from a handful of labelled texts to a tested soft prompt. Public names load when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dawgen import errors
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.classifier.estimator import PromptClassifier
    from dawgen.curation import curate
    from dawgen.data import read
    from dawgen.deploy.export.exporting import export_peft
    from dawgen.deploy.export.importing import import_peft
    from dawgen.deploy.serve.client import Client
    from dawgen.generator.estimator import Generator
    from dawgen.tasks import Task

__version__ = "0.1.0"

__all__ = [
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
    "read",
]

_HOMES = {
    "Client": "dawgen.deploy.serve.client",
    "Generator": "dawgen.generator.estimator",
    "PromptClassifier": "dawgen.classifier.estimator",
    "Task": "dawgen.tasks",
    "curate": "dawgen.curation",
    "export_peft": "dawgen.deploy.export.exporting",
    "import_peft": "dawgen.deploy.export.importing",
    "read": "dawgen.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dawgen' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
