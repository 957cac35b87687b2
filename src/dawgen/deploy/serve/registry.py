"""The registry of a service's prompts on one frozen model: threads may add and remove them while it runs."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.errors import ConfigError, DawgenError, suggest
from dawgen.models.load import Backbone

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class UnknownPromptError(DawgenError):
    """No prompt of this name is served."""

    exit_status = 2


class NameTakenError(DawgenError):
    """Another prompt is served under this name."""

    exit_status = 2


class OutsideError(DawgenError):
    """The folder is not inside the allowed one, or there is no allowed one."""

    exit_status = 2


class Registry:
    """Prompts by name. Rows under way keep the `LoadedPrompt` that they were given: removing one is always safe."""

    def __init__(self, backbone: Backbone, *, allowed: Path | None = None) -> None:
        """Take the frozen model, and the folder from which `add` may load (None: from none)."""
        self.backbone, self.allowed = backbone, allowed
        self._prompts: dict[str, LoadedPrompt] = {}
        self._lock = Lock()  # of the table: held briefly, so that `get` never waits for a bundle that loads
        self._loading = Lock()  # one bundle at a time: each has the model compute its golden outputs

    def add(
        self, folder: str | Path, name: str | None = None, *, digest: str | None = None, inside: bool = True
    ) -> LoadedPrompt:
        """Load a bundle and serve it.

        name: None takes the folder's. digest: refuse a bundle with another one. inside: the folder must be relative
        to the allowed one and resolve to a place in it; False is for folders that the command line names.

        Raises:
            OutsideError: the folder is not inside the allowed one. NameTakenError: the name is in use.
            ConfigError: the name has other characters than allowed. BundleError: the bundle is refused.
        """
        place = self._resolve(folder) if inside else Path(folder)
        chosen = check_name(place.resolve().name if name is None else name)
        with self._loading:
            with self._lock:
                self._refuse_taken(chosen)
            classifier = PromptClassifier.load(place, self.backbone, digest=digest)
            loaded = LoadedPrompt.of(classifier, chosen, classifier.digest_)
            with self._lock:
                self._prompts[chosen] = loaded
        return loaded

    def remove(self, name: str) -> None:
        """Stop serving a prompt.

        Raises:
            UnknownPromptError: there is none of this name.
        """
        with self._lock:
            self._find(name)
            del self._prompts[name]

    def get(self, name: str) -> LoadedPrompt:
        """Return the prompt.

        Raises:
            UnknownPromptError: there is none of this name; the message suggests the nearest.
        """
        with self._lock:
            return self._find(name)

    def list(self) -> list[LoadedPrompt]:
        """Return all prompts, sorted by name."""
        with self._lock:
            return [self._prompts[name] for name in sorted(self._prompts)]

    def _find(self, name: str) -> LoadedPrompt:
        if name not in self._prompts:
            raise UnknownPromptError(f"unknown prompt {name[:64]!r}; {suggest(name[:64], sorted(self._prompts))}")
        return self._prompts[name]

    def _refuse_taken(self, name: str) -> None:
        if name in self._prompts:
            raise NameTakenError(f"{name}: expected a new name, this one is served. Remove it first.")

    def _resolve(self, folder: str | Path) -> Path:
        if self.allowed is None:
            raise OutsideError("expected no bundles from requests: this service was started without --bundles FOLDER.")
        allowed = self.allowed.resolve()
        try:
            place = (allowed / folder).resolve()
            fits = place != allowed and place.is_relative_to(allowed) and not Path(folder).is_absolute()
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, or links that run in a circle
            fits = False
        if not fits:
            raise OutsideError(
                "expected a folder inside the allowed one, given relative to it; links must not lead out of it."
            )
        return place


def check_name(name: str) -> str:
    """Return the name if it is a legal one.

    Raises:
        ConfigError: it is not 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"prompt name {name[:64]!r}: expected 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-', first a letter or digit."
        )
    return name
