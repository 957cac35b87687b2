"""More than 100 bundles that are damaged, forged or on the wrong base: all refused with a reason, nothing executed."""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import dawgen.classifier.estimator
from dawgen.classifier.estimator import PromptClassifier
from dawgen.cli import main
from dawgen.errors import BundleError
from dawgen.models.load import Backbone, load_target
from dawgen.prompt.bundle.files import INFO, PROMPT
from dawgen.rng import python_rng
from support.bundles import (
    Damage,
    change,
    forge,
    read_content,
    save_sound,
)
from support.damages import WAYS
from support.tiny import save_tiny

RUNS = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")
seen: list[str] | None = None  # what ran or was written; None: nobody watches


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what an interpreter does that runs something, asks the network, or writes and deletes files."""
    if seen is None:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in (*RUNS, "os.remove", "os.rename", "shutil.rmtree") or writes:
        seen.append(f"{event} {arguments!r:.200}")


sys.addaudithook(watch)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load_target(str(save_tiny("t5", tmp_path_factory.mktemp("models") / "t5")))


@pytest.fixture(scope="module")
def sound(base: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_sound(tmp_path_factory.mktemp("bundles") / "sound", base)
    PromptClassifier.load(folder, base)  # loads; and what is imported late is imported
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to damage; a payload that ran would leave a file in the working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Path(shutil.copytree(sound, tmp_path / "bundle"))


@contextmanager
def nothing_runs() -> Iterator[None]:
    """Fail where the block runs something or writes a file."""
    global seen
    seen = []
    try:
        yield
        found = list(seen)
    finally:
        seen = None
    assert found == [] and os.listdir() == []


def list_open() -> list[str]:
    """Return what files the process has open, on Linux."""
    links = Path("/proc/self/fd").glob("*")
    return [os.readlink(link) for link in links if link.is_symlink()]


def refuse(folder: Path, base: str | Backbone, reason: str) -> None:
    """Load the bundle; it must be refused for the reason, in one or two plain lines."""
    with nothing_runs(), pytest.raises(BundleError, match=reason) as caught:
        PromptClassifier.load(folder, base)
    lines = str(caught.value).splitlines()
    assert not [name for name in list_open() if str(folder) in name]
    assert len(lines) <= 2 and str(caught.value).startswith(str(folder))
    assert all(line.isprintable() and len(line) < 600 for line in lines)


def test_there_are_more_than_a_hundred() -> None:
    assert len(WAYS) >= 100


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_bundle_is_refused_and_runs_nothing(way: str, folder: Path, base: Backbone) -> None:
    damage, reason = WAYS[way]
    damage(folder)
    refuse(folder, base, reason)


TEXTS = ("", "\0", "x" * 5000, "\x1b[2J", "\ud800", "{", "{text1}", "{text1} {text2} {mask} on", "same", "bfloat16")
LISTS = ([], {}, [[]], ["a"], ["a", "a"], {"a": 1}, [0, 1], [1, 2, 3])
JUNK = (None, True, -1, 0, 3, 10**30, 1e308, 0.5, *TEXTS, *LISTS)


def list_places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside `value`."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from list_places(inner, (*path, key))


def test_forged_fields_of_any_kind_load_or_are_refused(folder: Path, base: Backbone) -> None:
    rng, sound, counts = python_rng(0, "junk"), read_content(folder), Counter[str]()
    places = list(list_places(sound))
    for _ in range(400):
        content = json.loads(json.dumps(sound))
        *outer, last = rng.choice(places)
        inner = content
        for key in outer:
            inner = inner[key]
        inner[last] = rng.choice(JUNK)
        forge(folder, content)
        said = "loaded"
        with nothing_runs():
            try:
                PromptClassifier.load(folder, base)
            except BundleError as error:
                said = str(error)
        counts["loaded" if said == "loaded" else "refused"] += 1
        assert said.replace("\n", "").isprintable()
    assert counts["refused"] > 200 and counts["loaded"] > 10  # a seed, or a text for people, may be anything


@pytest.mark.parametrize("verb", ["evaluate", "predict", "serve"])
def test_the_verbs_refuse_them_with_status_2(
    verb: str, sound: Path, base: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text1": "a dog", "text2": "a cat", "label": "same"}\n')
    more = {"evaluate": ["--test", str(rows)], "predict": ["--in", str(rows), "--out", str(tmp_path / "out.jsonl")]}
    monkeypatch.setattr(dawgen.classifier.estimator, "load_target", lambda *_, **__: base)  # once for all of them
    ways = list(WAYS)
    chosen = {"evaluate": ways[::2], "predict": ways[1::2], "serve": ways[::12]}[verb]
    for number, way in enumerate(chosen):
        folder = Path(shutil.copytree(sound, tmp_path / f"bundle{number}"))
        WAYS[way][0](folder)
        monkeypatch.setattr(
            sys, "argv", ["dawgen", verb, str(folder), "--threads", "1", *more.get(verb, ["--port", "0"])]
        )
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        assert (caught.value.code, way) == (2, way)
        assert said.err.startswith("dawgen: ") and "Traceback" not in said.err and "bundle" in said.err
    assert not (tmp_path / "out.jsonl").exists()


def test_files_of_two_bundles_are_told_apart(folder: Path, base: Backbone, tmp_path: Path) -> None:
    other = save_sound(tmp_path / "other", base, seed=1)
    before = {name: (folder / name).read_bytes() for name in (INFO, PROMPT)}
    for name, data in before.items():
        (folder / name).write_bytes((other / name).read_bytes())
        refuse(folder, base, "digest")
        (folder / name).write_bytes(data)
    PromptClassifier.load(folder, base)


def test_a_pinned_digest_takes_no_other_bundle(folder: Path, base: Backbone) -> None:
    pinned = str(read_content(folder)["digest"])
    assert PromptClassifier.load(folder, base, digest=pinned).digest_ == pinned
    change(metrics__accuracy=0.9)(folder)  # forged: it loads as long as nobody pins it
    assert PromptClassifier.load(folder, base).digest_ != pinned
    with pytest.raises(BundleError, match="expected the bundle with digest"):
        PromptClassifier.load(folder, base, digest=pinned)


def change_weight(folder: Path, row: int, factor: float) -> None:
    """Multiply one number of the embedding of token `row`."""
    weights = folder / "model.safetensors"
    found = load_file(weights)
    found["shared.weight"][row, 0] *= factor
    save_file(found, weights, {"format": "pt"})


def change_config(folder: Path, **values: Any) -> None:
    """Change the model's config.json."""
    found = json.loads((folder / "config.json").read_text())
    assert set(values) <= set(found)
    (folder / "config.json").write_text(json.dumps(found | values))


def change_score(folder: Path) -> None:
    """Make a tokenizer split one word that no fixed sentence has another way; its vocabulary stays."""
    found = json.loads((folder / "tokenizer.json").read_text())
    found["model"]["vocab"] = [
        [piece, -99.0 if piece == "▁guitar" else score] for piece, score in found["model"]["vocab"]
    ]
    (folder / "tokenizer.json").write_text(json.dumps(found))


BASES: dict[str, tuple[Damage, str]] = {
    "the last bit of one weight": (lambda f: change_weight(f, 60, 1 + 2**-23), "others, by less than bfloat16 shows"),
    "a thousandth of one weight": (lambda f: change_weight(f, 60, 1.001), "others, by less than bfloat16 shows"),
    "a tenth of one weight": (lambda f: change_weight(f, 60, 1.1), "weights of .* are others"),
    "a word of the tokenizer": (
        lambda f: (f / "tokenizer.json").write_text((f / "tokenizer.json").read_text().replace("▁guitar", "▁guitars")),
        "tokenizer",
    ),
    "a score of the tokenizer": (change_score, "tokenizer"),
    "what config.json says of the layers": (
        lambda f: change_config(f, layer_norm_epsilon=1.0),
        "golden outputs differ",
    ),
    "all weights": (lambda f: save_tiny("t5", f, seed=1), "weights of .* are others"),
    "the width": (lambda f: save_tiny("t5", f, d_model=48), "width is 32"),
    "the family": (lambda f: save_tiny("gpt2", f), "tokenizer|weights|label word"),
}


@pytest.mark.parametrize("way", BASES)
def test_a_changed_base_is_refused(way: str, folder: Path, tmp_path: Path) -> None:
    damage, reason = BASES[way]
    model = save_tiny("t5", tmp_path / "model")
    PromptClassifier.load(folder, str(model))
    damage(model)
    changed = load_target(str(model))
    refuse(folder, changed, reason)


def test_a_base_in_another_dtype_is_compared_as_far_as_bfloat16_shows(folder: Path, tmp_path: Path) -> None:
    model = save_tiny("t5", tmp_path / "model")
    PromptClassifier.load(folder, load_target(str(model), dtype="bfloat16"))
    change_weight(model, 60, 1.1)
    refuse(folder, load_target(str(model), dtype="bfloat16"), "weights of .* are others")
