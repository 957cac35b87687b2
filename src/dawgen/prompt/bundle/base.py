"""How a bundle names its base model, where the bundle goes to others."""

from __future__ import annotations

from dawgen.errors import ConfigError
from dawgen.models.known import KNOWN
from dawgen.models.resolve import MINIS
from dawgen.prompt.bundle.format import BundleInfo


def rename_base(info: BundleInfo, base: str | None) -> BundleInfo:
    """Return the bundle's facts with another name of its base; what was at a folder's revision is at none."""
    if base is None or base == info.base:
        return info
    settings = info.settings.model_copy(update={"model": base})
    return info.model_copy(update={"base": base, "revision": None, "settings": settings, "digest": ""})


def check_public(what: str, name: str, revision: str | None, base: str | None) -> None:
    """Refuse to publish the path of a folder, which tells others nothing and may name the user.

    what: begins the message. name, revision: of the base model, as it was loaded. base: how others find it.

    Raises:
        ConfigError: the base is a folder, and `base` says nothing.
    """
    if base is None and revision is None and not is_bundled(name):
        raise ConfigError(
            f"{what}: the base {name} is a folder on this machine, which others do not have.\n"
            "Say with --base OWNER/NAME (base= in Python) how it is called on the hub."
        )


def is_bundled(base: str) -> bool:
    """Return whether dawgen finds a base model under its short name, on any machine."""
    return base in (*MINIS, *KNOWN)
