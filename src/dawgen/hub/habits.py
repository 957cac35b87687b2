"""What users of other libraries expect of a trained thing: `from_pretrained` and `push_to_hub`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from dawgen.errors import BundleError, ConfigError
from dawgen.hub.transfer import check_repo, check_token, fetch_files, push_files


class HubHabits:
    """The two methods, for a class that says which files it has and how it loads and writes them."""

    _choices: ClassVar[Sequence[Sequence[str]]]
    _what: ClassVar[str]

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        model: Any = None,
        *,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
    ) -> Self:
        """Load from a folder, or from OWNER/NAME on the Hugging Face Hub; all that `load` checks is checked.

        Only JSON and safetensors are fetched, never a pickle, into huggingface_hub's cache, which answers without a
        network too. A folder is never asked for on the hub.

        name: a folder, or OWNER/NAME. model: the base model in another place, or a loaded `Backbone`. revision: a
        branch, tag or commit of the repository. token: None takes the one of `hf auth login` or HF_TOKEN. cache_dir:
        another one than HF_HUB_CACHE. device: None takes a GPU if there is one.

        Raises:
            BundleError: damaged files, none of dawgen's, or another base model. ConfigError: no such repository or
                revision, or it is closed to the token. ModelError: the base model cannot be found. DawgenError: the hub
                does not answer, and the files are not on this machine.
        """
        if Path(name).is_dir():
            if revision is not None:
                raise ConfigError(f"revision: expected with OWNER/NAME on the hub only, {name} is a folder.")
            return cls._load_published(Path(name), model, device)
        repo = str(name)
        check_repo(f"{repo}: expected a folder, or a repository on the hub; there is no such folder", repo)
        cached = fetch_files(repo, cls._choices, revision=revision, token=token, cache_dir=cache_dir)
        with tempfile.TemporaryDirectory(prefix="dawgen-") as spare:
            for path in cached:
                shutil.copyfile(path, Path(spare) / path.name)  # the cache has links, which no bundle may have
            try:
                return cls._load_published(Path(spare), model, device)
            except BundleError as error:
                raise BundleError(str(error).replace(spare, repo)) from error

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        token: str | None = None,
        revision: str | None = None,
        base: str | None = None,
        license: str | None = None,  # noqa: A002  # the hub's word
    ) -> str:
        """Publish what `save` writes with a card, README.md, on the Hugging Face Hub; returns the address.

        The repository is made if it is not there. What lies there under the same names is replaced; the rest stays.

        repo_id: OWNER/NAME. private: of a new repository; one that is there and public is refused. token: None takes
        the one of `hf auth login` or HF_TOKEN. revision: a branch, made if it is not there; None is the main one.
        base: how others find the base model on the hub, where it is a folder here. license: of the card, by the hub's
        name for it; without it the card says that it is unknown.

        Raises:
            ConfigError: a wrong name, no token, one that may not write there, or a base that others do not have.
            DawgenError: the hub cannot be reached.
        """
        what = f"push_to_hub {repo_id}"
        check_repo(what, repo_id)
        check_token(what, token)
        with tempfile.TemporaryDirectory(prefix="dawgen-") as spare:
            folder = Path(spare) / "files"
            folder.mkdir()
            self._write_published(folder, repo_id, base, license)
            options: dict[str, Any] = {"private": private, "token": token, "revision": revision}
            return push_files(
                folder, repo_id, "model", what=what, message=f"Upload {self._what} with dawgen", **options
            )

    @classmethod
    def _load_published(cls, folder: Path, model: Any, device: str | None) -> Self:
        """Load from a folder."""
        raise NotImplementedError

    def _write_published(self, folder: Path, repo: str, base: str | None, license: str | None) -> None:  # noqa: A002
        """Write the files and their card into an empty folder."""
        raise NotImplementedError
