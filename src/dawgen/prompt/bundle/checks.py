"""What is checked of a bundle beside its bytes: its parts agree, and it sits on the model it was trained on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from torch import Tensor

from dawgen.config import LONGEST_PROMPT
from dawgen.errors import BundleError
from dawgen.models.chat import LONGEST_FRONT
from dawgen.models.load import Backbone, name_dtype
from dawgen.prompt.bundle.files import explain
from dawgen.prompt.bundle.golden import SENTENCES
from dawgen.prompt.label_words import LONGEST as MOST_TOKENS
from dawgen.prompt.label_words import LabelWords
from dawgen.prompt.vocabulary import encode_word, find_frequent
from dawgen.tasks.task import Task

if TYPE_CHECKING:
    from dawgen.prompt.bundle.format import BundleInfo

LONGEST_TEMPLATE = 4000  # characters, also of a chat template's closing
_ODD = ("ÀÉ ﬁn \u2167 \uff11\uff12 naïve", "  two  spaces\tand\na line ", "DON'T re-enter 3.14e-5!?", "日本 Ωμέγα 🙂")


def check_parts(folder: Path, prompt: Tensor, info: BundleInfo) -> None:
    """Refuse a bundle whose parts contradict each other, or which could use memory and time without bound."""
    reason = next(find_faults(prompt, info), None)
    if reason is not None:
        raise BundleError(f"{folder}: the bundle contradicts itself, or a part is out of bounds: {reason}")


def describe_base(backbone: Backbone) -> dict[str, Any]:
    """Return the fields of `BundleInfo` that say which model a prompt belongs to."""
    return {
        "base": backbone.name,
        "revision": backbone.revision,
        "quantisation": backbone.quantisation,
        "fingerprint": backbone.fingerprint,
        "weights": backbone.exact,
        "tokenizer": hash_tokenizer(backbone.tokenizer),
        "dtype": name_dtype(backbone),
    }


def check_base(prompt: Tensor, info: BundleInfo, backbone: Backbone) -> None:
    """Refuse a base model that is not the one the prompt was trained on.

    In the dtype of the bundle every bit of the weights counts; in another dtype those that bfloat16 keeps.

    Raises:
        BundleError: another tokenizer, other weights or another architecture, with the name of both; or label words
            with ids that the tokenizer does not give, or a chat template's opening with ids beyond its vocabulary.
    """
    named = f"the bundle was trained on {_name_model(info.base, info.revision, info.quantisation)}"
    got = _name_model(backbone.name, backbone.revision, backbone.quantisation)
    width = backbone.model.get_input_embeddings().weight.shape[1]
    if prompt.shape[1] != width:
        raise BundleError(f"{named}, whose width is {prompt.shape[1]}; got {got} of width {width}.\nLoad {info.base}.")
    if hash_tokenizer(backbone.tokenizer) != info.tokenizer:
        raise BundleError(f"{named}; the tokenizer of {got} is another one.\nLoad {info.base} as it was.")
    if backbone.fingerprint != info.fingerprint:
        raise BundleError(f"{named}; the weights of {got} are others.\n{_advise_weights(info, backbone)}")
    if name_dtype(backbone) == info.dtype and backbone.exact != info.weights:
        raise BundleError(
            f"{named}; the weights of {got} are others, by less than bfloat16 shows.\nLoad {info.base} as it was."
        )
    rows = backbone.model.get_input_embeddings().weight.shape[0]
    if max(info.front, default=0) >= rows:
        raise BundleError(f"front: expected tokens of the {rows} that the model has, got {max(info.front)}.")
    _check_words(info, backbone)


def hash_tokenizer(tokenizer: Any) -> str:
    """Return a SHA-256 of the vocabulary, of its scores or merges, and of how fixed texts are split."""
    return _hash_tokenizer(tokenizer, len(tokenizer))


def find_faults(prompt: Tensor, info: BundleInfo) -> Iterator[str]:
    """Yield what is wrong within a bundle: parts that contradict each other, or are out of bounds."""
    try:
        task = Task.model_validate_json(json.dumps(info.task), strict=True)
    except ValidationError as error:
        yield f"task: {explain(error)}"
        return
    words, count = info.label_words, len(info.labels)
    ids = LabelWords.of(words, info.label_ids).ids
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
        "label_ids: expected those of each label, all different": len(ids) == count == len(set(ids)),
        f"label_ids: expected 1 to {MOST_TOKENS} for each label": all(1 <= len(own) <= MOST_TOKENS for own in ids),
        "label_ids: expected none below 0": all(number >= 0 for own in ids for number in own),
        "max_tokens is not settings.max_tokens": info.max_tokens == info.settings.max_tokens,
        "decoder_sentinel is not settings.decoder_sentinel": info.decoder_sentinel == info.settings.decoder_sentinel,
        f"prompt: expected at most {LONGEST_PROMPT} rows": len(prompt) <= LONGEST_PROMPT,
        "prompt: its rows are not settings.prompt_length": info.settings.prompt_length == len(prompt),
        f"front, closing: expected both or neither, at most {LONGEST_FRONT} tokens and {LONGEST_TEMPLATE} characters": (
            bool(info.front) == bool(info.closing)
            and len(info.front) <= LONGEST_FRONT
            and len(info.closing) <= LONGEST_TEMPLATE
        ),
        "front: expected no token below 0": min(info.front, default=0) >= 0,
        f"golden: expected log-probabilities [{len(SENTENCES)},{count}]": len(info.golden) == len(SENTENCES)
        and all(len(row) == count and _is_distribution(row) for row in info.golden),
    }
    yield from (reason for reason, holds in rules.items() if not holds)


def _name_model(name: str, revision: str | None, quantisation: str | None) -> str:
    return f"{name}{f' at {revision}' if revision else ''}{f' ({quantisation})' if quantisation else ''}"


def _advise_weights(info: BundleInfo, backbone: Backbone) -> str:
    """A short name such as smollm2 may stand for quantised weights on one machine, and for the hub's on another."""
    if info.quantisation == backbone.quantisation:
        return f"Load {info.base} as it was."
    wanted = f"weights that were quantised as {info.quantisation}" if info.quantisation else "weights as on the hub"
    return (
        f"It needs {wanted}: give their file or folder with --model (`dawgen models {info.base}` says what is there)."
    )


def _is_distribution(row: tuple[float, ...]) -> bool:
    return max(row, default=1) <= 1e-3 and math.isclose(sum(math.exp(value) for value in row), 1, abs_tol=1e-3)


def _check_words(info: BundleInfo, backbone: Backbone) -> None:
    rows = backbone.model.get_output_embeddings().weight.shape[0]
    tokenizer = backbone.tokenizer
    for word, ids in zip(info.label_words, LabelWords.of(info.label_words, info.label_ids).ids, strict=True):
        known = max(ids) < rows and (
            any(encode_word(tokenizer, word, spaced=spaced) == list(ids) for spaced in (True, False))
            # dawgen once chose a frequent word for a label of several tokens
            or (len(ids) == 1 and find_frequent(tokenizer).get(ids[0]) == word)
        )
        if not known:
            raise BundleError(
                f"label word {word!r:.60}: expected the ids that the tokenizer gives it, got {ids!r:.80}."
            )


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
    probes = [*(sentence for pair in SENTENCES for sentence in pair), *_ODD]
    digest.update(json.dumps(tokenizer(probes)["input_ids"]).encode())
    return digest.hexdigest()
