"""Snippets of a model card: plain Python that gives the classifier's own probabilities, by PEFT and by dawgen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_END = "ids.append(tokenizer.eos_token_id)  # one end token, whether the tokenizer writes it or not"
_SCORES = "scores = logits[0, -1, list(words.values())].float()"
FIRST, SECOND = "A child is reading a book in the garden.", "Someone is reading outside."


def write_peft_snippet(facts: Mapping[str, Any]) -> str:
    """Return a script that loads base and adapter and puts {label: probability} of an example into `probabilities`."""
    seq2seq = facts["kind"] == "seq2seq"
    auto = "AutoModelForSeq2SeqLM" if seq2seq else "AutoModelForCausalLM"
    bundled = facts["bundled"]
    revision = facts["base"]["revision"]
    pinned = f", revision={_quote(revision)}" if revision and not bundled else ""
    named = has_names(facts)
    tokens = [(label, number if isinstance(number, int) else list(number)) for label, _, number in facts["labels"]]
    words = ", ".join(f"{_quote(label)}: {own}" for label, own in tokens)
    what = "tokens of the name that answers" if named else "token that answers"
    chat = facts.get("closing", "")
    template = re.sub(r"\s*\{mask\}", lambda _: facts["mask"], facts["template"]).rstrip() + chat
    lines = [
        "import torch",
        "from peft import PeftModel",
        f"from transformers import {auto}, AutoTokenizer",
        *(["", "from dawgen import resolve_model"] if bundled else []),
        "",
        f"base = {'resolve_model(' if bundled else ''}{_quote(facts['base']['name'])}{')' if bundled else ''}",
        f"adapter = {_quote(_name_adapter(facts))}",
        f"words = {{{words}}}  # label -> {what} for it",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained(base{pinned})",
        f"model = {auto}.from_pretrained(base{pinned}, dtype=torch.{facts['dtype']})",
        "model = PeftModel.from_pretrained(model, adapter).eval()",
        "",
        f"template = {_quote(template)}",
        f'text = template.replace("{{text1}}", {_quote(FIRST)})',
        *([f'text = text.replace("{{text2}}", {_quote(SECOND)})'] if facts["pair"] else []),
        *_write_tokens(bool(chat)),
        *(_write_names(facts, seq2seq) if named else _write_forward(facts, seq2seq)),
        "probabilities = dict(zip(words, scores.softmax(-1).tolist()))",
        "print(probabilities)",
    ]
    return "\n".join(lines)


def has_names(facts: Mapping[str, Any]) -> bool:
    """Return whether any label has words of several tokens."""
    return not all(isinstance(number, int) for _, _, number in facts["labels"])


def _write_tokens(chat: bool) -> list[str]:
    if chat:  # whose opening is in front of the prompt, with the begin token
        return ['ids = tokenizer(text, add_special_tokens=False)["input_ids"]']
    return ['ids = tokenizer(text)["input_ids"]', "while ids[-1] == tokenizer.eos_token_id:", "    ids.pop()"]


def _name_adapter(facts: Mapping[str, Any]) -> str:
    """Return where the adapter is: its name on the hub, else the folder in which the card lies."""
    return str(facts.get("repo") or ".")


def _quote(text: str) -> str:
    """Return a text as Python and JSON write it."""
    return json.dumps(text, ensure_ascii=False)


def _write_forward(facts: Mapping[str, Any], seq2seq: bool) -> list[str]:
    if not seq2seq:
        return [
            "with torch.no_grad():",
            "    logits = model(input_ids=torch.tensor([ids])).logits",
            _SCORES,
        ]
    return [
        _END,
        f"start = torch.tensor([[{_write_start(facts)}]])",
        "with torch.no_grad():",
        "    logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=start).logits",
        _SCORES,
    ]


def _write_names(facts: Mapping[str, Any], seq2seq: bool) -> list[str]:
    """Return the lines that score names of several tokens, one label after another."""
    called = "input_ids=torch.tensor([ids]), decoder_input_ids=read" if seq2seq else "input_ids=read"
    before = f"[{_write_start(facts)}]" if seq2seq else "ids"
    return [
        *([_END] if seq2seq else []),
        "scores = []",
        "for name in words.values():  # the mean log-likelihood of the name's tokens",
        f"    read = torch.tensor([{before} + name[:-1]])",
        "    with torch.no_grad():",
        f"        logits = model({called}).logits[0, -len(name) :].float()",
        "    scores.append(logits.log_softmax(-1)[torch.arange(len(name)), name].mean())",
        "scores = torch.stack(scores)",
    ]


def _write_start(facts: Mapping[str, Any]) -> str:
    return "model.config.decoder_start_token_id" + (f", {facts['sentinel_id']}" if facts["decoder_sentinel"] else "")


def write_dawgen_snippet(facts: Mapping[str, Any]) -> str:
    """Return a script that imports the adapter as a bundle, with every check, and does the same."""
    item = f"({_quote(FIRST)}, {_quote(SECOND)})" if facts["pair"] else _quote(FIRST)
    return "\n".join(
        [
            "import dawgen",
            "",
            f'dawgen.import_peft({_quote(_name_adapter(facts))}, "bundle")',
            'classifier = dawgen.PromptClassifier.load("bundle")',
            f"scores = classifier.predict_proba([{item}])[0]",
            "probabilities = dict(zip(classifier.classes_.tolist(), scores.tolist()))",
            "print(probabilities)",
        ]
    )
