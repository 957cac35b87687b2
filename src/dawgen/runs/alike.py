"""Whether two jobs are the same: by the contents of what their settings name, not by how they spell it."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dawgen.files import describe_changes, hash_unchanged

FILES = ("task", "train", "dev", "test", "unlabelled", "synthetic")
ROLES = ("target", "generator")


def describe_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return which settings differ, as `describe_changes` does; a file under another path is the same file.

    found, wanted: what config.yaml holds; the hashes of files and the fingerprints of models are in its `record`.
    """
    return describe_changes(respell(found, wanted), wanted)


def respell(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return `found` with the paths of `wanted` wherever both name the same content."""
    same: dict[str, Any] = copy.deepcopy(dict(found))
    there, here = (_list_inputs(one) for one in (found, wanted))
    for name in FILES:
        old, new = found.get(name), wanted.get(name)
        if isinstance(old, str) and isinstance(new, str) and old != new and _is_same(old, new, there, here):
            same[name] = new
            if old in there and new in here:
                same["record"]["inputs"][new] = same["record"]["inputs"].pop(old)
    for role in ROLES:
        _respell_model(role, found, wanted, same)
    _respell_bundles(found, wanted, same)
    return same


def _list_inputs(settings: Mapping[str, Any]) -> dict[str, str]:
    inputs = (settings.get("record") or {}).get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _is_same(old: str, new: str, there: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Return whether two names stand for one content: by the recorded hashes, else by what lies there now."""
    if old in there and new in here:
        return there[old] == here[new]
    try:
        if os.path.samefile(old, new):
            return True
        return Path(old).is_file() and Path(new).is_file() and hash_unchanged(Path(old)) == hash_unchanged(Path(new))
    except OSError:
        return False


def _respell_model(role: str, found: Mapping[str, Any], wanted: Mapping[str, Any], same: dict[str, Any]) -> None:
    old, new = ((one.get(role) or {}).get("model") for one in (found, wanted))
    if not (isinstance(old, str) and isinstance(new, str)) or old == new or not Path(new).exists():
        return
    before, now = (((one.get("record") or {}).get("models") or {}).get(role) or {} for one in (found, wanted))
    # A run that needs no generator records none: then the settings alone name it.
    alike = {name: value for name, value in before.items() if name != "name"} == {
        name: value for name, value in now.items() if name != "name"
    }
    weights = [Path(model) / "model.safetensors" for model in (old, new)]
    if alike and (
        not Path(old).exists() or _is_same(old, new, {}, {}) or _is_same(str(weights[0]), str(weights[1]), {}, {})
    ):
        same[role]["model"] = new
        if before:
            same["record"]["models"][role]["name"] = now.get("name")


def _respell_bundles(found: Mapping[str, Any], wanted: Mapping[str, Any], same: dict[str, Any]) -> None:
    """Bundles that a training starts from: one content has one bundle.json, whose digest covers the prompt."""
    old, new = ((one.get("target") or {}).get("init") for one in (found, wanted))
    if _is_same_bundle(old, new):
        same["target"]["init"] = new
    old, new = ((one.get("baselines") or {}).get("prompt_sources") for one in (found, wanted))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        same["baselines"]["prompt_sources"] = [b if _is_same_bundle(a, b) else a for a, b in pairs]


def _is_same_bundle(old: object, new: object) -> bool:
    if not (isinstance(old, str) and isinstance(new, str)) or old == new:
        return False
    return _is_same(f"{old}/bundle.json", f"{new}/bundle.json", {}, {})
