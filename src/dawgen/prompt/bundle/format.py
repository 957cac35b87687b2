"""The bundle: a soft prompt [P,H] with all that is needed to use it, and proof that the base model is the right one.

`prompt.safetensors` holds the prompt, `bundle.json` the rest, with golden outputs: label log-probabilities on fixed
sentences, computed when the bundle was saved and again when it is loaded. A bundle may come from a stranger: whatever
its bytes are, it is either loaded or refused with a BundleError, and no code of it is run.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, field_validator, model_serializer
from torch import Tensor

from dawgen.config import Dtype, Schedule, TargetConfig
from dawgen.data.kinds import Kind
from dawgen.errors import BundleError
from dawgen.files import write_json, write_with
from dawgen.models.chat import Chat
from dawgen.prompt.bundle.checks import check_parts
from dawgen.prompt.bundle.files import (
    INFO,
    PROMPT,
    check_digest,
    check_format,
    compute_digest,
    explain,
    read_info,
    read_prompt,
    write_prompt,
)
from dawgen.section import Settings

FORMAT = 2


class BundleInfo(Settings):
    """What `bundle.json` holds.

    digest: `compute_digest`, written by `save_bundle`. fingerprint: `models.load.fingerprint`, in bfloat16.
    quantisation: `Backbone.quantisation`, which bundles before 0.2 do not have.
    weights: `Backbone.exact`, every bit of the weights in `dtype`. tokenizer: `hash_tokenizer`. golden: [4,K], the
    label log-probabilities of `golden_examples`. label_ids: a number for each label, or a list for each where any label
    has words of several tokens. front, closing: of the `Chat` around every text, empty without one, as in bundles from
    before there were any. label_kind: of what kind the labels were that `fit` got. temperature: T, by which scores are
    divided before they become probabilities; None, in bundles from before there was one, is 1. Golden outputs are from
    before that. tempered: how it was found. metrics: whatever the caller measured, for people to read.
    """

    format: int = FORMAT
    digest: str = ""
    base: str
    revision: str | None
    quantisation: Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,16}$")] | None = None
    fingerprint: str
    weights: str
    tokenizer: str
    dtype: Dtype
    task: dict[str, Any]
    template: str
    labels: tuple[str, ...]
    label_words: tuple[str, ...]
    label_ids: tuple[int, ...] | tuple[tuple[int, ...], ...]
    decoder_sentinel: bool
    max_tokens: int
    front: tuple[int, ...] = ()
    closing: str = ""
    schedule: Schedule
    seed: int
    label_kind: Kind = "text"
    temperature: Annotated[float, Field(ge=0.05, le=20)] | None = None
    tempered: Annotated[str, Field(max_length=200)] = "none"
    settings: TargetConfig
    golden: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)

    @field_validator("settings", mode="after")
    @classmethod
    def settle_absent(cls, settings: TargetConfig) -> TargetConfig:
        """What bundles from before there was a choice do not say was off, whatever is the default now."""
        off = {"chat": False, "patience": 0, "placement": "before"}
        return settings.model_copy(update={k: v for k, v in off.items() if k not in settings.model_fields_set})

    @model_serializer(mode="wrap")
    def _leave_out(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What a bundle does not have is not written: an old one stays the same bytes."""
        content: dict[str, Any] = write(self)
        if content.get("quantisation") is None:
            content.pop("quantisation", None)
        if not self.front:
            content.pop("front", None)
            content.pop("closing", None)
        if self.settings.chat is False:
            content["settings"].pop("chat", None)
        if self.label_kind == "text":
            content.pop("label_kind", None)
        if self.temperature is None:
            content.pop("temperature", None)
            content.pop("tempered", None)
        if not self.settings.patience:
            content["settings"].pop("patience", None)
        return content

    @property
    def chat(self) -> Chat:
        """The chat template around every text."""
        return Chat(self.front, self.closing)


def save_bundle(folder: Path, prompt: Tensor, info: BundleInfo) -> str:
    """Write the prompt, then `bundle.json`: its presence means that the bundle is complete. Returns the digest.

    Raises:
        BundleError: `load_bundle` would refuse it, and why.
    """
    plain = prompt.detach().float().cpu().contiguous()
    check_parts(folder, plain, info)
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
    check_format(folder, content, FORMAT, "bundle format", "Train the prompt again.")
    prompt = read_prompt(folder / PROMPT)
    check_digest(folder, content, compute_digest(content, prompt), digest, "bundle")
    try:
        info = BundleInfo.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise BundleError(f"{folder}: expected a bundle, its files are damaged: {explain(error)}") from error
    check_parts(folder, prompt, info)
    return prompt, info
