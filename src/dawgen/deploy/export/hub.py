"""To and from the Hugging Face Hub: an exported folder is uploaded, an adapter is fetched. Both only when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from dawgen.data.hub import is_hub_name
from dawgen.errors import ConfigError, DawgenError
from dawgen.prompt.bundle.peft import CONFIG, NOTES, WEIGHTS

Kind = Literal["model", "dataset"]
_PATIENCE = 10.0  # s until a hub that does not answer is given up


def check_push(repo: str) -> None:
    """Refuse, before anything is loaded, an impossible name and a push without a token.

    Raises:
        ConfigError: with what to do.
    """
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, but not re-exported

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"--push {repo}: {str(error).splitlines()[0]}") from error
    if repo.count("/") != 1:
        raise ConfigError(f"--push {repo}: expected OWNER/NAME.")
    if get_token() is None:
        raise ConfigError(
            "--push: expected a token of the Hugging Face Hub, found none: `hf auth login`, or set HF_TOKEN."
        )


def push_folder(folder: Path, repo: str, kind: Kind, *, private: bool = False, endpoint: str | None = None) -> str:
    """Upload the files of a folder into a repository, which is made if it is not there; returns its address.

    endpoint: another hub than the one that huggingface_hub's HF_ENDPOINT names. private: of a new repository.

    Raises:
        ConfigError: the hub refuses the token or the card, or a repository that should be private is public.
        DawgenError: it cannot be reached.
    """
    from huggingface_hub import HfApi

    names = [path.name for path in folder.iterdir()]
    with _explain(f"--push {repo}"):
        api = HfApi(endpoint=endpoint)
        url = api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        if private and not api.repo_info(repo, repo_type=kind).private:
            raise ConfigError(
                f"--private: {repo} is there already, and public. Name another, or make it private first."
            )
        message = f"Upload {'a soft prompt' if kind == 'model' else 'a synthetic set'} with dawgen"
        api.upload_folder(
            repo_id=repo, folder_path=folder, repo_type=kind, allow_patterns=names, commit_message=message
        )
    return str(url)


def fetch_adapter(repo: str, folder: Path, *, endpoint: str | None = None) -> None:
    """Download the three files of an adapter into a folder; dawgen.json may be missing.

    Raises:
        ConfigError: there is no such repository or file. DawgenError: the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError

    with _explain(repo):
        api = HfApi(endpoint=endpoint)
        for name in (CONFIG, WEIGHTS, NOTES):
            try:
                api.hf_hub_download(repo, name, local_dir=folder, etag_timeout=_PATIENCE)
            except EntryNotFoundError:
                if name != NOTES:
                    raise


def looks_remote(adapter: str | Path) -> bool:
    """Return whether an adapter's name is one on the hub: owner/name, and no folder."""
    return isinstance(adapter, str) and is_hub_name(adapter) and ":" not in adapter and not Path(adapter).exists()


@contextmanager
def _explain(what: str) -> Iterator[None]:
    """Turn the errors of huggingface_hub and its HTTP library into one line."""
    try:
        yield
    except Exception as error:  # the hub, its HTTP library and its upload pipeline each raise many kinds of errors
        if isinstance(error, DawgenError):
            raise
        response: Any = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if status in (401, 403):
            advice = "Check the token (`hf auth whoami`) and that it may write there."
            raise ConfigError(f"{what}: the hub refuses: {reason}\n{advice}") from error
        if status is not None or isinstance(error, ValueError):
            raise ConfigError(f"{what}: {reason}\nCheck the name.") from error
        raise DawgenError(f"{what}: the hub cannot be reached: {reason}") from error
