"""Generation with quotas: shards of first texts, each offered to every label that is not full, until N are kept.

A shard is a pure function of settings, seed and the shards before it; a stored shard is read instead of written again,
so that a killed run goes on to the same bytes. Quotas count in shard order. Judged candidates are yielded shard by
shard and not kept: memory does not grow with their number.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from dawgen.config import DecodeConfig
from dawgen.curation.curator import Verdict
from dawgen.errors import ShortfallError
from dawgen.generator.write.rounds import Rounds, count_needs
from dawgen.generator.write.writer import Offer
from dawgen.notebook import shorten, show_table
from dawgen.records import Candidate
from dawgen.rng import python_rng

SAMPLES = 5  # dropped candidates of each reason that a generation remembers

Judged = tuple[Candidate, Verdict]


class Judge(Protocol):
    """Decides whether each candidate is kept, and remembers the kept ones."""

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]: ...  # noqa: D102


class Writes(Protocol):
    """Writes the candidates of a shard: a tuned generator (`Writer`), or a server's model (`ApiWriter`)."""

    @property
    def labels(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def pair(self) -> bool: ...  # noqa: D102
    @property
    def decode(self) -> DecodeConfig: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102
    @property
    def scored(self) -> bool: ...  # noqa: D102
    @property
    def shard_texts(self) -> int: ...  # noqa: D102

    def write_first_texts(self, shard: int) -> list[str]: ...  # noqa: D102

    def write_cells(self, shard: int, offers: Sequence[Offer]) -> list[Candidate]: ...  # noqa: D102

    def score(  # noqa: D102
        self, candidates: Sequence[Candidate], chosen: Sequence[bool] | None = None
    ) -> list[Candidate]: ...


@runtime_checkable
class Sieve(Protocol):
    """A judge that can tell without log-likelihoods which candidates it will not keep."""

    def sift(self, candidates: Sequence[Candidate]) -> list[bool]: ...  # noqa: D102


class Store(Protocol):
    """Keeps shards by number."""

    def read(self, index: int) -> list[Candidate] | None: ...  # noqa: D102

    def write(self, index: int, candidates: Sequence[Candidate]) -> None: ...  # noqa: D102

    def finish(self, extra: dict[str, Any]) -> None: ...  # noqa: D102


@dataclass
class Generation:
    """The numbers of a generation so far, and a few of the candidates that it dropped.

    generated, counts: candidates written and kept per label. surplus: those that came after their label was full, which
    are not judged. barren: first texts that the generator should have written and did not. shards: candidates written
    and kept in each shard. reasons: candidates dropped per reason; samples: the first SAMPLES of each reason, with
    their verdicts.
    """

    generated: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    surplus: int = 0
    barren: int = 0
    shards: list[tuple[int, int]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[Judged]] = field(default_factory=dict)

    def count_drop(self, candidate: Candidate, verdict: Verdict) -> None:
        """Count a dropped candidate and keep the first few of its reason."""
        reason = str(verdict.reason)
        self.reasons[reason] += 1
        seen = self.samples.setdefault(reason, [])
        if len(seen) < SAMPLES:
            seen.append((candidate, verdict))

    def _repr_html_(self) -> str:
        """What a notebook shows: rows by label, then what was dropped and why, with the first text of each reason."""
        rows = [[label, written, self.counts[label]] for label, written in self.generated.items()]
        notes = [f"{self.surplus:,} more came after their label was full."] if self.surplus else []
        tables = [show_table("Written", ["label", "candidates", "kept"], rows, notes=notes)]
        if self.reasons:
            found = [
                [reason, shorten(_name_texts(self.samples[reason][0][0])) if self.samples.get(reason) else "", count]
                for reason, count in self.reasons.most_common()
            ]
            tables.append(show_table("Dropped", ["reason", "such as", "rows"], found, names=2))
        return "".join(tables)


@dataclass(frozen=True)
class Order:
    """A shard to be written: its number, its first texts (None: the generator writes them), and its labels."""

    shard: int
    texts: tuple[str, ...] | None
    labels: tuple[str, ...]


class FinishedOnly:
    """The judge without curation: drops empty and unfinished texts only."""

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate."""
        return [
            Verdict(False, "empty")
            if not (c.example.text1.strip() if c.example.text2 is None else c.example.text2.strip())
            else Verdict(c.finished, None if c.finished else "truncated")
            for c in candidates
        ]


def fill_quotas(
    writer: Writes,
    per_label: int,
    *,
    first_texts: Sequence[str] | None,
    judge: Judge,
    result: Generation,
    store: Store | None = None,
    log: Callable[[dict[str, Any]], object] | None = None,
) -> Iterator[Judged]:
    """Yield judged candidates until exactly `per_label` of every label are kept; `result` counts them.

    first_texts: None where the generator writes text1 itself; single-text tasks need none. Surplus is not yielded. The
    store is finished when the last candidate has been taken.

    Raises:
        ShortfallError: a label has had `attempts * per_label` candidates, or first texts ran out; shards stay.
    """
    labels = list(writer.labels)
    requested = dict.fromkeys(labels, per_label)
    for order in order_shards(writer, per_label, first_texts, result):
        before = result.generated.total(), result.counts.total()
        stored = store.read(order.shard) if store is not None else None
        if stored is None:
            candidates, judged = write_shard(writer, order, judge, per_label, result)
            if store is not None:  # before anyone sees the verdicts: a resumed run judges again, which is quick
                store.write(order.shard, candidates)
        else:
            judged = judge_stored(writer, order, stored, judge, per_label, result)
        yield from judged
        result.shards.append((result.generated.total() - before[0], result.counts.total() - before[1]))
        if log is not None:
            counts = {label: result.counts[label] for label in labels}
            log({"stage": "generate", "shard": order.shard, "generated": result.generated.total(), "kept": counts})
    kept = {label: result.counts[label] for label in labels}
    if kept != requested:
        raise ShortfallError(kept, requested, result.reasons)
    if store is not None:
        generated = result.generated.total()
        dropped = dict(result.reasons)
        store.finish({"kept": kept, "generated": generated, "dropped": dropped, "surplus": result.surplus})


def write_shard(
    writer: Writes, order: Order, judge: Judge, per_label: int, result: Generation
) -> tuple[list[Candidate], list[Judged]]:
    """Return the candidates of a shard, and those that were judged; `result` counts them.

    The shard is the same wherever and whenever it is written after the shards before it.
    """
    texts = writer.write_first_texts(order.shard) if order.texts is None else order.texts
    if order.texts is None:
        result.barren += writer.shard_texts - len(texts)

    def write(offers: Sequence[Offer]) -> list[Candidate]:
        return score_survivors(writer, writer.write_cells(order.shard, offers), judge)

    def count(label: str) -> int:
        kept = result.counts[label]
        return count_needs(per_label - kept, result.generated[label], kept)

    rounds, judged = Rounds(texts, order.labels, write), list[Judged]()
    for text in range(len(texts)):
        for label in order.labels:
            if result.counts[label] < per_label:
                judged.append(judge_one(rounds.ask(text, label, count), judge, result))
    surplus = len(rounds.made) - len(judged)
    result.surplus += surplus
    written = Counter(label for _, label in rounds.made)
    result.generated.update(written - Counter(str(candidate.example.label) for candidate, _ in judged))
    return rounds.list_candidates(), judged


def score_survivors(writer: Writes, candidates: list[Candidate], judge: Judge) -> list[Candidate]:
    """Return the candidates with log-likelihoods, but for those that the judge will drop without; these may have some
    from decoding."""
    if not writer.scored:
        return candidates
    return writer.score(candidates, judge.sift(candidates) if isinstance(judge, Sieve) else None)


def order_shards(
    writer: Writes, per_label: int, first_texts: Sequence[str] | None, result: Generation
) -> Iterator[Order]:
    """Yield one shard after another, each with the labels that are open by then; `result` is followed as it grows."""
    for shard, texts in enumerate(_list_shards(writer, first_texts)):
        # Labels are closed between shards only: a shard must follow from the shards before it, or a resumed run would
        # write other texts.
        labels = tuple(label for label in writer.labels if find_quota(writer, label, per_label, result) > 0)
        if not labels:
            return
        yield Order(shard, None if texts is None else tuple(texts), labels)


def find_quota(writer: Writes, label: str, per_label: int, result: Generation) -> int:
    """Return how many more candidates of a label may come before it is full or out of attempts."""
    # A first text that was not written uses up attempts too: a generator that writes none would never end.
    tried = result.generated[label] + result.barren
    return min(per_label - result.counts[label], writer.decode.attempts * per_label - tried)


def judge_stored(
    writer: Writes, order: Order, candidates: list[Candidate], judge: Judge, per_label: int, result: Generation
) -> list[Judged]:
    """Return the judged candidates of a shard that was stored, without surplus, and count all of them in `result`."""
    if order.texts is None:
        result.barren += writer.shard_texts - len({candidate.example.text1 for candidate in candidates})
    judged = []
    # Another judge than the one that the shard was written for may let others through.
    for candidate in score_survivors(writer, candidates, judge):
        label = str(candidate.example.label)
        if result.counts[label] < per_label:
            judged.append(judge_one(candidate, judge, result))
        else:  # not judged: the curator would remember it as a twin for later rows
            result.generated[label] += 1
            result.surplus += 1
    return judged


def judge_one(candidate: Candidate, judge: Judge, result: Generation) -> Judged:
    """Return a candidate with its verdict, and count both."""
    label = str(candidate.example.label)
    result.generated[label] += 1
    verdict = judge.judge([candidate])[0]
    if verdict.kept:
        result.counts[label] += 1
    else:
        result.count_drop(candidate, verdict)
    return candidate, verdict


def _list_shards(writer: Writes, first_texts: Sequence[str] | None) -> Iterator[list[str] | None]:
    """Yield the first texts of each shard; None where they are still to be written.

    Given texts come in a seeded shuffle. Sampling goes through them again and again, each time shuffled anew; greedy
    writing would only repeat itself, so it ends after one pass.
    """
    config, size = writer.decode, writer.shard_texts
    greedy = config.strategy == "greedy"
    if writer.pair and first_texts is None:
        while True:
            yield None
    # Without text1 every greedy row of a label is the same text, so one is enough.
    unique = list(dict.fromkeys(first_texts or [])) if writer.pair else [""] * (1 if greedy else size)
    turn = 0
    while unique and not (greedy and turn > 0):
        python_rng(writer.seed, "generator/first_texts", turn).shuffle(unique)
        for start in range(0, len(unique), size):
            yield unique[start : start + size]
        turn += 1


def count_kept(record: dict[str, Any]) -> int:
    """Return how many rows a record of `fill_quotas` says are kept."""
    return sum(record["kept"].values())


def _name_texts(candidate: Candidate) -> str:
    texts = (candidate.example.text1, candidate.example.text2)
    return " → ".join(text for text in texts if text is not None)
