"""`dawgen export`: a bundle becomes a PEFT adapter, a synthetic set a dataset folder, each with its card."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.export.facts import gather_model_facts, name_base
from dawgen.deploy.export.folder import check_new, fill_new
from dawgen.deploy.export.hub import check_push, push_folder
from dawgen.deploy.export.sets import gather_set_facts
from dawgen.errors import ConfigError
from dawgen.files import write_text, write_with
from dawgen.hub.card import describe_licence
from dawgen.hub.transfer import Kind
from dawgen.methods.kept.probe import has_probe
from dawgen.models.known import KNOWN
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.base import check_public, is_bundled, rename_base
from dawgen.prompt.bundle.format import BundleInfo, load_bundle
from dawgen.prompt.bundle.peft import check_placement, write_adapter
from dawgen.prompt.template import find_mask, find_sentinel
from dawgen.report.cards.dataset import write_card
from dawgen.report.cards.model import render_model_card

CARD, ROWS = "README.md", "train.jsonl"


@dataclass(frozen=True)
class Exported:
    """The files of an export: bytes by file name. url: where it was pushed to, None if it was not."""

    kind: Kind
    files: dict[str, int]
    url: str | None = None


def export_peft(
    bundle: str | Path,
    out: str | Path,
    *,
    model: str | Backbone | None = None,
    base: str | None = None,
    repo: str | None = None,
    license: str | None = None,  # noqa: A002  # the hub's word
    runs: Sequence[str | Path] = (),
) -> Exported:
    """Write a bundle as a PEFT adapter with its model card into a new folder.

    Args:
        bundle: the folder of a bundle.
        out: a folder that does not exist yet.
        model: the base model in another place, as for `PromptClassifier.load`, which checks it.
        base: how others find the base on the hub, where the bundle names a folder.
        repo: where the folder will be published, for the card's snippets.
        license: of the card, by the hub's name for it.
        runs: runs of the same job with other seeds, for the card.

    Returns:
        The kind "model", and the bytes of each file by name; the adapter's prompt is [P,H] in float32.

    Raises:
        BundleError: a damaged bundle, a base that is another one, or a prompt that stands behind the text, for which
            PEFT has no place. ConfigError: a wrong argument or a used folder.

    >>> import dawgen
    >>> exported = dawgen.export_peft("bundle", "adapter")
    >>> sorted(exported.files)
    ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'dawgen.json']
    """
    source, folder = Path(bundle), Path(out)
    check_new(folder)
    describe_licence(license, "")
    prompt, info = load_bundle(source)
    check_placement(source, info)
    facts = gather_model_facts(source, prompt, info, [Path(run) for run in runs])
    backbone = PromptClassifier.load(source, model).backbone_
    info = rename_base(info, base)
    facts |= describe_base(info, backbone, base) | {"repo": repo, "license": license}
    with fill_new(folder, "export") as place:
        write_adapter(place, prompt, info, backbone)
        write_text(place / CARD, render_model_card(facts))
    return Exported("model", list_files(folder))


def export_set(
    source: str | Path,
    out: str | Path,
    *,
    repo: str | None = None,
    license: str | None = None,  # noqa: A002
) -> Exported:
    """Write the rows of a synthetic set with its data card into a new folder, and nothing that quotes real examples.

    Raises:
        DataError: no rows, or a damaged file. ConfigError: a wrong argument or a used folder.
    """
    folder, rows = Path(out), Path(source) / ROWS
    facts = gather_set_facts(Path(source)) | {"license": license, "alone": True} | ({"repo": repo} if repo else {})
    with fill_new(folder, "export") as place:
        write_with(place / ROWS, lambda path: shutil.copyfile(rows, path))
        write_card(place / CARD, facts)
    return Exported("dataset", list_files(folder))


def export(
    source: Path,
    out: Path | None,
    *,
    push: str | None = None,
    private: bool = False,
    announce: Callable[[Exported], object] = lambda _: None,
    endpoint: str | None = None,
    **options: Any,
) -> Exported:
    """Export what is in a folder, a bundle or a set, and push it if a repository is named.

    out: None writes into a folder that goes away after the push. announce: is told what will be pushed before it is.
    options: of `export_peft`, and of `export_set` as far as it has them.

    Raises:
        ConfigError: a folder that is neither, options that do not fit, no --out and no --push.
    """
    kind = find_kind(source)
    if out is None and push is None:
        raise ConfigError("export: expected --out FOLDER, or --push OWNER/NAME, got neither.")
    if push is not None:
        check_push(push)
    elif private:
        raise ConfigError("--private: expected --push OWNER/NAME with it.")
    if kind == "dataset" and (wrong := [name for name in ("model", "base", "runs") if options.get(name)]):
        raise ConfigError(f"--{wrong[0]}: expected with a bundle only, {source} is a synthetic set.")
    with tempfile.TemporaryDirectory(prefix="dawgen-") as spare:
        folder = out or Path(spare) / "export"
        if kind == "model":
            if push is not None:
                info = load_bundle(source)[1]
                check_public("--push", info.base, info.revision, options.get("base"))
            done = export_peft(source, folder, repo=push, **options)
        else:
            done = export_set(source, folder, repo=push, license=options.get("license"))
        announce(done)
        url = push_folder(folder, push, kind, private=private, endpoint=endpoint) if push else None
    return Exported(kind, done.files, url)


def find_kind(source: Path) -> Kind:
    """Return whether a folder holds a bundle or a synthetic set.

    Raises:
        ConfigError: neither, with what there is to choose from.
    """
    if (source / "bundle.json").is_file():
        return "model"
    if (source / ROWS).is_file():
        return "dataset"
    if (source / "adapter_config.json").is_file():
        raise ConfigError(f"{source}: this is a PEFT adapter already; `dawgen import` makes a bundle of it.")
    inside = sorted(
        path.parent for pattern in ("prompts/*/bundle.json", "synthetic/train.jsonl") for path in source.glob(pattern)
    )
    if has_probe(source):
        raise ConfigError(f"{source}: this is a probe, which only `dawgen predict` takes.")
    hint = f" Inside are {', '.join(map(str, inside))}." if inside else ""
    raise ConfigError(
        f"{source}: expected a bundle (bundle.json) or a synthetic set (train.jsonl), found neither.{hint}"
    )


def describe_base(info: BundleInfo, backbone: Backbone, base: str | None) -> dict[str, Any]:
    """Return a card's facts about the base model: where others find it, and how its input is built."""
    bundled = is_bundled(info.base)
    named = KNOWN[info.base].hub if info.base in KNOWN and info.revision else None
    sentinel = find_sentinel(backbone.tokenizer) if info.decoder_sentinel else None
    return {
        "base": name_base(info),
        "kind": backbone.kind,
        "bundled": bundled,
        "hub_base": named if bundled else base or (info.base if info.revision else None),
        "needs": KNOWN[info.base].needs if info.base in KNOWN else [],
        "mask": find_mask(backbone),
        "sentinel_id": sentinel,
        "digest": info.digest,
    }


def list_files(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of a folder by name."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
