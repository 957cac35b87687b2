"""dawgen: from a handful of labelled texts to a tested soft prompt. Public names load when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dawgen import errors
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.curation import curate
    from dawgen.data import read
    from dawgen.generator.generator import Generator
    from dawgen.pipeline.export import export_peft
    from dawgen.pipeline.export_import import import_peft
    from dawgen.serve.client import Client
    from dawgen.target.classifier import PromptClassifier
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
    "Client": "dawgen.serve.client",
    "Generator": "dawgen.generator.generator",
    "PromptClassifier": "dawgen.target.classifier",
    "Task": "dawgen.tasks",
    "curate": "dawgen.curation",
    "export_peft": "dawgen.pipeline.export",
    "import_peft": "dawgen.pipeline.export_import",
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
