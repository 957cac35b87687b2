"""A run as a list of stages with their work, in the order of `dawgen run`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

from dawgen.classifier.held_out import FOLDS
from dawgen.config import GeneratorKind, RunConfig
from dawgen.cost.counts import Counts, Work, repeat, total
from dawgen.cost.generating import combine, count_scoring, count_tuning, count_ways, count_writing
from dawgen.cost.memory import (
    hold_evaluation,
    hold_scoring,
    hold_texts,
    hold_training,
    hold_tuning,
    hold_writing,
    weigh,
)
from dawgen.cost.shape import Conditioned, Shape
from dawgen.cost.training import count_evaluation, count_reading, count_rows, count_training
from dawgen.cost.workload import Workload
from dawgen.generator.tune.tuner import count_steps
from dawgen.methods.in_context import WINDOWS
from dawgen.methods.spec import MethodSpec
from dawgen.methods.table import METHODS
from dawgen.stats.temperature import LEAST

JUDGED = 100  # candidates per label by which a kind of generator is judged
FIT = 4e-4  # seconds of scikit-learn per training row of a probe: features without a model, logistic regression
ENCODE = 1.5e-2  # seconds of a sentence encoder of 22 million parameters per row of a few dozen tokens, on one thread
CURATE = 4e-4  # seconds of Python per candidate: filters, and 3-grams looked up in the index of kept rows


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run.

    group: the entry of metrics.json that its time belongs to ("tuning dawgen", "writing", a method). name: of the part.
    work: passes through a model. probe: the measured step that corrects its time. fixed: seconds outside the model.
    memory: bytes of the model and of its largest pass. seconds: the prediction, None before there is one.
    """

    group: str
    name: str
    work: Work
    probe: str = ""
    fixed: float = 0.0
    memory: float = 0.0
    seconds: float | None = None

    @property
    def counts(self) -> Counts:
        """All passes together."""
        return total(self.work)

    def as_dict(self) -> dict[str, Any]:
        """Return the stage as JSON has it."""
        counts = self.counts
        return {
            "group": self.group,
            "stage": self.name,
            "flops": counts.flops,
            "bytes": counts.bytes,
            "calls": counts.calls,
            "memory": self.memory,
            "seconds": self.seconds,
        }


def list_stages(
    config: RunConfig, load: Workload, target: Shape, generator: Shape | None, device: str = "cpu"
) -> list[Stage]:
    """Return the stages of a run; generator: None where nothing is tuned or written; device: it sets batch sizes."""
    stages: list[Stage] = []
    if generator is not None:
        at = Conditioned(generator, load.labels, load.prefix, device, config.generator.rivals)
        writes = load.given is None and any(METHODS[method].synthetic for method in config.methods)
        kinds = dict.fromkeys((*config.compare_generators, *((config.generator.kind,) if writes else ())))
        for kind in kinds:
            stages += _tune(config, load, at, kind)
            stages += _judge(config, load, at, kind) if load.oracle else ()
        if writes:
            stages += _write(config, load, at)
    made, read = len(stages), set[str]()
    for method in config.methods:
        stages += list_method(config, load, target, METHODS[method], device, read)
    if generator is None:
        return stages
    # Both models stay loaded for the whole run.
    beside = [weigh(target)] * made + [weigh(generator)] * (len(stages) - made)
    return [replace(stage, memory=stage.memory + other) for stage, other in zip(stages, beside, strict=True)]


def list_kind(config: RunConfig, load: Workload, shape: Shape, kind: GeneratorKind, device: str) -> list[Stage]:
    """Return the stages of tuning one kind of generator and writing a set with it."""
    at = Conditioned(shape, load.labels, load.prefix, device, config.generator.rivals)
    return [*_tune(config, load, at, kind), *_write(config, load, at)]


def list_method(
    config: RunConfig, load: Workload, shape: Shape, spec: MethodSpec, device: str, read: set[str] | None = None
) -> list[Stage]:
    """Return the stages of one method. read: which texts the methods before it have read in front of their prompts."""
    count = _train if spec.steps else _fit if spec.probe or spec.encodes else _ask
    stages = list(count(config, load, shape, spec, device))
    if config.target.placement == "before" or spec.trains != ("prompt",):
        return stages
    texts = _list_texts(config, load, spec)
    held = hold_texts(shape, (length for lengths in texts.values() for length in lengths))
    new = [length for kind, lengths in texts.items() if kind not in (read or ()) for length in lengths]
    if read is not None:
        read.update(texts)
    reading = Stage(spec.name, "reading", count_reading(shape, new), "evaluation", memory=weigh(shape))
    return [replace(stage, memory=stage.memory + held) for stage in (reading, *stages)]


def count_texts(config: RunConfig, load: Workload) -> int:
    """Return how many texts are written: of every label as many as are likely to give the rows that are kept."""
    return math.ceil(config.per_label * config.curate.over / load.kept) * load.labels


def _tune(config: RunConfig, load: Workload, at: Conditioned, kind: GeneratorKind) -> Iterable[Stage]:
    if kind == "untuned":
        return
    settings = config.generator.model_copy(update={"kind": kind})
    step = count_tuning(at, load.shots, settings)
    memory = weigh(at.shape) + hold_tuning(at, load.shots, settings)
    yield Stage(
        f"tuning {kind}", "tuning", repeat(step, count_steps(settings, at.labels)), f"tuning {kind}", memory=memory
    )


def _judge(config: RunConfig, load: Workload, at: Conditioned, kind: GeneratorKind) -> Iterable[Stage]:
    rows = min(JUDGED, len(load.contexts)) * load.labels
    yield from _write_batches(config, load, at, f"judging {kind}", rows, 1)


def _write(config: RunConfig, load: Workload, at: Conditioned) -> Iterable[Stage]:
    """Shards of first texts, each offered to the labels that need it, until enough are kept of each."""
    texts = count_texts(config, load)
    rows = min(config.decode.shard_texts * at.ways, texts)
    yield from _write_batches(config, load, at, "writing", rows, texts / rows)
    each = CURATE + (ENCODE if config.curate.judge else 0.0)
    yield Stage("writing", "curation", (), fixed=each * texts)


def _write_batches(
    config: RunConfig, load: Workload, at: Conditioned, group: str, rows: int, times: float
) -> Iterable[Stage]:
    """Texts written `rows` at a time; without contrast they are then scored."""
    one = count_writing(at, load.contexts, load.written, config.decode, rows=rows)
    held = hold_writing(at, load.contexts, load.written, config.decode, rows=rows)
    yield Stage(group, "writing", repeat(one, times), "writing", memory=weigh(at.shape) + held)
    if count_ways(at, config.decode) > 1:  # decoding knows the scores, but for the few texts that are read otherwise
        return
    scored = combine(load.contexts, load.written, rows)
    held = hold_scoring(at, scored)
    one = count_scoring(at, scored)
    yield Stage(group, "scoring", repeat(one, times), "scoring", memory=weigh(at.shape) + held)


def _ask(config: RunConfig, load: Workload, shape: Shape, spec: MethodSpec, device: str) -> Iterable[Stage]:
    """The test rows scored without a prompt, behind answered shots where the method reads them."""
    window = WINDOWS["seq2seq" if shape.cross else "causal"]
    lengths = _fill_window(load, window) if spec.shots else load.test
    if lengths:
        work = count_evaluation(shape, lengths, config.target, prompt=0, device=device, names=load.names)
        held = weigh(shape) + hold_evaluation(shape, lengths, prompt=0, device=device, names=load.names)
        yield Stage(spec.name, "evaluation", work, "evaluation", memory=held)


def _fit(config: RunConfig, load: Workload, shape: Shape, spec: MethodSpec, device: str) -> Iterable[Stage]:
    """The features of all rows, by the target or by an encoder, and a head on those of the training rows."""
    real, synthetic = _count_data(config, load, spec)
    if spec.asks:
        lengths = (*islice(cycle(load.train), real + synthetic), *load.test)
        work = count_evaluation(shape, lengths, config.target, prompt=0, device=device)
        held = weigh(shape) + hold_evaluation(shape, lengths, prompt=0, device=device)
        yield Stage(spec.name, "features", work, "evaluation", memory=held)
    if spec.encodes:
        yield Stage(spec.name, "features", (), fixed=ENCODE * (real + synthetic + len(load.test)))
    if "encoder" in spec.trains:  # a pair is two rows, each read forwards and backwards
        pairs = min((real + synthetic) ** 2, 16 * config.baselines.setfit_steps)
        yield Stage(spec.name, "training", (), fixed=3 * 2 * ENCODE * pairs)
    yield Stage(spec.name, "fitting", (), fixed=FIT * (real + synthetic))


def _train(config: RunConfig, load: Workload, shape: Shape, spec: MethodSpec, device: str) -> Iterable[Stage]:
    """What comes before, the steps, the looks at the dev set, and the test rows."""
    settings = config.target
    at: dict[str, Any] = {"device": device, "names": 0 if "head" in spec.trains else load.names}
    real, synthetic = _count_data(config, load, spec)
    if spec.pretraining:  # these first train another prompt, from which theirs starts
        texts = spec.pretraining == "texts"
        steps = config.baselines.pretraining_steps if texts else settings.steps
        rows = 2 * settings.batch_size if texts else count_rows("real", real, 0, settings.batch_size)
        step = count_training(shape, load.train, settings, rows=rows, groups=1, **at)
        held = weigh(shape) + hold_training(shape, load.train, settings, rows=rows, **at)
        yield Stage(spec.name, "pretraining", repeat(step, steps), "training", memory=held)
    if spec.trains != ("prompt",):  # weights change what is kept of a text
        settings = settings.model_copy(update={"placement": "before"})
    if "prompt" not in spec.trains:
        settings = settings.model_copy(update={"prompt_length": 0})
    rows = count_rows(spec.schedule or "real", real, synthetic, settings.batch_size)
    groups = 1 + bool(synthetic and spec.schedule == "paired")
    tuned = "weights" in spec.trains
    step = count_training(shape, load.train, settings, rows=rows, groups=groups, weights=tuned, **at)
    held = weigh(shape) + hold_training(shape, load.train, settings, rows=rows, weights=tuned, **at)
    yield Stage(spec.name, "training", repeat(step, settings.steps), "training", memory=held)
    folds = _holds_out(config, load, spec, real)
    if folds:  # each for its share of the steps
        yield Stage(spec.name, "held-out training", repeat(step, (FOLDS - 1) * settings.steps), "training", memory=held)
    looks = math.ceil(settings.steps / settings.eval_every) if load.dev else 0
    # one more for warnings, and another for scores of held-out rows
    known = {"dev looks": (load.dev or load.train, looks + 1 + folds), "evaluation": (load.test, 1)}
    for name, (lengths, times) in known.items():
        if lengths:
            work = count_evaluation(shape, lengths, settings, prompt=settings.length, **at)
            held = hold_evaluation(shape, lengths, prompt=settings.length, placement=settings.placement, **at)
            held += weigh(shape)
            yield Stage(spec.name, name, repeat(work, times), "evaluation", memory=held)


def _holds_out(config: RunConfig, load: Workload, spec: MethodSpec, real: int) -> bool:
    """Return whether a prompt's temperature is found on held-out rows: `classifier.judge.choose_temperature`."""
    asked = config.target.temperature == "auto" and not load.dev and real >= LEAST
    return asked and spec.trains == ("prompt",) and spec.schedule != "synthetic"


def _list_texts(config: RunConfig, load: Workload, spec: MethodSpec) -> dict[str, tuple[int, ...]]:
    """Return the lengths of the texts that a method of soft prompts reads, by what other methods read as well."""
    real, other = _count_data(config, load, spec)
    steps = config.target.steps * 2 * config.target.batch_size  # rows that are taken, of a larger set at most these
    trained = {"gold" if spec.gold else "shots": min(real, steps), spec.rows or "": min(other, steps)}
    texts = {kind: tuple(islice(cycle(load.train), count)) for kind, count in trained.items() if count}
    return texts | {kind: rows for kind, rows in (("dev", load.dev), ("test", load.test)) if rows}


def _count_data(config: RunConfig, load: Workload, spec: MethodSpec) -> tuple[int, int]:
    """Return how many real and how many other rows the method trains on."""
    asked = config.per_label * load.labels
    written = asked if load.given is None else load.given
    beside = {"set": written, "edited": asked}
    return written if spec.gold else len(load.train), beside.get(spec.rows or "", 0)


def _fill_window(load: Workload, window: int) -> tuple[int, ...]:
    """Return lengths of test rows behind as many rounds of one shot per label as fit."""
    turn = load.labels * sum(load.train) / max(1, len(load.train))
    rounds = len(load.train) // load.labels
    return tuple(int(row + turn * min(rounds, max(0, window - row) // turn)) for row in load.test)
