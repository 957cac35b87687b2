"""Whatever the bytes of a bundle are, it loads or is refused with a BundleError."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.errors import BundleError
from dawgen.prompt.bundle.files import INFO, PROMPT
from dawgen.prompt.bundle.format import load_bundle
from support.bundles import forge, read_content, save_sound
from support.fuzz import draw
from support.targets import make_backbone

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
CUTS = st.tuples(st.sampled_from((INFO, PROMPT)), st.floats(0, 1), st.floats(0, 1), st.binary(max_size=12))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sound(tmp_path_factory.mktemp("bundle") / "sound", make_backbone())


def load(files: dict[str, bytes]) -> None:
    """Load a bundle of these files; only a BundleError may come of it, of printable lines."""
    with tempfile.TemporaryDirectory() as name:
        for file, data in files.items():
            (Path(name) / file).write_bytes(data)
        try:
            load_bundle(Path(name))
        except BundleError as error:
            assert str(error).replace("\n", "").isprintable()  # noqa: PT017


def read(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (INFO, PROMPT)}


@draw(60)
@given(cuts=st.lists(CUTS, min_size=1, max_size=3))
def test_bytes_in_the_place_of_others_are_refused_or_harmless(
    sound: Path, cuts: list[tuple[str, float, float, bytes]]
) -> None:
    files = read(sound)
    for name, at, length, data in cuts:
        place = int(at * len(files[name]))
        files[name] = files[name][:place] + data + files[name][place + int(length * 20) :]
    load(files)


@draw(40)
@given(name=st.sampled_from((INFO, PROMPT)), share=st.floats(0, 1), other=st.binary(max_size=200) | st.none())
def test_a_cut_or_foreign_file_is_refused(sound: Path, name: str, share: float, other: bytes | None) -> None:
    files = read(sound)
    files[name] = files[name][: int(share * len(files[name]))] if other is None else other
    load(files)


@draw(60)
@given(data=st.data())
def test_any_value_in_any_field_with_a_digest_that_fits_is_refused_or_loads(sound: Path, data: st.DataObject) -> None:
    content = read_content(sound)
    for _ in range(data.draw(st.integers(1, 2))):
        place: Any = content
        while True:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
                break
            place = place[key]
        place[key] = data.draw(VALUES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / PROMPT).write_bytes((sound / PROMPT).read_bytes())
        try:
            forge(folder, content)
        except (ValueError, UnicodeEncodeError):  # NaN, which no digest covers
            (folder / INFO).write_text(json.dumps(content))
        load(read(folder))
