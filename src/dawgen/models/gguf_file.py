"""What a GGUF file says of itself, read from its header alone, without the library `gguf` and without its weights.

A header is a magic word, a version, two counts, metadata (key, type, value) and for each tensor its name, shape, number
format and place. A file comes from a stranger: every length is held against the bytes that are there.
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from dawgen.errors import ModelError

READERS = ("gguf", "accelerate")
MAGIC = b"GGUF"
VERSIONS = (2, 3)
LONGEST = 2**26  # bytes of the header; one with 256,000 tokens and as many merges has some 10 MiB

# Number format: name, numbers in a block, bytes of a block.
FORMATS: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
MIXES = {11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M"}
PLAIN = ("F32", "F16", "BF16", "F64")

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class GgufFile:
    """A GGUF file's facts. architecture: as llama.cpp names it. quantisation: None where no number is quantised."""

    path: Path
    bytes: int
    architecture: str
    name: str | None
    licence: str | None
    parameters: int
    quantisation: str | None


def list_missing() -> list[str]:
    """Return which libraries of the extra `gguf`, that read the weights of such a file, are not installed."""
    return [name for name in READERS if find_spec(name) is None]


def is_gguf(name: str) -> bool:
    """Return whether a model's name is that of a GGUF file."""
    return name.lower().endswith(".gguf") and not Path(name).expanduser().is_dir()


def read_gguf(path: Path) -> GgufFile:
    """Return the facts of a file.

    Raises:
        ModelError: there is none, it is no GGUF file, it is cut off or damaged, or a part of a model in several files.
    """
    try:
        with path.open("rb") as stream:
            return _Header(stream, path).read()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: expected a GGUF file, there is none.\nCheck the path.") from error
    except OSError as error:
        raise ModelError(f"{path}: expected a GGUF file, it cannot be read: {error.strerror or error}.") from error


class _Header:
    """Reads one header from front to back."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream, self.path, self.size = stream, path, path.stat().st_size

    def read(self) -> GgufFile:
        magic = self.stream.read(4)
        if magic != MAGIC:
            found = "an empty file" if not magic else f"a file that begins with {magic!r}"
            raise ModelError(f"{self.path}: expected a GGUF file, which begins with {MAGIC!r}, found {found}.")
        (version,) = self._unpack("I")
        if version not in VERSIONS:
            raise ModelError(f"{self.path}: expected GGUF version {' or '.join(map(str, VERSIONS))}, found {version}.")
        tensors, keys = self._unpack("QQ")
        metadata = {}
        for _ in range(keys):
            key = self._string()
            metadata[key] = self._value(*self._unpack("I"))
        if metadata.get("split.count", 1) != 1:
            raise ModelError(
                f"{self.path}: expected a whole model, found one of {metadata['split.count']} parts.\n"
                "Join them with llama.cpp's llama-gguf-split --merge."
            )
        formats, end = Counter[int](), 0
        for _ in range(tensors):
            count, form, place = self._tensor()
            formats[form] += count
            _, block, width = FORMATS[form]
            end = max(end, place + -(-count // block) * width)
        align = metadata.get("general.alignment", 32)
        if not isinstance(align, int) or not 0 < align <= 2**20:
            raise self._damaged(f"an alignment of {align!r:.40}")
        start = -(-self.stream.tell() // align) * align
        if start + end > self.size:
            raise self._cut(start + end)
        texts = {key: _read_text(metadata.get(f"general.{key}")) for key in ("architecture", "name", "license")}
        if not formats or texts["architecture"] is None:
            raise self._damaged("no tensor" if not formats else "no general.architecture")
        return GgufFile(
            path=self.path,
            bytes=self.size,
            architecture=texts["architecture"],
            name=texts["name"],
            licence=texts["license"],
            parameters=formats.total(),
            quantisation=_name_quantisation(formats, metadata.get("general.file_type")),
        )

    def _tensor(self) -> tuple[int, int, int]:
        """Return a tensor's numbers, its number format, and where it begins after the header."""
        name = self._string()
        (dimensions,) = self._unpack("I")
        if dimensions > 8:
            raise self._damaged(f"a tensor of {dimensions} dimensions")
        shape = self._unpack(f"{dimensions}Q")
        form, place = self._unpack("IQ")
        if form not in FORMATS:
            raise ModelError(
                f"{self.path}: expected number formats that dawgen knows, found number {form} in {name!r:.60}.\n"
                "Take the model in another quantisation, such as Q8_0 or Q4_K_M."
            )
        return math.prod(shape), form, place

    def _value(self, kind: int, depth: int = 0) -> Any:
        """Return a value of the metadata; None for an array, whose elements are read over."""
        if kind == _STRING:
            return self._string()
        if kind in _NUMBERS:
            return self._unpack(_NUMBERS[kind])[0]
        if kind != _ARRAY or depth > 2:
            raise self._damaged(f"metadata of type {kind}")
        inner, count = self._unpack("IQ")
        if inner in _NUMBERS:
            self._skip(count * struct.calcsize(f"<{_NUMBERS[inner]}"))
        elif inner == _STRING:
            for _ in range(count):
                self._skip(*self._unpack("Q"))
        else:
            for _ in range(count):
                self._value(inner, depth + 1)
        return None

    def _string(self) -> str:
        (length,) = self._unpack("Q")
        return self._take(length).decode("utf-8", "replace")

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self._take(struct.calcsize(f"<{form}")))

    def _take(self, length: int) -> bytes:
        self._check(length)
        return self.stream.read(length)

    def _skip(self, length: int) -> None:
        self._check(length)
        self.stream.seek(length, 1)

    def _check(self, length: int) -> None:
        end = self.stream.tell() + length
        if end > self.size:
            raise self._cut(end)
        if end > LONGEST:
            raise self._damaged(f"a header of more than {LONGEST:,} bytes")

    def _cut(self, wanted: int) -> ModelError:
        return ModelError(
            f"{self.path}: expected {wanted:,} bytes as its header says, found {self.size:,}: the file is cut off or "
            "damaged.\nFetch it again."
        )

    def _damaged(self, what: str) -> ModelError:
        return ModelError(f"{self.path}: expected a GGUF file, its header is damaged: {what}.\nFetch it again.")


def _name_quantisation(formats: Counter[int], file_type: Any) -> str | None:
    """Return the format of most numbers, as a mix of formats (Q4_K_M) where the file says so; None if it is plain."""
    ((form, _),) = formats.most_common(1)
    name = FORMATS[form][0]
    mix = MIXES.get(file_type, "") if isinstance(file_type, int) else ""
    return None if name in PLAIN else mix if mix.startswith(name) else name


def _read_text(value: Any) -> str | None:
    """Return a text of the metadata in one printable line, at most 100 characters; None for anything else."""
    if not isinstance(value, str):
        return None
    return " ".join("".join(char if char.isprintable() else " " for char in value[:100]).split()) or None
