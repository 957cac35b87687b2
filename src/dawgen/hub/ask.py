"""Whether the Hugging Face Hub has something, asked once: its own client tries five times, half a minute without a
network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from dawgen.errors import first_line

PATIENCE = 10  # seconds until the hub has answered


def ask_hub(kind: Literal["model", "dataset"], name: str, kept: Iterable[Path]) -> str | None:
    """Return why a repository cannot come from the hub; None where it can, or where this machine has some of it.

    kept: folders, of which there is one where some of it is here already.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE or any(folder.is_dir() for folder in kept):
        return None
    try:
        HfApi().repo_info(name, repo_type=kind, timeout=PATIENCE)
    except GatedRepoError:
        return None  # the client says how to be let in
    except RepositoryNotFoundError:
        return f"the hub has no {kind} of this name"
    except Exception as error:  # the hub, its HTTP library and the network each raise many kinds of errors
        return f"it is not on this machine, and the hub does not answer ({first_line(error)})"
    return None
