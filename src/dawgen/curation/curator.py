"""The curator: applies the filters in a fixed order, remembers the rows it kept, and says why it dropped the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from dawgen.config import CurateConfig
from dawgen.curation.dedupe import NearIndex
from dawgen.curation.filters import copy_stats, find_overlap_limits, is_copy, is_empty, measure_overlap
from dawgen.curation.posterior import measure_margin
from dawgen.errors import ConfigError, DataError
from dawgen.notebook import shorten, show_table
from dawgen.records import Candidate, Example, generated_text, pair_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Opinion = Callable[[Sequence[Example]], NDArray[np.float64]]  # the probability of each one's own label, [N]
    Choose = Callable[[Sequence[Candidate], int], set[int]]  # the places of so many rows of each label

Reason = Literal[
    "empty",
    "truncated",
    "copy",
    "leak",
    "echo",
    "duplicate",
    "near_duplicate",
    "near_copy",
    "posterior",
    "judge",
    "not_chosen",
]
REASONS: tuple[Reason, ...] = get_args(Reason)  # in the order of the filters: a row has the first that applies


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one candidate is kept, and why not.

    score: the number that decided (similarity, overlap, margin in nats or probability); for a kept row its margin if
    known.
    twin: the row that this one repeats, as "origin (label): text1 | text2".
    """

    kept: bool
    reason: Reason | None = None
    score: float | None = None
    twin: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An example that curation dropped; the fields are those of its verdict."""

    example: Example
    reason: Reason
    score: float | None
    twin: str | None


class Curated(NamedTuple):
    """What `curate` returns, a tuple of both; a notebook shows how many rows each filter has dropped."""

    kept: list[Example]
    dropped: list[Dropped]

    @property
    def reasons(self) -> Counter[str]:
        """Rows dropped for each reason."""
        return Counter(row.reason for row in self.dropped)

    def _repr_html_(self) -> str:
        samples = {row.reason: row.example for row in reversed(self.dropped)}
        rows: list[list[object]] = [["kept", "", len(self.kept)]]
        rows += [
            [reason, shorten(" → ".join(_texts(samples[reason]))), self.reasons[reason]]
            for reason in REASONS
            if reason in samples
        ]
        title = f"{len(self.kept) + len(self.dropped):,} rows"
        return show_table(title, ["verdict", "such as", "rows"], rows, names=2)


class Curator:
    """Judges generated rows in order of arrival; any division into calls of `judge` gives the same verdicts.

    - copy: text2 repeats text1. If real rows of the label do so too, copies are kept up to their share there.
    - leak: the pair, in either order, is one of the dev or test pairs.
    - echo: the pair is a real one, or the generated text (text2 of a pair) is nearly that of a real row. A real text1
      alone is no echo: first texts may be real ones on purpose.
    - duplicate: the pair was kept before under any label. Of one pair under two labels the first stays: with the
      posterior filter that is the label which the generator itself prefers, as the other row fails there.
    - near_duplicate: both texts are similar to those of a row kept before under the same label. Similar pairs under
      different labels stay: minimal pairs teach the difference.
    - near_copy: text2 takes more of its words from text1 than real rows of the label do.
    - posterior: the generator finds another label likelier for the text, or its own by less than `posterior_margin`
      nats.
    - judge: a classifier that knows the few shots alone (`opinion`: from examples to the probability of the own label)
      gives it less than `judge_least` times chance.
    - not_chosen: with `over` above 1, a row that passed all of these and is not among the likeliest (`choose`).

    Only kept rows are remembered, in a file and not in memory (`NearIndex`). So a twin is always a row that the reader
    can find in the set, and a row that is dropped for another reason cannot make a good one a duplicate.
    """

    def __init__(
        self,
        real: Sequence[Example],
        labels: Sequence[str],
        config: CurateConfig | None = None,
        *,
        dev: Sequence[Example] = (),
        test: Sequence[Example] = (),
        opinion: Opinion | None = None,
        choose: Choose | None = None,
    ) -> None:
        self.labels, self.config = tuple(labels), config or CurateConfig()
        if self.config.judge is not None and opinion is None:
            raise ConfigError(f"curate.judge={self.config.judge}: expected the judge itself too, as opinion=.")
        self.opinion, self.choose = opinion, choose
        # Of rows that both were asked about, whether the generator's posterior and the judge would keep them.
        self.agreement = Counter[tuple[bool, bool]]()
        self._copy_shares, self._overlap_limits = copy_stats(real), find_overlap_limits(real)
        self._kept, self._copies = Counter[str](), Counter[str]()
        self._held_out = _name_pairs("dev", dev) | _name_pairs("test", test)
        self._real_pairs = _name_pairs("real", real)
        self._real_texts = NearIndex(self.config.echo)
        for row in real:
            self._real_texts.add((generated_text(row),), _name_row("real", row))
        self._rows = NearIndex(self.config.near_duplicate)

    def judge(self, candidates: Iterable[Candidate]) -> list[Verdict]:
        """Return one verdict per candidate, in order.

        Raises DataError for a label that the task does not have, or a `logp` without one value per label.
        """
        verdicts = []
        for candidate in candidates:
            self._check(candidate)
            verdict = self._find_reason(candidate)
            if verdict.kept:
                self._remember(candidate.example)
            verdicts.append(verdict)
        return verdicts

    def sift(self, candidates: Sequence[Candidate]) -> list[bool]:
        """Return which candidates may still be kept, as far as can be told without their `logp`, in order.

        What is False now is dropped by `judge` too, whenever it comes: rows that are kept in between only add reasons.
        Nothing is remembered.
        """
        return [self._find_fault(candidate, final=True) is None for candidate in candidates]

    def _check(self, candidate: Candidate) -> None:
        label, logp = candidate.example.label, candidate.logp
        if label not in self.labels:
            raise DataError(
                f"expected a synthetic label among {', '.join(self.labels)}, got {label!r}; correct the set."
            )
        if logp is not None and len(logp) != len(self.labels):
            raise DataError(
                f"expected {len(self.labels)} log-likelihoods per candidate, one per label, got {len(logp)}; "
                "the set was generated for another task."
            )

    def _find_reason(self, candidate: Candidate) -> Verdict:
        fault = self._find_fault(candidate)
        if fault is not None:
            return fault
        margin, likely = None, True
        if candidate.logp is not None and len(self.labels) > 1:
            margin = measure_margin(candidate.logp, self.labels.index(str(candidate.example.label)))
            likely = margin > self.config.posterior_margin or not self.config.posterior  # false for NaN
        chance, credible = None, True
        if self.opinion is not None:
            chance = float(self.opinion([candidate.example])[0])
            credible = chance * len(self.labels) >= self.config.judge_least
            if margin is not None and self.config.posterior:
                self.agreement[likely, credible] += 1
        if not likely:
            return Verdict(False, "posterior", margin)
        return Verdict(True, score=margin) if credible else Verdict(False, "judge", chance)

    def _find_fault(self, candidate: Candidate, *, final: bool = False) -> Verdict | None:
        """Return the verdict of the filters that need no `logp`, None where all let the row pass.

        final: only what no row that is kept later could change.
        """
        example, config = candidate.example, self.config
        label, unordered = str(example.label), tuple(sorted(pair_key(example)))
        if is_empty(example):
            return Verdict(False, "empty")
        if not candidate.finished:
            return Verdict(False, "truncated")
        if is_copy(example) and not self._may_copy(label, final=final):
            return Verdict(False, "copy", 1.0)
        if twin := self._held_out.get(unordered):
            return Verdict(False, "leak", 1.0, twin)
        if twin := self._real_pairs.get(unordered):
            return Verdict(False, "echo", 1.0, twin)
        if match := self._real_texts.find((generated_text(example),)):
            return Verdict(False, "echo", *match)
        if twin := self._rows.find_equal(_texts(example)):
            return Verdict(False, "duplicate", 1.0, twin)
        if match := self._rows.find(_texts(example), label=label):
            return Verdict(False, "near_duplicate", *match)
        overlap = measure_overlap(example)
        if config.near_copy and overlap is not None and overlap > self._overlap_limits.get(label, 1.0):
            return Verdict(False, "near_copy", overlap)
        return None

    def _may_copy(self, label: str, *, final: bool) -> bool:
        share = self._copy_shares.get(label, 0.0)
        if final:  # the more rows are kept, the more copies may be
            return share > 0
        # Counted as if this row were kept, so that the share of copies among kept rows never exceeds the real one.
        return self._copies[label] + 1 <= share * (self._kept[label] + 1)

    def _remember(self, example: Example) -> None:
        label, name = str(example.label), _name_row("synthetic", example)
        self._kept[label] += 1
        self._copies[label] += is_copy(example)
        self._rows.add(_texts(example), name, label=label)


def curate(
    synthetic: Iterable[Example | Candidate],
    *,
    real: Sequence[Example],
    dev: Sequence[Example] = (),
    test: Sequence[Example] = (),
    labels: Sequence[str] | None = None,
    config: CurateConfig | None = None,
    opinion: Opinion | None = None,
) -> Curated:
    """Return the examples to keep and the dropped ones, both in the order given.

    Args:
        synthetic: examples, or candidates as a generator writes them, which may carry `logp` [K].
        real: the few labelled examples; thresholds per label come from them.
        dev, test: rows that no synthetic one may repeat.
        labels: the task's labels in its order, needed if candidates have `logp`; by default those of the real rows.
        config: which filters, and how strict.
        opinion: from examples to the probability of each one's own label, [N] in [0, 1]: the judge, by which rows are
            dropped that have less than `config.judge_least` times chance.

    Returns:
        The examples that stay, and a `Dropped` with reason, score and twin for every other one.

    Raises:
        DataError: candidates with `logp` and no labels given, or a label that the real rows do not have.

    >>> import dawgen
    >>> real = [dawgen.Example("a man is asleep", "a man is sleeping", "entailment")]
    >>> texts = ["a girl is running", "", "a girl runs"]
    >>> synthetic = [dawgen.Example("a girl runs", text, "entailment") for text in texts]
    >>> kept, dropped = dawgen.curate(synthetic, real=real)
    >>> len(kept), [row.reason for row in dropped]
    (1, ['empty', 'copy'])
    """
    if config is not None and config.over > 1:
        raise ConfigError("curate.over: expected 1, as there is nothing to choose by here; `dawgen curate` chooses.")
    for what, given in {"synthetic": synthetic, "real": real, "dev": dev, "test": test}.items():
        if not isinstance(given, Iterable):
            raise DataError(f"{what}: expected a list of Examples, got {given!r:.60} ({type(given).__name__}).")
    candidates = [row if isinstance(row, Candidate) else Candidate(row) for row in synthetic]
    for item in chain((candidate.example for candidate in candidates), real, dev, test):
        if not isinstance(item, Example):
            raise DataError(f"expected Examples with labels to curate, got {item!r:.60} ({type(item).__name__}).")
    if labels is None:
        if any(candidate.logp is not None for candidate in candidates):
            raise DataError("expected labels=..., the task's labels in its order, since the candidates carry logp.")
        labels = list(dict.fromkeys(row.label for row in real if row.label is not None))
    verdicts = Curator(real, labels, config, dev=dev, test=test, opinion=opinion).judge(candidates)
    rows = [candidate.example for candidate in candidates]
    kept = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict.kept]
    dropped = [
        Dropped(row, verdict.reason, verdict.score, verdict.twin)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.reason is not None
    ]
    return Curated(kept, dropped)


def _texts(example: Example) -> tuple[str, ...]:
    return (example.text1,) if example.text2 is None else (example.text1, example.text2)


def _name_pairs(origin: str, rows: Sequence[Example]) -> dict[tuple[str, ...], str]:
    """Return the name of each pair, in either order of its texts; the first of equal rows gives the name."""
    return {tuple(sorted(pair_key(row))): _name_row(origin, row) for row in reversed(rows)}


def _name_row(origin: str, example: Example) -> str:
    return f"{origin} ({example.label}): {' | '.join(_texts(example))}"
