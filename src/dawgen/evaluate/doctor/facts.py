"""The facts of a run. None and empty mean not known: a signature that needs such a fact finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `rows` rows."""

    count: int
    rows: int

    @property
    def value(self) -> float:
        """The share in [0, 1]; 0 without rows."""
        return self.count / self.rows if self.rows else 0.0

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % of {self.rows}"


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """One method of a run.

    schedule: "" where nothing is trained. surgery: the rule, "none" for none.
    confusion: [K,K] counts of test rows, a row per true label. correct: "0" or "1" for each test row.
    fitted: few shots that the trained prompt gets right. agrees: synthetic rows whose label it would give too.
    looks: how often the dev set of n_dev rows was asked, the best prompt being kept.
    losses: training loss over the steps, of the real rows where there are any, as means of windows or of single steps.
    conflict, removed: means over `steps` steps that met both gradients. cut: texts that lost their end.
    reach: the longest row of the prompt in norms of the target's embeddings (`models.units.measure_reach`).
    """

    name: str
    schedule: str = ""
    synthetic: bool = False
    surgery: str = "none"
    confusion: tuple[tuple[int, ...], ...] = ()
    correct: str = ""
    fitted: Share | None = None
    agrees: Share | None = None
    dev_accuracy: float | None = None
    n_dev: int = 0
    looks: int = 0
    losses: tuple[float, ...] = ()
    steps: int = 0
    conflict: float | None = None
    removed: float | None = None
    cut: Share | None = None
    reach: float | None = None

    @property
    def trained(self) -> bool:
        """Whether anything was trained."""
        return self.schedule != ""

    @property
    def test(self) -> Share | None:
        """The test rows that are right."""
        if not self.confusion:
            return None
        return Share(sum(row[place] for place, row in enumerate(self.confusion)), sum(map(sum, self.confusion)))

    @property
    def held_out(self) -> Share | None:
        """The test rows that are right, else the dev rows."""
        if self.test is not None:
            return self.test
        if self.dev_accuracy is None or not self.n_dev:
            return None
        return Share(round(self.dev_accuracy * self.n_dev), self.n_dev)


@dataclass(frozen=True, slots=True)
class SetFacts:
    """The synthetic set that was trained on.

    given: it came from elsewhere (--synthetic). kind: of the generator. fidelity: share of its labels that an oracle
    confirms; raw_fidelity: the same before curation. posterior: mean probability that the generator, used as a
    classifier, gives to the label for which it wrote a candidate. audit: the output of `dawgen audit --json`.
    """

    rows: int
    labels: Mapping[str, int]
    given: bool = False
    kind: str = ""
    fidelity: float | None = None
    raw_fidelity: float | None = None
    posterior: float | None = None
    audit: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leak:
    """Rows of `source` ("training" or "synthetic") whose pair stands in the test rows; `example`: the first."""

    source: str
    share: Share
    example: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One run, or one task, target, size and seed of a grid.

    notes: what could not be examined, and why. words: the label words in the order of `labels`. rate: the setting of
    the target's rate with its value, such as "target.rate 0.2".
    """

    run: str
    task: str = ""
    target: str = ""
    seed: int = 0
    shots: int | None = None
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    rate: str = ""
    methods: Mapping[str, MethodFacts] = field(default_factory=dict)
    set: SetFacts | None = None
    leaks: tuple[Leak, ...] = ()
    notes: tuple[str, ...] = ()
