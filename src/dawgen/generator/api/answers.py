"""The answers of a server, stored as they come: a request that was answered is never sent and paid for again.

answers.jsonl: one answer a line, appended and flushed to the disk, in the order of arrival, which nothing depends on.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dawgen.config import GeneratorConfig
from dawgen.errors import BudgetError, DataError

ANSWERS = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server gave for one request.

    text: as it came, "" where the server refused. finish: why it ended, in the server's word. read, written: tokens;
    counted: whether the server counted them, else they are estimated. model: the server's own name of it. logp: nats of
    a text that was only scored.
    """

    text: str
    finish: str = ""
    read: int = 0
    written: int = 0
    counted: bool = True
    model: str = ""
    logp: float | None = None


class Answers:
    """Stored answers by request, and what they cost so far.

    folder: of the file; None keeps them in memory. settings: prices and budgets.

    Raises:
        DataError: a line of the file is damaged.
    """

    def __init__(self, folder: Path | None, settings: GeneratorConfig) -> None:
        self._path = None if folder is None else folder / ANSWERS
        self._settings, self._lock = settings, threading.Lock()
        self._known: dict[str, Answer] = {}
        self._spent = Counter[str]()
        self._reserved = (0, 0)
        self._characters = 3.0  # of a token, at least in most languages; by what servers count, once they have
        if self._path is not None and self._path.is_file():
            self._load(self._path)

    def find(self, key: str) -> Answer | None:
        """Return the answer to a request that was answered before."""
        return self._known.get(key)

    def add(self, key: str, answer: Answer) -> None:
        """Store an answer, on the disk before it is used."""
        with self._lock:
            self._keep(key, answer)
            if self._path is None:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as stream:
                stream.write(json.dumps({"request": key, **asdict(answer)}).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())

    def estimate(self, text: str) -> int:
        """Return about how many tokens a request has, rather too many."""
        return round(len(text) / self._characters) + 16

    @contextmanager
    def reserve(self, read: int, written: int) -> Iterator[None]:
        """Keep tokens of the budget for a request that is on its way.

        Raises:
            BudgetError: with it and all others on their way the budget would be exceeded.
        """
        with self._lock:
            ahead = (self._reserved[0] + read, self._reserved[1] + written)
            spent = self.count_spent()
            self._check(spent["read"] + ahead[0], spent["written"] + ahead[1])
            self._reserved = ahead
        try:
            yield
        finally:
            with self._lock:
                self._reserved = (self._reserved[0] - read, self._reserved[1] - written)

    def count_spent(self) -> dict[str, int]:
        """Return the answers and tokens so far: answers, read, written, and estimated (answers without a count)."""
        return {name: self._spent[name] for name in ("answers", "read", "written", "estimated")}

    def describe(self) -> dict[str, Any]:
        """Return what a report says of the answers: tokens, money where there are prices, names of models, endings."""
        spent = self.count_spent()
        texts = [one for one in list(self._known.values()) if one.logp is None]
        return spent | {
            "money": find_price(self._settings, spent["read"], spent["written"]),
            "models": sorted({one.model for one in texts if one.model}),
            "endings": dict(Counter(one.finish or "none" for one in texts).most_common()),
        }

    def learn(self, characters: int, read: int) -> None:
        """Take a server's count of tokens for the estimates of later requests."""
        with self._lock:
            self._characters = min(max(self._characters, 1.0), max(1.0, characters / max(1, read)))

    def _keep(self, key: str, answer: Answer) -> None:
        self._known[key] = answer
        self._spent.update(answers=1, read=answer.read, written=answer.written, estimated=not answer.counted)

    def _check(self, read: int, written: int) -> None:
        settings, spent = self._settings, self.count_spent()
        total, money = read + written, find_price(settings, read, written)
        paid = find_price(settings, spent["read"], spent["written"])
        what = f"{spent['read'] + spent['written']:,} tokens" + ("" if paid is None else f" ({paid:.4g} in money)")
        if settings.budget_tokens is not None and total > settings.budget_tokens:
            name, value = "budget_tokens", f"{settings.budget_tokens:,}"
        elif settings.budget_money is not None and money is not None and money > settings.budget_money:
            name, value = "budget_money", f"{settings.budget_money:g}"
        else:
            return
        raise BudgetError(
            f"generator.{name}: {value} do not suffice for one more request: {what} are spent on {spent['answers']:,} "
            f"answers.\nAll are stored: the same command with a larger --set generator.{name}=... goes on from there."
        )

    def _load(self, path: Path) -> None:
        whole = path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if len(kept) < len(whole):  # a killed process may leave half a line
            with path.open("r+b") as stream:
                stream.truncate(len(kept))
        for number, line in enumerate(kept.splitlines(), start=1):
            try:
                row: dict[str, Any] = json.loads(line)
                key = row.pop("request")
                self._keep(key, Answer(**row))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"{path}:{number}: expected a stored answer, found damage ({error}). Delete the line to ask again."
                ) from error


def find_price(settings: GeneratorConfig, read: float, written: float) -> float | None:
    """Return what tokens cost: (read * price_in + written * price_out) / 10^6; None without prices."""
    if settings.price_in is None or settings.price_out is None:
        return None
    return (read * settings.price_in + written * settings.price_out) / 1e6


def read_answer(reply: Any, asked: str, most: int, chat: bool) -> Answer:
    """Return the answer in a server's JSON; tokens that it does not count are estimated, four characters each.

    asked: the request's text. most: tokens that it may write.

    Raises:
        ValueError: there is no text and no reason for none.
    """
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    if choice is None:
        raise ValueError("an answer without choices")
    message = choice.get("message") if chat else choice
    text = message.get("content" if chat else "text") if isinstance(message, Mapping) else None
    if isinstance(text, list):  # parts, of which some may be text
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, Mapping))
    finish = str(choice.get("finish_reason") or "")
    if chat and isinstance(message, Mapping) and message.get("refusal"):
        text, finish = "", "refusal"
    if not isinstance(text, str):
        if not finish:
            raise ValueError("an answer without a text")
        text = ""
    usage = reply.get("usage")
    read, written = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
    counted = read is not None and written is not None
    answer = Answer(
        text.encode(errors="replace").decode(),  # half of a surrogate pair cannot be written
        finish,
        len(asked) // 4 + 1 if read is None else read,
        len(text) // 4 + 1 if written is None else written,
        counted,
        str(reply.get("model") or "")[:200],
    )
    # Some servers say "stop" where they have cut a text.
    return replace(answer, finish="length") if counted and answer.written >= most else answer


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
