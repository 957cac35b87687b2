"""The bundle: a soft prompt [P,H] with all that is needed to use it, and proof that the base model is the right one.

`prompt.safetensors` holds the prompt, `bundle.json` the rest, with golden outputs: label log-probabilities on fixed
sentences, computed when the bundle was saved and again when it is loaded. A bundle may come from a stranger: whatever
its bytes are, it is either loaded or refused with a BundleError, and no code of it is run.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from dawgen.config import Dtype, Schedule, Settings, TargetConfig
from dawgen.errors import BundleError
from dawgen.files import write_json, write_with
from dawgen.models.load import Backbone, name_dtype
from dawgen.prompt.bundle.files import INFO, PROMPT, clean, compute_digest, read_info, read_prompt, write_prompt
from dawgen.prompt.vocabulary import encode_word, find_frequent
from dawgen.records import Example
from dawgen.tasks.task import Task

FORMAT = 2
LONGEST = 1024  # rows of a prompt: attention to it costs their square
LONGEST_TEMPLATE = 4000  # characters
TOLERANCE: dict[Dtype, float] = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}  # nats, largest difference
_SENTENCES = (
    ("A child is reading a book in the garden.", "Someone is reading outside."),
    ("Two dogs are sleeping near the door.", "The dogs are running across a field."),
    ("The old bridge was closed for a week.", "A new road opens in the spring."),
    ("Why is the sky blue in the morning?", "The man at the market sells apples, bread and fish."),
)
_ODD = ("ÀÉ ﬁn \u2167 \uff11\uff12 naïve", "  two  spaces\tand\na line ", "DON'T re-enter 3.14e-5!?", "日本 Ωμέγα 🙂")


class BundleInfo(Settings):
    """What `bundle.json` holds.

    digest: `compute_digest`, written by `save_bundle`. fingerprint: `models.load.fingerprint`, in bfloat16.
    weights: `Backbone.exact`, every bit of the weights in `dtype`. tokenizer: `hash_tokenizer`. golden: [4,K], the
    label log-probabilities of `golden_examples`. metrics: whatever the caller measured, for people to read.
    """

    format: int = FORMAT
    digest: str = ""
    base: str
    revision: str | None
    fingerprint: str
    weights: str
    tokenizer: str
    dtype: Dtype
    task: dict[str, Any]
    template: str
    labels: tuple[str, ...]
    label_words: tuple[str, ...]
    label_ids: tuple[int, ...]
    decoder_sentinel: bool
    max_tokens: int
    schedule: Schedule
    seed: int
    settings: TargetConfig
    golden: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)


def golden_examples(pair: bool) -> list[Example]:
    """Return the sentences of the golden outputs: dawgen's own, never a user's."""
    return [Example(first, second if pair else None) for first, second in _SENTENCES]


def describe_base(backbone: Backbone) -> dict[str, Any]:
    """Return the fields of `BundleInfo` that say which model a prompt belongs to."""
    return {
        "base": backbone.name,
        "revision": backbone.revision,
        "fingerprint": backbone.fingerprint,
        "weights": backbone.exact,
        "tokenizer": hash_tokenizer(backbone.tokenizer),
        "dtype": name_dtype(backbone),
    }


def save_bundle(folder: Path, prompt: Tensor, info: BundleInfo) -> str:
    """Write the prompt, then `bundle.json`: its presence means that the bundle is complete. Returns the digest.

    Raises:
        BundleError: `load_bundle` would refuse it, and why.
    """
    plain = prompt.detach().float().cpu().contiguous()
    _check_parts(folder, plain, info)
    content = json.loads(json.dumps(info.model_dump(mode="json")))  # a metric that is NaN becomes null
    content["digest"] = compute_digest(content, plain)
    write_with(folder / PROMPT, lambda path: write_prompt(plain, path))
    write_json(folder / INFO, content)
    return str(content["digest"])


def load_bundle(folder: Path, *, digest: str | None = None) -> tuple[Tensor, BundleInfo]:
    """Read a bundle; only the prompt [P,H] is loaded, in float32. `check_base` says whether it fits a model.

    digest: the only one that is accepted.

    Raises:
        BundleError: a file is missing, damaged, changed or too large, of another format, or the bundle contradicts
            itself.
    """
    content = read_info(folder / INFO)
    written = content.get("format")
    if type(written) is not int or written != FORMAT:
        todo = "Install a newer dawgen." if type(written) is int and written > FORMAT else "Train the prompt again."
        raise BundleError(f"{folder}: expected bundle format {FORMAT}, got {written!r:.40}.\n{todo}")
    prompt = read_prompt(folder / PROMPT)
    computed = compute_digest(content, prompt)
    if content.get("digest") != computed:
        raise BundleError(f"{folder}: its digest does not fit its content: a file is damaged or was changed.")
    if digest is not None and digest != computed:
        raise BundleError(f"{folder}: expected the bundle with digest {digest!r:.80}, got {computed}.")
    try:
        info = BundleInfo.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise BundleError(f"{folder}: expected a bundle, its files are damaged: {_explain(error)}") from error
    _check_parts(folder, prompt, info)
    return prompt, info


def check_base(prompt: Tensor, info: BundleInfo, backbone: Backbone) -> None:
    """Refuse a base model that is not the one the prompt was trained on.

    In the dtype of the bundle every bit of the weights counts; in another dtype those that bfloat16 keeps.

    Raises:
        BundleError: another tokenizer, other weights or another architecture, with the name of both; or label words
            with ids that the tokenizer does not give.
    """
    named = f"the bundle was trained on {info.base}" + (f" at {info.revision}" if info.revision else "")
    got = backbone.name + (f" at {backbone.revision}" if backbone.revision else "")
    width = backbone.model.get_input_embeddings().weight.shape[1]
    if prompt.shape[1] != width:
        raise BundleError(f"{named}, whose width is {prompt.shape[1]}; got {got} of width {width}.\nLoad {info.base}.")
    if hash_tokenizer(backbone.tokenizer) != info.tokenizer:
        raise BundleError(f"{named}; the tokenizer of {got} is another one.\nLoad {info.base} as it was.")
    if backbone.fingerprint != info.fingerprint:
        raise BundleError(f"{named}; the weights of {got} are others.\nLoad {info.base} as it was.")
    if name_dtype(backbone) == info.dtype and backbone.exact != info.weights:
        raise BundleError(
            f"{named}; the weights of {got} are others, by less than bfloat16 shows.\nLoad {info.base} as it was."
        )
    _check_words(info, backbone)


def check_golden(info: BundleInfo, outputs: Tensor, dtype: Dtype) -> None:
    """Compare label log-probabilities [4,K] of `golden_examples` with those of the bundle.

    Raises:
        BundleError: they differ by more than the tolerance of the looser of both dtypes.
    """
    wanted = torch.tensor(info.golden, dtype=torch.float64)
    if wanted.shape != outputs.shape:
        raise BundleError(f"golden outputs: expected {list(outputs.shape)}, the bundle has {list(wanted.shape)}.")
    limit = max(TOLERANCE[dtype], TOLERANCE[info.dtype])
    difference = float((wanted - outputs.double().cpu()).abs().max())
    if not difference <= limit:  # also true for NaN
        raise BundleError(
            f"golden outputs differ by {difference:.2g} (at most {limit:g} expected): model, prompt and template do "
            "not compute what they did when the bundle was saved.\n"
            "Check the model's files, dtype, and the versions of torch and transformers."
        )


def hash_tokenizer(tokenizer: Any) -> str:
    """Return a SHA-256 of the vocabulary, of its scores or merges, and of how fixed texts are split."""
    return _hash_tokenizer(tokenizer, len(tokenizer))


@lru_cache(maxsize=8)
def _hash_tokenizer(tokenizer: Any, _size: int) -> str:
    digest = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        model = json.loads(backend.to_str())["model"]
        split: Any = [model.get("vocab") if isinstance(model.get("vocab"), list) else None, model.get("merges")]
    else:  # a tokenizer in Python, as CTRL's
        split = sorted([*pair, rank] for pair, rank in getattr(tokenizer, "bpe_ranks", {}).items())
    digest.update(json.dumps(split).encode())
    probes = [*(sentence for pair in _SENTENCES for sentence in pair), *_ODD]
    digest.update(json.dumps(tokenizer(probes)["input_ids"]).encode())
    return digest.hexdigest()


def _check_words(info: BundleInfo, backbone: Backbone) -> None:
    rows = backbone.model.get_output_embeddings().weight.shape[0]
    for word, number in zip(info.label_words, info.label_ids, strict=True):
        known = number < rows and (
            encode_word(backbone.tokenizer, word) == [number] or find_frequent(backbone.tokenizer).get(number) == word
        )
        if not known:
            raise BundleError(f"label word {word!r:.60}: expected the id that the tokenizer gives it, got {number}.")


def _check_parts(folder: Path, prompt: Tensor, info: BundleInfo) -> None:
    """Refuse a bundle whose parts contradict each other, or which could use memory and time without bound."""
    reason = next(_find_faults(prompt, info), None)
    if reason is not None:
        raise BundleError(f"{folder}: the bundle contradicts itself, or a part is out of bounds: {reason}")


def _find_faults(prompt: Tensor, info: BundleInfo) -> Iterator[str]:
    try:
        task = Task.model_validate_json(json.dumps(info.task), strict=True)
    except ValidationError as error:
        yield f"task: {_explain(error)}"
        return
    words, count = info.label_words, len(info.labels)
    given = None if task.label_words is None else tuple(task.label_words[label] for label in task.labels)
    names = (info.base, info.revision or "-")
    rules = {
        "base and revision: expected a printable name": all(
            name.isprintable() and 0 < len(name) <= 1000 for name in names
        ),
        "base is not settings.model": info.base == info.settings.model,
        "template is not the task's": info.template == task.template,
        f"template: expected at most {LONGEST_TEMPLATE} characters": len(info.template) <= LONGEST_TEMPLATE,
        "labels are not the task's": info.labels == task.labels,
        "label_words: expected one for each label, all different": len(words) == count == len(set(words)),
        "label_words are not the task's": given in (None, words),
        "label_ids: expected one for each label, all different": len(info.label_ids)
        == count
        == len(set(info.label_ids)),
        "label_ids: expected none below 0": min(info.label_ids, default=0) >= 0,
        "max_tokens is not settings.max_tokens": info.max_tokens == info.settings.max_tokens,
        "decoder_sentinel is not settings.decoder_sentinel": info.decoder_sentinel == info.settings.decoder_sentinel,
        f"prompt: expected at most {LONGEST} rows": len(prompt) <= LONGEST,
        "prompt: its rows are not settings.prompt_length": len(prompt) == info.settings.prompt_length,
        f"golden: expected log-probabilities [{len(_SENTENCES)},{count}]": len(info.golden) == len(_SENTENCES)
        and all(len(row) == count and _is_distribution(row) for row in info.golden),
    }
    yield from (reason for reason, holds in rules.items() if not holds)


def _is_distribution(row: tuple[float, ...]) -> bool:
    return max(row, default=1) <= 1e-3 and math.isclose(sum(math.exp(value) for value in row), 1, abs_tol=1e-3)


def _explain(error: ValidationError) -> str:
    """Return pydantic's first message without the value, which may be anything."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return clean(f"{place!r:.80}: {first['msg'].removeprefix('Value error, ')!s:.160}")
