"""A stand-in for a package of the package index that holds a model's files, which fails the test if it is imported."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dawgen.models import known
from dawgen.models.known import Known


def install_model(
    monkeypatch: pytest.MonkeyPatch, site: Path, model: Known, file: Path | None, *, number: int = 0
) -> Path:
    """Put a package with the file on sys.path and let the short name expect it; returns the file's path there.

    None leaves a package without the file. number: which of the model's packages.
    """
    package = model.packages[number]
    folder = site / package.module
    target = folder / package.file
    target.parent.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the package was imported')\n")
    info = site / f"{package.project.replace('-', '_')}-0.1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.project}\nVersion: 0.1.2\n")
    if file is not None:
        target.write_bytes(file.read_bytes())
        content = target.read_bytes()
        expected = replace(package, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        packages = (*model.packages[:number], expected, *model.packages[number + 1 :])
        monkeypatch.setitem(known.KNOWN, model.name, replace(model, packages=packages))
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    return target
