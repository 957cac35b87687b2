"""Sound bundles of tiny models, and ways to damage or forge one. A forged one has a digest that fits its content."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save, save_file

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.config import TargetConfig
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.files import INFO, PROMPT, compute_digest
from dawgen.rng import torch_rng
from dawgen.tasks.task import Task
from support.targets import make_task

Content = dict[str, Any]
Damage = Callable[[Path], object]


def make_classifier(
    backbone: Backbone,
    task: Task | None = None,
    *,
    length: int = 4,
    seed: int = 0,
    chat: Any = "auto",
    temperature: float = 1.0,
) -> Any:
    """Return a classifier whose prompt was drawn, as if it had been trained."""
    task = task or make_task()
    classifier = PromptClassifier(backbone, task, prompt_length=length, seed=seed, chat=chat)
    classifier.task_, classifier.warnings_, classifier.classes_ = task, [], np.array(task.labels, dtype=object)
    classifier.label_kind_, classifier.temperature_, classifier.tempered_ = "text", temperature, "given"
    classifier.scorer_ = Scorer.of(backbone, task, TargetConfig(chat=chat), prompt_length=length)
    width = backbone.model.get_input_embeddings().weight.shape[1]
    classifier.prompt_ = torch.randn(length, width, generator=torch_rng(seed, "test prompt"))
    return classifier


def save_sound(folder: Path, backbone: Backbone, task: Task | None = None, **changes: Any) -> Path:
    """Write a bundle that loads; return its folder."""
    make_classifier(backbone, task, **changes).save(folder, {"accuracy": 0.5})
    return folder


def read_content(folder: Path) -> Content:
    """Return what bundle.json holds."""
    content: Content = json.loads((folder / INFO).read_text())
    return content


def forge(folder: Path, content: Content, prompt: torch.Tensor | None = None) -> None:
    """Write the content with a digest that fits it, as a stranger who knows dawgen would."""
    if prompt is not None:
        save_file({"prompt": prompt}, folder / PROMPT)
    content["digest"] = compute_digest(content, load_file(folder / PROMPT)["prompt"])
    (folder / INFO).write_text(json.dumps(content))


def change(**fields: Any) -> Damage:
    """Return a way to forge fields; `a__b` is b inside a."""

    def damage(folder: Path) -> None:
        content = read_content(folder)
        for name, value in fields.items():
            *outer, last = name.split("__") if name.strip("_") == name else [name]
            place = content
            for part in outer:
                place = place[part]
            place[last] = value
        forge(folder, content)

    return damage


def drop(name: str) -> Damage:
    """Return a way to forge a bundle without one field."""

    def damage(folder: Path) -> None:
        content = read_content(folder)
        del content[name]
        forge(folder, content)

    return damage


def reshape(shape: Callable[[torch.Tensor], torch.Tensor], length: int | None = None) -> Damage:
    """Return a way to forge another prompt; length: what settings.prompt_length then says."""

    def damage(folder: Path) -> None:
        content = read_content(folder)
        content["settings"]["prompt_length"] = length or content["settings"]["prompt_length"]
        forge(folder, content, shape(load_file(folder / PROMPT)["prompt"]).contiguous())

    return damage


def flip(name: str, share: float) -> Damage:
    """Return a way to change the lowest bit of one byte, `share` of the way through the file."""

    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(share * (len(data) - 1))] ^= 1
        (folder / name).write_bytes(data)

    return damage


def cut(name: str, size: int) -> Damage:
    """Return a way to keep the first `size` bytes, or all but the last -size."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def add(name: str, more: bytes) -> Damage:
    """Return a way to write bytes behind the file's end."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + more)


def put(name: str, data: bytes) -> Damage:
    """Return a way to write something else under the file's name."""
    return lambda folder: (folder / name).write_bytes(data)


def edit(old: str, new: str) -> Damage:
    """Return a way to change the text of bundle.json, which must hold `old`."""

    def damage(folder: Path) -> None:
        text = (folder / INFO).read_text()
        assert old in text
        (folder / INFO).write_text(text.replace(old, new, 1))

    return damage


def tensors(**named: torch.Tensor) -> Damage:
    """Return a way to put other tensors into the prompt's file."""
    return lambda folder: (folder / PROMPT).write_bytes(save(named))


def header(text: bytes, data: bytes = b"", size: int | None = None) -> Damage:
    """Return a way to write a safetensors file by hand; size: what it says of its header's length."""
    return put(PROMPT, struct.pack("<Q", len(text) if size is None else size) + text + data)


def grow(name: str, size: int) -> Damage:
    """Return a way to make the file `size` bytes long, without writing them."""

    def damage(folder: Path) -> None:
        with (folder / name).open("r+b") as stream:
            stream.truncate(size)

    return damage


def link(name: str, target: str | None = None) -> Damage:
    """Return a way to put a symbolic link in the file's place, to a copy of it or to `target`."""

    def damage(folder: Path) -> None:
        (folder / name).rename(folder / f"real-{name}")
        (folder / name).symlink_to(target or f"real-{name}")

    return damage


def become(name: str, make: Callable[[Path], object]) -> Damage:
    """Return a way to put something else than a file in the file's place."""

    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return damage
