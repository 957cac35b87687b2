"""Measures again: the set beside the real rows, and the saved prompts' answers on rows that they were trained on.

Nothing is trained. What is no longer there is left out, with a note.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import RunConfig
from dawgen.data import find_leaks, place_rows, read
from dawgen.errors import DawgenError
from dawgen.evaluate.audit.job import Against, Look, audit_examples
from dawgen.evaluate.doctor.facts import Facts, Leak, MethodFacts, SetFacts, Share
from dawgen.models.load import Backbone, load_target
from dawgen.models.units import measure_reach
from dawgen.records import Example
from dawgen.rng import thin
from dawgen.runs.finished import FinishedRun
from dawgen.runs.inputs import Inputs
from dawgen.runtime import pick_device, set_threads
from dawgen.scenes.fidelity import measure_fidelity

MOST = 1000  # synthetic rows that are audited
JUDGED = 500  # synthetic rows that a prompt is asked about
Moved = Mapping[str, str]  # train, dev or test -> where the file is now


@dataclass(frozen=True, slots=True)
class Rows:
    """The data of the run. test: the rows that it was or would be measured on."""

    inputs: Inputs
    config: RunConfig
    test: Sequence[Example]
    synthetic: Sequence[Example]


def look_again(run: FinishedRun, facts: Facts, moved: Moved, threads: int | None = None) -> Facts:
    """Return the facts with those of the rows and bundles today, or with a note why these cannot be examined.

    Raises DataError where a file that `moved` names cannot be read.
    """
    try:
        rows = find_rows(run, moved)
    except (DawgenError, OSError) as error:
        if moved:
            raise
        return replace(facts, notes=(*facts.notes, f"rows not looked at again: {str(error).splitlines()[0]}"))
    notes = list(facts.notes)
    try:
        backbone = load_target(rows.config.target.model, dtype=rows.config.target.dtype, device=pick_device())
    except (DawgenError, OSError) as error:
        notes.append(f"target not looked at again: {str(error).splitlines()[0]}")
        return replace(facts, leaks=count_leaks(rows), notes=tuple(notes))
    set_threads(threads, sizes=[backbone.size])
    methods = {name: ask_prompt(run, method, rows, backbone, notes) for name, method in facts.methods.items()}
    data = facts.set and describe_set(facts.set, rows, backbone)
    return replace(facts, methods=methods, set=data, leaks=count_leaks(rows), notes=tuple(notes))


def find_rows(run: FinishedRun, moved: Moved) -> Rows:
    """Return the rows of the run, drawn and read as it did.

    Raises DataError where a file has changed since, and whatever reading raises.
    """
    # a test file that the run never saw may leak: it is read by itself, where the run's inputs would refuse it
    config = run.resolve({name: moved[name] for name in ("train", "dev") if name in moved})
    inputs = run.inputs(config)
    test: Sequence[Example] = inputs.test or ()
    if "test" in moved:
        test = read(moved["test"], task=inputs.task, columns=config.columns)
    return Rows(inputs, config, test, run.read_set(inputs) or ())


def count_leaks(rows: Rows) -> tuple[Leak, ...]:
    """Return which rows that were trained on stand in the test rows, in either order of their texts."""
    test, found = place_rows(rows.test, "test"), []
    for source, examples in (("training", rows.inputs.train), ("synthetic", rows.synthetic)):
        clashes = find_leaks(place_rows(examples, source), test)
        if clashes:
            twin = clashes[0].twin
            texts = " | ".join(text for text in (twin.example.text1, twin.example.text2) if text is not None)
            found.append(Leak(source, Share(len(clashes), len(examples)), f"{twin.where} ({texts:.120})"))
    return tuple(found)


def ask_prompt(run: FinishedRun, method: MethodFacts, rows: Rows, backbone: Backbone, notes: list[str]) -> MethodFacts:
    """Return the method's facts with the answers of its bundle on the few shots and on synthetic rows."""
    place = run.bundle(method.name)
    if place is None:
        return method
    try:
        classifier = PromptClassifier.load(place, backbone)
    except DawgenError as error:
        notes.append(f"{method.name} not looked at again: {str(error).splitlines()[0]}")
        return method
    some = thin(rows.synthetic, JUDGED, rows.config.seed, "doctor/rows") if not method.synthetic else []
    texts = [*rows.inputs.train, *rows.test]
    return replace(
        method,
        fitted=count_right(classifier, rows.inputs.train),
        agrees=count_right(classifier, some) if some else None,
        cut=Share(classifier.count_cut(texts), len(texts)),
        reach=measure_reach(classifier.prompt_, backbone.unit),
    )


def count_right(classifier: PromptClassifier, examples: Sequence[Example]) -> Share:
    """Return how many of the examples get their own label."""
    predicted = classifier.predict(examples)
    return Share(sum(a == row.label for a, row in zip(predicted, examples, strict=True)), len(examples))


def describe_set(data: SetFacts, rows: Rows, backbone: Backbone) -> SetFacts:
    """Return the set's facts with its audit against the real rows: the few shots and the dev rows."""
    if not rows.synthetic:
        return data
    task, config = rows.inputs.task, rows.config
    counts = Counter(str(row.label) for row in rows.synthetic)
    thinned = thin(rows.synthetic, MOST, config.seed, "doctor/rows")
    real = [*rows.inputs.train, *(rows.inputs.dev or ())]
    fidelity = measure_fidelity(task.name, rows.synthetic)["label_fidelity"]
    return replace(
        data,
        rows=len(rows.synthetic),
        labels={label: counts[label] for label in task.labels},
        fidelity=fidelity if data.fidelity is None else data.fidelity,
        audit=audit_examples(
            task,
            thinned,
            Against(real, {"test": rows.test}),
            backbone,
            Look(config.seed, judge=False, max_tokens=config.target.max_tokens),
        ),
    )
