"""To and from the Hugging Face Hub: an exported folder is uploaded, an adapter is fetched. Both only when asked for."""

from __future__ import annotations

from pathlib import Path

from dawgen.data.hub import is_hub_name
from dawgen.hub.ask import PATIENCE
from dawgen.hub.transfer import Kind, check_repo, check_token, explain, push_files
from dawgen.prompt.bundle.peft import CONFIG, NOTES, WEIGHTS


def check_push(repo: str) -> None:
    """Refuse, before anything is loaded, an impossible name and a push without a token.

    Raises:
        ConfigError: with what to do.
    """
    check_repo(f"--push {repo}", repo)
    check_token("--push")


def push_folder(folder: Path, repo: str, kind: Kind, *, private: bool = False, endpoint: str | None = None) -> str:
    """Upload an exported folder with `push_files`; returns the repository's address."""
    message = f"Upload {'a soft prompt' if kind == 'model' else 'a synthetic set'} with dawgen"
    what = f"--push {repo}"
    return push_files(folder, repo, kind, what=what, message=message, private=private, endpoint=endpoint)


def fetch_adapter(repo: str, folder: Path, *, endpoint: str | None = None) -> None:
    """Download the three files of an adapter into a folder; dawgen.json may be missing.

    Raises:
        ConfigError: there is no such repository or file. DawgenError: the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError

    with explain(repo):
        api = HfApi(endpoint=endpoint)
        for name in (CONFIG, WEIGHTS, NOTES):
            try:
                api.hf_hub_download(repo, name, local_dir=folder, etag_timeout=PATIENCE)
            except EntryNotFoundError:
                if name != NOTES:
                    raise


def looks_remote(adapter: str | Path) -> bool:
    """Return whether an adapter's name is one on the hub: owner/name, and no folder."""
    return isinstance(adapter, str) and is_hub_name(adapter) and ":" not in adapter and not Path(adapter).exists()
