"""Where a model is: in the package, in a folder, in a GGUF file, under a short name, or on the Hugging Face hub."""

import os
import re
from pathlib import Path

from dawgen.errors import ModelError, suggest
from dawgen.models.gguf_file import is_gguf
from dawgen.models.known import KNOWN, open_known
from dawgen.models.store import read_record

MINIS = ("mini-ctrl", "mini-t5", "mini-flan")

_HUB_NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?(?<![.-])", re.ASCII)
_WEIGHTS = Path(__file__).parent / "minis"


def resolve_model(name: str) -> str:
    """Return where transformers' `from_pretrained` finds a model: a folder, or the name itself for one on the hub.

    Args:
        name: a bundled mini, a name that `dawgen models` lists, a folder, a GGUF file, which becomes a folder in the
            user's cache, or a model on the Hugging Face Hub.

    Raises:
        ModelError: a mini, a folder or a file that does not exist, or a GGUF file that cannot be converted.

    >>> import dawgen
    >>> dawgen.resolve_model("gpt2")
    'gpt2'
    >>> dawgen.resolve_model("mini-t5").endswith("mini-t5")
    True
    """
    if name in MINIS:
        folder = _WEIGHTS / name
        if not folder.is_dir():
            raise ModelError(
                f"{name}: its weights are missing from this installation ({folder}).\nInstall dawgen again."
            )
        return str(folder)
    if name in KNOWN:
        return open_known(KNOWN[name])
    if is_gguf(name):
        from dawgen.models.convert import convert_gguf  # transformers loads here

        return str(convert_gguf(Path(name).expanduser()))
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or (os.sep != "/" and os.sep in name)
    folder = Path(name).expanduser()
    if looks_like_path and not folder.is_dir():
        raise ModelError(
            f"{name}: expected a folder with a Hugging Face model, there is none.\nCheck the path, or name a bundled "
            f"model ({', '.join(MINIS)}) or a hub model such as gpt2."
        )
    if folder.is_dir():
        return str(folder)
    owner = Path(name).parent
    if not _HUB_NAME.fullmatch(name) or (owner != Path() and owner.is_dir()):  # no name, or a slip in a path
        beside = sorted(item.name for item in owner.iterdir() if item.is_dir()) if owner.is_dir() else []
        near = f"{owner}/: {suggest(folder.name, beside)}" if owner != Path() and beside else ""
        raise ModelError(
            f"{name[:100]}: expected a folder with a Hugging Face model, or owner/name on the hub; there is no such "
            f"folder, and it can be no name there.\n{near or suggest(name[:100], [*MINIS, *KNOWN])}"
        )
    return name


def name_quantisation(source: str) -> str | None:
    """Return how a model folder's weights were quantised before they were converted, such as "Q4_1"; else None."""
    said = (read_record(Path(source)) or {}).get("quantisation")
    return said if isinstance(said, str) and re.fullmatch(r"[A-Z0-9_]{1,16}", said) else None


def name_revision(name: str, source: str) -> str | None:
    """Return the commit of a short name's model that is in the hub's cache; None for any other."""
    folder = Path(source)
    return folder.name if name in KNOWN and folder.parent.name == "snapshots" else None
