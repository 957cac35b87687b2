"""The spec of a method, as data: what it trains, on which rows, and all that other parts of dawgen need to know.

A method is one file of this folder, which ends in its `SPECS`: `dawgen.methods.table` finds them there. Names in
settings, the order and families of tables, the keys of grid cells, the stages of the cost model, checks and the help of
the command line are read from the specs alone.

Such a file imports torch, scikit-learn and all that needs them inside its functions: specs are read where names are
checked and help is printed, which must not load them. What is heavy by nature lies in a folder below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dawgen.config import Schedule, Surgery

if TYPE_CHECKING:
    from collections.abc import Callable

    from dawgen.methods.interface import Fit, Given

Trained = Literal["prompt", "weights", "adapter", "head", "encoder"]
Rows = Literal["set", "gold", "edited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """One method.

    fit: makes the classifier. place: where tables list it. family: the heading above it there.
    trains: a soft prompt on the frozen target (alone it can be saved as a bundle), the target's own weights, a low-rank
    adapter, a head on features, a sentence encoder; () for a method that only asks. schedule: of the rows it trains on,
    None without training. surgery: None leaves it to the settings.
    rows: what it takes beside the few shots: a synthetic set, gold examples in place of one, or edits of its own; how
    many there are is the size of its arm. way: how grids call the use of a set ("GENERATOR/WAY"), by default the name.
    shots: whether few shots, and with them the seed, change anything. asks: whether it passes texts through the target.
    encodes: whether it passes them through a sentence encoder.
    unlabelled: needs plain texts. sources: needs prompts of other tasks. pretraining: what a prompt before the prompt
    learns from. settings: the fields of `BaselineConfig` that are the method's. check: raises ConfigError or DataError
    for what it lacks.
    """

    name: str
    fit: Fit
    place: int
    family: str
    trains: tuple[Trained, ...] = ("prompt",)
    schedule: Schedule | None = "real"
    surgery: Surgery | None = "none"
    rows: Rows | None = None
    way: str = ""
    shots: bool = True
    asks: bool = True
    encodes: bool = False
    unlabelled: bool = False
    sources: bool = False
    pretraining: Literal["texts", "shots"] | None = None
    settings: tuple[str, ...] = ()
    check: Callable[[Given], None] | None = None

    @property
    def synthetic(self) -> bool:
        """Whether it needs a synthetic set."""
        return self.rows == "set"

    @property
    def gold(self) -> bool:
        """Whether it needs gold examples, as many as a set would have."""
        return self.rows == "gold"

    @property
    def probe(self) -> bool:
        """Whether it only fits a head on features that nothing was trained for, in seconds."""
        return self.trains == ("head",)

    @property
    def steps(self) -> bool:
        """Whether it is trained in steps with the target's settings: logged, resumed, evaluated on a dev set."""
        return bool(self.trains) and not self.probe and "encoder" not in self.trains
