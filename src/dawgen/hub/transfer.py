"""Files to and from repositories of the Hugging Face Hub, through its own client and cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from dawgen.errors import BundleError, ConfigError, DawgenError, first_line
from dawgen.hub.ask import PATIENCE

Kind = Literal["model", "dataset"]


def check_repo(what: str, repo: str) -> None:
    """Raise ConfigError for what can be no name of a repository, OWNER/NAME; `what` begins the message."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, but not re-exported

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"{what}: {str(error).splitlines()[0]}") from error
    if repo.count("/") != 1:
        raise ConfigError(f"{what}: expected OWNER/NAME.")


def check_token(what: str, token: str | None = None) -> None:
    """Raise ConfigError where neither a token is given nor huggingface_hub finds one; `what` begins the message."""
    from huggingface_hub import get_token

    if token is None and get_token() is None:
        raise ConfigError(
            f"{what}: expected a token of the Hugging Face Hub, found none: `hf auth login`, or set HF_TOKEN."
        )


def push_files(
    folder: Path,
    repo: str,
    kind: Kind,
    *,
    what: str,
    message: str,
    private: bool = False,
    token: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Upload the files of a folder into a repository, which is made if it is not there; returns its address.

    what: begins messages. message: of the commit. private: of a new repository. token: None takes the one that
    huggingface_hub finds. revision: a branch, made if it is not there. endpoint: another hub than HF_ENDPOINT's.

    Raises:
        ConfigError: the hub refuses the token or the card, or a repository that should be private is public.
        DawgenError: it cannot be reached.
    """
    from huggingface_hub import HfApi

    names = [path.name for path in folder.iterdir()]
    with explain(what):
        api = HfApi(endpoint=endpoint, token=token)
        url = api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        if private and not api.repo_info(repo, repo_type=kind).private:
            raise ConfigError(
                f"--private: {repo} is there already, and public. Name another, or make it private first."
            )
        if revision is not None:
            api.create_branch(repo, branch=revision, repo_type=kind, exist_ok=True)
        api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            repo_type=kind,
            allow_patterns=names,
            commit_message=message,
            revision=revision,
        )
    return str(url)


def fetch_files(
    repo: str,
    choices: Sequence[Sequence[str]],
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
) -> list[Path]:
    """Return the files of the first choice that a model repository has, in huggingface_hub's cache.

    No other file is fetched, and all are of one commit. Without a network, and with HF_HUB_OFFLINE, the cache answers.

    choices: lists of file names; of which list the first is there, the others must be too. revision: a branch, tag or
    commit. token: None takes the one that huggingface_hub finds. cache_dir: None takes HF_HUB_CACHE.

    Raises:
        BundleError: the repository is there, and no choice in it. ConfigError: there is no such repository or revision,
            or it is closed to the token. DawgenError: the hub does not answer, and the files are not on this machine.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError

    api = HfApi(token=token)
    with explain(repo):
        silent = _find_silence(api, repo, revision)

        def fetch(name: str, at: str | None) -> Path:
            place = api.hf_hub_download(
                repo, name, revision=at, cache_dir=cache_dir, etag_timeout=PATIENCE, local_files_only=silent is not None
            )
            return Path(place)

        for first, *others in choices:
            try:
                found = fetch(first, revision)
                commit = found.parent.name  # for the others too, whatever is pushed meanwhile
                return [found, *(fetch(name, commit) for name in others)]
            except EntryNotFoundError:
                continue
    if silent is not None:
        raise DawgenError(
            f"{repo}: it is not on this machine, and {silent}.\nTry again with a network, or give a folder."
        )
    wanted = " or ".join(", ".join(names) for names in choices)
    raise BundleError(f"{repo}: expected {wanted} in the repository, which has neither.\nCheck the name.")


@contextmanager
def explain(what: str) -> Iterator[None]:
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


def _find_silence(api: Any, repo: str, revision: str | None) -> str | None:
    """Return why the cache has to answer; None where the hub does. Its own client would try five times.

    Raises:
        ConfigError: the hub has no such repository or revision, or does not show it.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        api.repo_info(repo, revision=revision, timeout=PATIENCE)
    except GatedRepoError as error:
        raise ConfigError(f"{repo}: one has to ask its owner first, on its page on the hub.") from error
    except RepositoryNotFoundError as error:
        raise ConfigError(
            f"{repo}: the hub has no model of this name, or does not show it to you.\n"
            "Check the name; for a private one give token=, or `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ConfigError(f"{repo}: it has no branch, tag or commit {revision!r:.60}.\nCheck the revision.") from error
    except Exception as error:  # the hub, its HTTP library and the network each raise many kinds of errors
        status = getattr(getattr(error, "response", None), "status_code", 500)
        if status < 500:  # it answers
            raise
        return f"the hub does not answer ({first_line(error)})"
    return None
