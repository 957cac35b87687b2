"""The text in a model's answer: without thoughts, fences, JSON, preambles, numbers and quotes; "" for a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_ITEM = re.compile(r"^\s*(?:[-*•]\s+|\(?\d{1,3}[.)]\s+)")
_MARKED = re.compile(r"[-*•\"“(]|\d{1,3}[.)]")  # how a list, a quotation or an emphasis begins
_PREAMBLE = re.compile(
    r"^(sure|certainly|of course|absolutely|okay|ok|here(?:'s| is| are)|the (?:new )?(?:text|sentence|answer)\b)"
    r"[^\n]{0,200}:\s*$",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^(?:(?:i'?m|i am) sorry[^.]{0,20}\bbut i (?:can'?t|cannot|am unable|won'?t)"
    r"|i (?:can'?t|cannot|won'?t|am unable to|am not able to) "
    r"(?:assist|help|comply|fulfil|fulfill|write|create|generate|provide)\b"
    r"|as an ai(?: language)? (?:model|assistant)\b)",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "'": "'", "\u2018": "\u2019", "`": "`"}


def clean_answer(answer: str, names: Sequence[str] = ()) -> str:
    """Return the text that the answer gives, in one line; "" where it gives none.

    names: what the request called the text, which answers repeat in front of it ("Sentence 2: ...").

    >>> clean_answer('Sure, here is one:\\n\\n1. "A dog is barking."')
    'A dog is barking.'
    """
    text = _THOUGHT.sub(" ", answer)
    fenced = _FENCE.search(text)
    text = (fenced[1] if fenced and fenced[1].strip() else text).strip()
    found = _read_json(text)
    if found is not None:
        text = found
    if _REFUSAL.match(text.lstrip(" \"'“").replace("\u2019", "'")):
        return ""
    text = _choose_line([line.strip() for line in text.splitlines() if line.strip()])
    return " ".join(_unwrap(text, [*names, "Text", "Answer", "Output", "New text"]).split())


def _read_json(text: str) -> str | None:
    """Return the first text in an answer that is JSON; None where it is none."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    while isinstance(value, dict | list):
        inside = list(value.values()) if isinstance(value, dict) else value
        value = next((one for one in inside if isinstance(one, str | dict | list) and one), "")
    return str(value)


def _choose_line(lines: Sequence[str]) -> str:
    """Return the lines of one text, joined: without a preamble, and of a list the first item."""
    if len(lines) > 1 and (_PREAMBLE.match(lines[0]) or (lines[0].endswith(":") and _MARKED.match(lines[1]))):
        lines = lines[1:]
    if sum(bool(_ITEM.match(line)) for line in lines) > 1:
        return next(line for line in lines if _ITEM.match(line))
    return " ".join(lines)


def _unwrap(text: str, names: Sequence[str]) -> str:
    """Return a text without the number, name, emphasis and quotes around it."""
    before = None
    while before != text:
        before = text
        text = _ITEM.sub("", text, count=1).strip()
        for name in names:
            if text.lower().startswith(f"{name.lower()}:") or text.lower().startswith(f"**{name.lower()}:**"):
                text = text[text.index(":") + 1 :].removeprefix("**").strip()
        if text.startswith("**") and text.endswith("**") and len(text) > 4 and "**" not in text[2:-2]:
            text = text[2:-2].strip()
        close = _QUOTES.get(text[:1])
        if close and len(text) > 2 and text.endswith(close) and close not in text[1:-1] and text[0] not in text[1:-1]:
            text = text[1:-1].strip()
    return text
