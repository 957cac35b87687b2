"""Loads a frozen sentence encoder: texts become vectors, pooled as the model's own sentence-transformers files say.

With token states h_1..h_T of a text and its mask, `mean` pooling is sum_t m_t h_t / sum_t m_t and `cls` is h_1; where
the model has a Normalize module the vector is then divided by its length.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import snapshot_download
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoTokenizer

from dawgen.errors import ModelError, first_line
from dawgen.models.hub import find_snapshot
from dawgen.models.known import advise_known
from dawgen.models.quiet import silence
from dawgen.models.resolve import resolve_model
from dawgen.models.trust import advise, check_source, code_options, weight_options
from dawgen.records import Example, list_texts

Pooling = Literal["mean", "cls"]
BATCH = 32  # texts at a time
_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]


@dataclass(frozen=True)
class Layout:
    """How a model folder makes vectors. longest: tokens at which texts are cut, None where its files do not say."""

    pooling: Pooling
    normalise: bool
    longest: int | None


@dataclass(frozen=True)
class Encoder:
    """A frozen sentence encoder in eval mode, in float32."""

    model: Any
    tokenizer: Any
    name: str
    layout: Layout

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the texts' vectors [N,H] in float32 on the CPU; the batch that a text is in does not matter but for
        rounding."""
        width = self.model.config.hidden_size
        vectors = torch.empty(len(texts), width)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # little padding
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            vectors[torch.tensor(places)] = self._encode_batch([texts[place] for place in places]).float().cpu()
        return vectors

    def count_cut(self, examples: Sequence[Example]) -> int:
        """Return how many examples have a text of which the encoder reads the beginning only."""
        texts = list(dict.fromkeys(list_texts(examples)))
        if self.layout.longest is None or not texts:
            return 0
        read = self.tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        cut = {text for text, ids in zip(texts, read, strict=True) if len(ids) > self.layout.longest}
        return sum(bool(cut & {example.text1, example.text2}) for example in examples)

    def _encode_batch(self, texts: list[str]) -> Tensor:
        options = {"truncation": True, "max_length": self.layout.longest, "padding": True, "return_tensors": "pt"}
        batch = self.tokenizer(texts, **options).to(self.model.device)
        states = self.model(**batch).last_hidden_state  # [B,T,H]
        if self.layout.pooling == "cls":
            pooled: Tensor = states[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=1) if self.layout.normalise else pooled


def load_encoder(name: str, *, device: str = "cpu") -> Encoder:
    """Load a sentence encoder, frozen, by short name (minilm), folder or hub name.

    Raises:
        ModelError: it cannot be found or read, or makes its vectors in another way than by mean or first token.
    """
    place = find_encoder(name)
    folder = Path(place) if Path(place).is_dir() else _fetch(name, place)
    layout = read_layout(folder)
    if layout is None:
        raise ModelError(
            f"{name}: expected a sentence-transformers model that pools by mean or by its first token (modules.json, "
            "1_Pooling/config.json), found another.\nName one such as minilm or sentence-transformers/all-MiniLM-L6-v2."
        )
    try:
        with silence():
            check_source(name, str(folder), AutoConfig.from_pretrained(folder, **code_options(name)))
            tokenizer = AutoTokenizer.from_pretrained(folder, **code_options(name))
            model, info = AutoModel.from_pretrained(
                folder, **weight_options(name), dtype=torch.float32, output_loading_info=True
            )
    except ModelError:
        raise
    except Exception as error:  # whatever transformers raises on a stranger's files
        raise _refuse(name, str(folder), error) from error
    lacking = sorted(key for key in info["missing_keys"] if "pooler" not in key)  # the pooler is not used
    if lacking:
        raise ModelError(f"{name}: its weights lack {len(lacking)} tensors, {lacking[0]} among them.")
    if layout.longest is None:
        limits = (tokenizer.model_max_length, model.config.to_dict().get("max_position_embeddings"))
        layout = replace(layout, longest=min(limit for limit in limits if limit))
    return Encoder(model.to(device).eval().requires_grad_(False), tokenizer, name, layout)


def find_encoder(name: str) -> str:
    """Return the folder of an encoder that is on this machine, else its name on the hub; raises as `resolve_model`."""
    place = resolve_model(name)
    snapshot = None if Path(place).is_dir() else find_snapshot(place)
    return place if snapshot is None else str(snapshot)


def read_layout(folder: Path) -> Layout | None:
    """Return how the folder's model makes its vectors; None if that is not by mean or first token of its states."""
    try:
        modules = [
            (str(m["type"]).rpartition(".")[2], m["path"]) for m in json.loads((folder / "modules.json").read_bytes())
        ]
        kinds, places = [kind for kind, _ in modules], [place for _, place in modules]
        if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]) or places[0]:
            return None
        pooling = json.loads((folder / Path(places[1]).name / "config.json").read_bytes())
        settings = folder / "sentence_bert_config.json"
        longest = json.loads(settings.read_bytes()).get("max_seq_length") if settings.is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    modes = [key.removeprefix("pooling_mode_") for key, on in pooling.items() if key.startswith("pooling_mode_") and on]
    known: dict[str, Pooling] = {"mean_tokens": "mean", "cls_token": "cls"}
    if len(modes) != 1 or modes[0] not in known or (longest is not None and not isinstance(longest, int)):
        return None
    return Layout(known[modes[0]], len(kinds) > 2, longest)


def _fetch(name: str, repo: str) -> Path:
    try:
        with silence():
            return Path(snapshot_download(repo, allow_patterns=_FILES))
    except Exception as error:  # whatever the hub's client raises
        raise _refuse(name, repo, error) from error


def _refuse(name: str, source: str, error: Exception) -> ModelError:
    reason = first_line(error)
    todo = advise(name, source, error) or advise_known(name)
    return ModelError(
        f"{name}: expected a sentence-transformers folder or hub name, could not load it: {reason}\n"
        + (todo or "Check name and network, or name minilm (`dawgen models minilm`).")
    )
