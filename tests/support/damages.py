"""More than a hundred ways to damage a bundle, by name, each with what its refusal must say."""

import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from dawgen.prompt.bundle.files import INFO, MOST_INFO, PROMPT
from support.bundles import (
    Damage,
    add,
    become,
    change,
    cut,
    drop,
    edit,
    flip,
    grow,
    header,
    link,
    put,
    read_content,
    reshape,
    tensors,
)
from support.targets import LABELS


class Payload:
    """A pickle of it runs a command."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch executed",)


def pack_zip() -> bytes:
    stream = io.BytesIO()
    torch.save({"prompt": Payload()}, stream)
    return stream.getvalue()


def pack_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../executed"))
    return stream.getvalue()


def pack_names() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../executed", "x")
    return stream.getvalue()


def both(name: str, value: str) -> Damage:
    """Return a way to forge a field and the task's of the same name."""
    return change(**{name: value, f"task__{name}": value})


FLIPS = (0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
ANY = "damaged|header|tensor|format|finite|Field|Extra"
GOLD = [[-0.6931471805599453, -0.6931471805599453]] * 4
ENTRY = {"dtype": "F32", "shape": [4, 32], "data_offsets": [0, 512]}
DEEP = b"[" * 100_000 + b"]" * 100_000
WAYS: dict[str, tuple[Damage, str]] = {
    **{
        f"prompt flipped at {share}": (flip(PROMPT, share), ANY)
        for share in (0, 0.02, 0.05, 0.1, 0.14, 0.3, 0.5, 0.9, 1)
    },
    **{f"info flipped at {share}": (flip(INFO, share), ANY) for share in FLIPS},
    **{f"prompt cut to {size}": (cut(PROMPT, size), "damaged") for size in (0, 1, 7, 8, 9, 60, 300, -4, -1)},
    **{f"info cut to {size}": (cut(INFO, size), "damaged") for size in (0, 1, 2, 100, 1000, -2)},
    "prompt longer": (add(PROMPT, b"\0" * 4), "damaged"),
    "prompt twice": (lambda f: (f / PROMPT).write_bytes((f / PROMPT).read_bytes() * 2), "damaged"),
    "info twice": (lambda f: (f / INFO).write_bytes((f / INFO).read_bytes() * 2), "damaged"),
    "info with more behind": (add(INFO, b"\0"), "damaged"),
    **{
        f"without {name}": (drop(name), "Field required")
        for name in (
            "base",
            "fingerprint",
            "weights",
            "tokenizer",
            "dtype",
            "task",
            "template",
            "labels",
            "label_words",
        )
    },
    "without label_words": (drop("label_words"), "label_words"),
    "without label_ids": (drop("label_ids"), "label_ids"),
    "without settings": (drop("settings"), "settings"),
    "without golden": (drop("golden"), "golden"),
    "without format": (drop("format"), "format 2, got None"),
    "without its digest": (lambda f: (f / INFO).write_text(json.dumps(read_content(f) | {"digest": ""})), "digest"),
    "metrics without a new digest": (edit('"accuracy": 0.5', '"accuracy": 0.9'), "digest"),
    "digest of nothing": (lambda f: (f / INFO).write_text(json.dumps(read_content(f) | {"digest": None})), "digest"),
    "a field more": (change(__class__="os.system"), "Extra inputs"),
    "a setting more": (change(settings__trust_remote_code=True), "Extra inputs"),
    "a task field more": (change(task__loader="os.system"), "Extra inputs"),
    "escape codes as a name": (change(**{"\x1b[2Jgone": 1}), "Extra inputs"),
    "labels a number": (change(labels=3), "labels"),
    "labels a text": (change(labels="yes"), "labels"),
    "label_ids as text": (change(label_ids=["1", "2"]), "label_ids"),
    "label_ids with fractions": (change(label_ids=[1.5, 2.5]), "label_ids"),
    "label_ids true": (change(label_ids=[True, False]), "label_ids"),
    "golden null": (change(golden=None), "golden"),
    "golden flat": (change(golden=[-0.5, -0.9]), "golden"),
    "golden texts": (change(golden=[["a", "b"]] * 4), "golden"),
    "max_tokens as text": (change(max_tokens="256"), "max_tokens"),
    "seed null": (change(seed=None), "seed"),
    "settings a list": (change(settings=[]), "settings"),
    "task a name": (change(task="mnli"), "task"),
    "task empty": (change(task={}), "task"),
    "template a number": (change(template=5), "template"),
    "warnings a text": (change(warnings="fine"), "warnings"),
    "decoder_sentinel as text": (change(decoder_sentinel="false"), "decoder_sentinel"),
    "dtype unknown": (change(dtype="float64"), "dtype"),
    "schedule unknown": (change(schedule="never"), "schedule"),
    "format as text": (change(format="2"), "format 2"),
    "format true": (change(format=True), "format 2"),
    "format of before": (change(format=1), "Train the prompt again"),
    "format to come": (change(format=99), "newer dawgen"),
    "ids twice": (change(label_ids=[5, 5]), "all different"),
    "ids out of the vocabulary": (change(label_ids=[10**6, 5]), "expected the id"),
    "id beyond 64 bits": (change(label_ids=[10**30, 5]), "expected the id"),
    "ids below 0": (change(label_ids=[-1, 5]), "below 0"),
    "ids of other words": (change(label_ids=[20, 21]), "expected the id"),
    "an empty name": (change(label_ids=[[20], []]), "1 to 32"),
    "a name without end": (change(label_ids=[[20] * 10**4, [21]]), "1 to 32"),
    "a name of other tokens": (change(label_ids=[[20, 21], [21, 20]]), "expected the ids"),
    "a number beside a name": (change(label_ids=[20, [21, 22]]), "label_ids"),
    "one id for two labels": (change(label_ids=[20]), "those of each"),
    "words of other labels": (change(label_words=["no", "yes"]), "not the task's"),
    "words twice": (change(label_words=["yes", "yes"]), "all different"),
    "labels in another order": (change(labels=LABELS[::-1]), "not the task's"),
    "labels of another task": (change(labels=["a", "b", "c"]), "not the task's"),
    "no labels": (change(labels=[], label_words=[], label_ids=[], golden=[[]] * 4), "not the task's"),
    "template of another task": (change(template="{text1} or {text2}?"), "not the task's"),
    "template without a text": (change(template="{text1}", task__template="{text1}"), "template"),
    "another template throughout": (
        both("template", "{text1} {text2} so"),
        "golden",
    ),
    "template too long": (
        both("template", "a " * 4000 + "{text1} {text2}"),
        "4000",
    ),
    "template that runs": (
        both("template", "{text1.__class__} {text2}"),
        "template",
    ),
    "task with other prompts": (change(task__generator__prompts={"x": "y"}), "unknown label"),
    "task of single texts": (change(task__pair=False), "template"),
    "max_tokens other than the settings'": (change(max_tokens=9), "max_tokens"),
    "max_tokens too few": (change(max_tokens=2, settings__max_tokens=2), "expected room"),
    "prompt_length other than the rows": (change(settings__prompt_length=5), "prompt_length"),
    "base other than the settings'": (change(base="../../etc/passwd"), "settings.model"),
    "base with escape codes": (change(base="\x1b[2J", settings__model="\x1b[2J"), "printable"),
    "base empty": (change(base="", settings__model=""), "printable"),
    "revision with a line": (change(revision="main\nok"), "printable"),
    "sentinel other than the settings'": (change(decoder_sentinel=True), "decoder_sentinel"),
    "sentinel throughout": (change(decoder_sentinel=True, settings__decoder_sentinel=True), "golden outputs differ"),
    "golden of even odds": (change(golden=GOLD), "golden outputs differ"),
    "golden no probabilities": (change(golden=[[-0.5, -0.5]] * 4), "log-probabilities"),
    "golden beyond numbers": (change(golden=[[1e300, -1e300]] * 4), "log-probabilities"),
    "golden of three labels": (change(golden=[[-1.0986, -1.0986, -1.0986]] * 4), "golden"),
    "golden of one sentence": (change(golden=GOLD[:1]), "golden"),
    "fingerprint of another base": (change(fingerprint="0" * 64), "weights of .* are others"),
    "weights by less than bfloat16": (change(weights="0" * 64), "by less than bfloat16"),
    "tokenizer of another base": (change(tokenizer="0" * 64), "tokenizer"),
    "metrics NaN": (edit('"accuracy": 0.5', '"accuracy": NaN'), "no finite number"),
    "golden infinite": (edit('"golden": [', '"golden": [[-Infinity, 0.0], '), "no finite number"),
    "metrics beyond floats": (edit('"accuracy": 0.5', '"accuracy": 1e999'), "no finite number"),
    "a label with escape codes": (
        change(labels=["\x1b[2J", "b"], task__labels=["\x1b[2J", "b"]),
        "no control characters",
    ),
    "a name twice": (edit('"metrics": {', '"metrics": {"accuracy": 1,'), "twice"),
    "a number of 5,000 digits": (edit('"seed": 0', '"seed": ' + "9" * 5000), "damaged"),
    "half a character": (edit('"accuracy"', '"\\ud800"'), "digest"),
    "half a character in a label": (lambda f: change(task__name="\ud800")(f), "damaged|task"),
    "deep": (put(INFO, DEEP), "damaged"),
    "deep metrics": (edit('"accuracy": 0.5', '"accuracy": ' + "[" * 5000 + "]" * 5000), "damaged|digest"),
    "UTF-16": (lambda f: (f / INFO).write_text((f / INFO).read_text(), encoding="utf-16"), "damaged"),
    "no UTF-8": (put(INFO, b'{"format": "\xff"}'), "damaged"),
    "zeros": (put(INFO, b"\0" * 100), "damaged"),
    **{f"info is {text}": (put(INFO, text.encode()), "object") for text in ("[]", "null", "3", '"x"')},
    "info an empty object": (put(INFO, b"{}"), "format"),
    "info too large": (put(INFO, b'{"a": "' + b"x" * MOST_INFO + b'"}'), "at most"),
    "info of 10 GB": (grow(INFO, 10**10), "at most"),
    "prompt of 10 GB": (grow(PROMPT, 10**10), "at most"),
    "prompt NaN": (reshape(lambda p: p * float("nan")), "finite"),
    "prompt infinite": (reshape(lambda p: p / 0), "finite"),
    "prompt in half precision": (reshape(lambda p: p.half()), "float32"),
    "prompt in double precision": (reshape(lambda p: p.double()), "float32"),
    "prompt of whole numbers": (reshape(lambda p: p.long()), "float32"),
    "prompt flat": (reshape(torch.flatten), r"\[P,H\]"),
    "prompt of three axes": (reshape(lambda p: p[None]), r"\[P,H\]"),
    "prompt empty": (reshape(lambda p: p[:0]), r"\[P,H\]"),
    "prompt narrower": (reshape(lambda p: p[:, 1:]), "width"),
    "prompt longer than its settings": (reshape(lambda p: torch.cat([p, p])), "prompt_length"),
    "prompt of 2,000 rows": (reshape(lambda p: p.repeat(500, 1), 2000), "prompt_length"),
    "prompt of another start": (reshape(lambda p: p + 1), "golden outputs differ"),
    "another tensor": (tensors(embeddings=torch.ones(4, 32)), "one tensor named prompt"),
    "two tensors": (tensors(prompt=torch.ones(4, 32), more=torch.ones(1)), "one tensor named prompt"),
    "metadata": (lambda f: save_file(load_file(f / PROMPT), f / PROMPT, {"format": "pt"}), "one tensor named prompt"),
    "header without end": (header(b"{}", size=2**63), "header"),
    "header longer than the file": (header(b"{}", size=100), "header"),
    "header too long": (header(b" " * 5000 + json.dumps({"prompt": ENTRY}).encode(), b"\0" * 512), "header"),
    "header deep": (header(b'{"prompt": ' + b"[" * 1000 + b"]" * 1000 + b"}", b"\0" * 512), "damaged"),
    "header a list": (header(b"[]", b"\0" * 512), "object"),
    "offsets beyond the file": (
        header(json.dumps({"prompt": ENTRY | {"data_offsets": [0, 10**15]}}).encode(), b"\0" * 512),
        "damaged",
    ),
    "offsets backwards": (
        header(json.dumps({"prompt": ENTRY | {"data_offsets": [512, 0]}}).encode(), b"\0" * 512),
        "damaged",
    ),
    "shape below 0": (header(json.dumps({"prompt": ENTRY | {"shape": [-4, 32]}}).encode(), b"\0" * 512), "damaged"),
    "shape beyond memory": (
        header(json.dumps({"prompt": ENTRY | {"shape": [2**62, 2**62]}}).encode(), b"\0" * 512),
        "damaged",
    ),
    **{f"{name} a link": (link(name), "symbolic link") for name in (INFO, PROMPT)},
    "info a link out": (link(INFO, "/etc/passwd"), "symbolic link"),
    "prompt a device": (link(PROMPT, "/dev/zero"), "symbolic link"),
    **{f"{name} a folder": (become(name, Path.mkdir), "regular file") for name in (INFO, PROMPT)},
    **{f"{name} a pipe": (become(name, os.mkfifo), "regular file") for name in (INFO, PROMPT)},
    **{f"{name} missing": (become(name, lambda path: None), "missing") for name in (INFO, PROMPT)},
    "prompt a pickle": (put(PROMPT, pickle.dumps(Payload())), "damaged"),
    "prompt a torch file": (put(PROMPT, pack_zip()), "damaged"),
    "prompt a zip": (put(PROMPT, pack_names()), "damaged"),
    "prompt a tar": (put(PROMPT, pack_tar()), "damaged"),
    "info a pickle": (put(INFO, pickle.dumps(Payload())), "damaged"),
    "info YAML that runs": (put(INFO, b"!!python/object/apply:os.system ['touch executed']"), "damaged"),
    "info Python": (put(INFO, b"__import__('os').system('touch executed')"), "damaged"),
    "info the prompt": (lambda f: shutil.copy(f / PROMPT, f / INFO), "damaged"),
    "prompt the info": (lambda f: shutil.copy(f / INFO, f / PROMPT), "header|damaged"),
}
