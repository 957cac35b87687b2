"""The registry: names, folders and digests that are taken or refused, from several threads."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from dawgen.deploy.serve.registry import NameTakenError, OutsideError, Registry, UnknownPromptError, check_name
from dawgen.errors import BundleError, ConfigError
from dawgen.models.load import Backbone
from support.bundles import change, save_sound
from support.targets import make_backbone

OUT = (
    "..",
    "../secret",
    "a/../../secret",
    "",
    ".",
    "./",
    "\0",
    "a\0b",
    "link",
    "loop",
    "link/../../secret",
)


@pytest.fixture(scope="module")
def base() -> Backbone:
    return make_backbone()


@pytest.fixture
def allowed(base: Backbone, tmp_path: Path) -> Path:
    """A folder with two bundles, one below a folder, beside a bundle that is none of the service's business."""
    folder = tmp_path / "allowed"
    save_sound(folder / "a", base)
    save_sound(folder / "deep" / "b", base, seed=1)
    save_sound(tmp_path / "secret", base, seed=2)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder / "loop")
    return folder


def test_prompts_come_and_go_by_name(base: Backbone, allowed: Path) -> None:
    registry = Registry(base, allowed=allowed)
    first, second = registry.add("deep/b"), registry.add("a", "other")
    assert [loaded.name for loaded in registry.list()] == ["b", "other"]
    assert registry.get("other") is second and registry.get("b") is first
    assert first.digest != second.digest and not torch.equal(first.prompt, second.prompt)
    with pytest.raises(NameTakenError, match="b: "):
        registry.add("a", "b")
    with pytest.raises(UnknownPromptError, match="did you mean other"):
        registry.get("othr")
    registry.remove("b")
    with pytest.raises(UnknownPromptError):
        registry.remove("b")
    assert first.prompt.shape == (4, 32)  # rows under way keep it
    assert [loaded.name for loaded in registry.list()] == ["other"]


@pytest.mark.parametrize("folder", OUT)
def test_requests_reach_no_other_folder(folder: str, base: Backbone, allowed: Path) -> None:
    registry = Registry(base, allowed=allowed)
    with pytest.raises(OutsideError) as caught:
        registry.add(folder, "name")
    assert str(allowed) not in str(caught.value) and registry.list() == []


def test_an_absolute_folder_is_refused_even_inside(base: Backbone, allowed: Path, tmp_path: Path) -> None:
    registry = Registry(base, allowed=allowed)
    for folder in (allowed / "a", tmp_path / "secret", "/etc"):
        with pytest.raises(OutsideError, match="relative to it"):
            registry.add(str(folder), "name")


def test_no_allowed_folder_allows_none_but_the_command_line(base: Backbone, allowed: Path) -> None:
    registry = Registry(base)
    with pytest.raises(OutsideError, match="--bundles"):
        registry.add("a")
    assert registry.add(allowed / "a", inside=False).name == "a"


def test_the_allowed_folder_may_be_a_link_itself(base: Backbone, allowed: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(allowed)
    assert Registry(base, allowed=tmp_path / "way").add("a").name == "a"


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "-a", "a/b", "a\\b", "a b", "a\n", "ä", "a" * 65, "\0", "%2e", "a:b"]
)
def test_names_are_plain(name: str, base: Backbone, allowed: Path) -> None:
    with pytest.raises(ConfigError, match="prompt name"):
        Registry(base, allowed=allowed).add("a", name)
    assert check_name("A.b_c-9") == "A.b_c-9" and check_name("a" * 64)


def test_a_digest_pins_the_bundle(base: Backbone, allowed: Path) -> None:
    registry = Registry(base, allowed=allowed)
    digest = registry.add("a", "once").digest
    assert registry.add("a", "twice", digest=digest).digest == digest
    change(metrics__accuracy=1.0)(allowed / "a")
    with pytest.raises(BundleError, match="expected the bundle with digest"):
        registry.add("a", "thrice", digest=digest)


def test_a_refused_bundle_leaves_no_trace(base: Backbone, allowed: Path) -> None:
    registry = Registry(base, allowed=allowed)
    (allowed / "a" / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        registry.add("a")
    for folder, reason in (("nowhere", "bundle.json is missing"), ("x" * 5000, "could not read it")):
        with pytest.raises(BundleError, match=reason):
            registry.add(folder, "name")
    assert registry.list() == []


def test_of_many_who_add_one_name_one_wins(base: Backbone, allowed: Path) -> None:
    registry = Registry(base, allowed=allowed)
    for number in range(8):
        shutil.copytree(allowed / "a", allowed / f"copy{number}")

    def add(number: int) -> str:
        try:
            return registry.add(f"copy{number}", "one" if number % 2 else f"own{number}").name
        except NameTakenError:
            return "taken"

    with ThreadPoolExecutor(8) as pool:
        done = sorted(pool.map(add, range(8)))
    assert done == ["one", "own0", "own2", "own4", "own6", "taken", "taken", "taken"]
    assert [loaded.name for loaded in registry.list()] == ["one", "own0", "own2", "own4", "own6"]
