"""A GGUF file's header: what is read from it, and that no damage of it goes further."""

import contextlib
import random
from pathlib import Path

import gguf
import numpy as np
import pytest

from dawgen.errors import ModelError
from dawgen.models.gguf_file import FORMATS, MIXES, is_gguf, read_gguf
from support.ggufs import write_gguf

Form = gguf.GGMLQuantizationType


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path)
    return path


@pytest.mark.parametrize(("form", "name"), [(Form.Q8_0, "Q8_0"), (Form.Q4_1, "Q4_1"), (Form.F32, None)])
def test_the_header_says_what_was_written(form: Form, name: str | None, tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    matrices = write_gguf(path, form=form)
    facts = read_gguf(path)
    assert facts.quantisation == name
    assert facts.parameters == sum(matrix.size for matrix in matrices.values()) + 5 * 64
    assert (facts.architecture, facts.name, facts.licence) == ("llama", "Tiny llama", "apache-2.0")
    assert facts.bytes == path.stat().st_size


def test_number_formats_and_mixes_are_those_of_the_library() -> None:
    theirs = {int(form): (form.name, *size) for form, size in gguf.constants.GGML_QUANT_SIZES.items()}
    both = theirs.keys() & FORMATS.keys()  # either may know newer ones
    assert len(both) > 25 and {form: theirs[form] for form in both} == {form: FORMATS[form] for form in both}
    assert {number: f"MOSTLY_{name}" for number, name in MIXES.items()} == {
        number: gguf.LlamaFileType(number).name for number in MIXES
    }


def test_every_truncation_is_refused(file: Path, tmp_path: Path) -> None:
    whole, cut = file.read_bytes(), tmp_path / "cut.gguf"
    for length in (0, 3, 4, 10, 24, 100, 1000, 5000, len(whole) // 2, len(whole) - 40):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="cut off|an empty file|begins with"):
            read_gguf(cut)


def test_damage_is_read_or_refused_and_takes_no_time(file: Path, tmp_path: Path) -> None:
    whole, damaged = file.read_bytes(), tmp_path / "damaged.gguf"
    draw = random.Random(7)
    for _ in range(200):
        content = bytearray(whole)
        place = draw.randrange(8000)
        content[place : place + 4] = draw.randbytes(4)
        damaged.write_bytes(content)
        with contextlib.suppress(ModelError):
            read_gguf(damaged)


def test_what_is_no_gguf_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with pytest.raises(ModelError, match="there is none"):
        read_gguf(path)
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(ModelError, match="begins with b'<!DO'"):
        read_gguf(path)
    path.write_bytes(b"GGUF" + np.array([9, 0, 0, 0, 0], np.uint32).tobytes())
    with pytest.raises(ModelError, match="version 2 or 3, found 9"):
        read_gguf(path)


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path) -> None:
    assert is_gguf("model.GGUF")
    (tmp_path / "model.gguf").mkdir()
    assert not is_gguf(str(tmp_path / "model.gguf"))
    assert not is_gguf("gguf")
