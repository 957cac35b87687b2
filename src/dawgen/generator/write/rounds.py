"""One shard, written in rounds: a label is offered no more first texts than it is likely to need.

Candidates are judged text by text, each under every label that is not full, which is the order of a shard that was
written all at once: what is kept is the same, and only what would have come after a label was full is not written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil

from dawgen.generator.write.writer import Offer
from dawgen.records import Candidate

# Before anything is judged four of five candidates are expected to stay (`cost.workload.KEPT`).
PRIOR = (4, 5)


@dataclass
class Rounds:
    """The candidates of a shard, written as they are asked for.

    texts, labels: what is offered to whom. write: returns one candidate per offer. made: what there is by now, by
    number of text and label; ahead: texts that were offered to each label.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    write: Callable[[Sequence[Offer]], list[Candidate]]
    made: dict[tuple[int, str], Candidate] = field(default_factory=dict)
    ahead: dict[str, int] = field(default_factory=dict)

    def ask(self, text: int, label: str, needs: Callable[[str], int]) -> Candidate:
        """Return a text's candidate under a label; if there is none yet, write a round.

        needs: how many more texts a label is likely to need, this one included; 0 where it is full.
        """
        if (text, label) not in self.made:
            offers = self._plan(text, label, needs)
            found = self.write(offers)
            self.made |= {(i, name): one for (i, _, name), one in zip(offers, found, strict=True)}
        return self.made[text, label]

    def list_candidates(self) -> list[Candidate]:
        """Return all that was written, text by text."""
        order = {label: number for number, label in enumerate(self.labels)}
        return [self.made[key] for key in sorted(self.made, key=lambda key: (key[0], order[key[1]]))]

    def _plan(self, text: int, asking: str, needs: Callable[[str], int]) -> list[Offer]:
        offers, reached = [], False
        for label in self.labels:
            reached = reached or label == asking
            if not (needed := needs(label)):
                continue
            start = self.ahead.get(label, 0)
            waiting = start - (text if reached else text + 1)  # written before and not judged yet
            count = max(needed - waiting, 1 if label == asking else 0)
            end = min(len(self.texts), start + max(0, count))
            self.ahead[label] = end
            offers += [(i, self.texts[i], label) for i in range(start, end)]
        return sorted(offers, key=lambda offer: offer[0])  # by text: rows of one text have the same context


def count_needs(missing: int, generated: int, kept: int) -> int:
    """Return how many candidates are likely to give the missing rows, by what a label's first ones gave."""
    return ceil(missing * (generated + PRIOR[1]) / (kept + PRIOR[0]))
