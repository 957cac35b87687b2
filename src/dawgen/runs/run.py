"""`dawgen run`: inputs, generator, synthetic set, curation, every method, report; each stage once, in this order."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dawgen
from dawgen.config import RunConfig
from dawgen.cost.workload import KEPT
from dawgen.errors import ConfigError
from dawgen.files import read_json, write_json, write_text
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.generator.estimator import Generator
from dawgen.methods.table import METHODS, check_names
from dawgen.models.load import Backbone, load_generator, load_target
from dawgen.outputs import check_inputs, claim, hold
from dawgen.progress import Reporter
from dawgen.prompt.label_words import find_mute_words
from dawgen.records import Example
from dawgen.report import render_report
from dawgen.report.run.metrics import ServerNumbers
from dawgen.runs.curating import open_curator
from dawgen.runs.folder import REPORT, Job, RunFolder, StepLog, is_run, list_parts, read_threads
from dawgen.runs.forecast import announce_cost
from dawgen.runs.generate import Order, compare_kinds, find_source, generate_set, judge_kind, tune_generator
from dawgen.runs.inputs import Inputs, list_sources, load_inputs
from dawgen.runs.interference import measure_interference
from dawgen.runs.methods import check_methods, plan_target, run_method
from dawgen.runs.served import check_server, choose_judge, foretell, open_served
from dawgen.runs.settings import note_settings
from dawgen.runs.tracking import check_trackers, track_run
from dawgen.runtime import count_cpus, find_threads, pick_device, set_threads
from dawgen.scenes.fidelity import has_oracle
from dawgen.servers import FREE


def run_job(config: RunConfig, out: Path, *, fresh: bool = False, reporter: Reporter | None = None) -> dict[str, Any]:
    """Do the whole job in the folder `out` and return what metrics.json holds.

    A killed job is resumed to the same bytes (except times); a finished one is read back.

    Raises DataError, ConfigError and ModelError before anything is trained, ConfigError where another process works in
    the folder, DataError where results of a finished job are damaged, ShortfallError from generation.
    """
    reporter = reporter or Reporter()
    check_names(config.methods)  # again: settings that Python code makes are resolved nowhere
    check_trackers(config.tracking)
    check_inputs(list_parts(out), list_sources(config))
    with hold(out, "run"), claim([out / REPORT], "report", knows=lambda _: is_run(out)):
        return _run_alone(config, out, fresh, reporter)


def _run_alone(config: RunConfig, out: Path, fresh: bool, reporter: Reporter) -> dict[str, Any]:
    reporter.say(f"reading {config.task or config.train}, loading the models")
    run = _prepare(config, out)
    known = None if fresh else read_threads(out)
    threads = find_threads(config.threads or known, [base.size for base in (run.target, run.generator) if base])
    if known is None:  # before there is a folder of a job that is refused
        threads = _announce(run, threads, reporter)
    threads = set_threads(threads)
    # Trackers and what is refused do not change the results: a run may be resumed with other ones.
    exclude: dict[str, Any] = {"tracking": True, "memory": True, "generator": set(FREE)}
    settings = config.model_dump(mode="json", exclude=exclude)
    folder = RunFolder(out, settings, _record(run, threads), fresh=fresh)
    if folder.complete:
        lost = folder.find_lost()
        reporter.say(f"{out}: complete, reused")
        if lost:
            reporter.say(f"{out / REPORT}: it was gone, and is made again")
            write_text(out / REPORT, render_report([out]))
        return read_json(out / "metrics.json", " Restore it, or start again with --fresh.")
    if known is not None:
        _announce(run, threads, reporter)
    with track_run(config.tracking, out, settings, reporter) as tracking:
        job = Job(config.seed, StepLog(out / "log.jsonl", tracking.write), reporter)
        metrics = _do_stages(run, job)
        tracking.finish(metrics)
    write_text(out / REPORT, render_report([out]))
    folder.finish(run.inputs.hashes)
    return metrics


@dataclass(frozen=True)
class _Ready:
    """A run whose data are checked and whose models are loaded. generator: None where none is needed. writes: whether a
    set is to be written, as methods want one and none is given."""

    config: RunConfig
    out: Path
    inputs: Inputs
    target: Backbone
    generator: Backbone | None
    writes: bool


def _prepare(config: RunConfig, out: Path) -> _Ready:
    """Read and check all that can be wrong before anything is trained."""
    check_server(config)
    inputs = load_inputs(config)
    target = load_target(config.target.model, dtype=config.target.dtype, device=pick_device())
    words = plan_target(inputs.task, target, config)
    inputs.notes.append("label words: " + ", ".join(f"{k}={w}" for k, w in words.items()))
    if inputs.task.label_words is None and (warning := find_mute_words(words)):
        inputs.warnings.append(warning)
    if note := note_settings(config.target, target.kind):
        inputs.notes.append(note)
    check_methods(inputs, inputs.synthetic, config)
    if config.compare_generators and not has_oracle(inputs.task.name):
        raise ConfigError(f"compare_generators: no oracle knows the labels of {inputs.task.name}; leave it out.")
    writes = inputs.synthetic is None and any(METHODS[method].synthetic for method in config.methods)
    generator = None
    if (writes and config.generator.kind != "api") or config.compare_generators:
        generator = load_generator(config.generator.model, dtype=config.generator.dtype, device=pick_device())
    return _Ready(config, out, inputs, target, generator, writes)


def _announce(run: _Ready, threads: int | None, reporter: Reporter) -> int | None:
    """Say what was read and what the run will take; return its number of threads.

    threads: None for the faster of one and all. The folder keeps it, so that a resumed run takes as many.
    """
    reporter.announce(run.inputs.notes, run.inputs.warnings)
    if run.writes and run.config.generator.kind == "api":
        reporter.say(foretell(run.config, run.inputs, KEPT).describe())
    counts = (1, count_cpus()) if threads is None and pick_device() == "cpu" else (set_threads(threads),)
    found = announce_cost(
        run.config, run.inputs, run.target, run.generator, reporter, threads=tuple(sorted(set(counts)))
    )
    return found.threads or threads


def _do_stages(run: _Ready, job: Job) -> dict[str, Any]:
    """Tune, write, train and measure; returns what it has written as metrics.json."""
    config, inputs, out = run.config, run.inputs, run.out
    metrics: dict[str, Any] = {
        "task": inputs.task.name,
        "seed": config.seed,
        "shots_per_label": config.shots,
        "labels": list(inputs.task.labels),
        "generators": {},
        "synthetic": None,
        "methods": {},
        "notes": inputs.notes,
        "warnings": inputs.warnings,
        "seconds": job.seconds,  # filled by the stages of the generator as they end
    }
    synthetic = inputs.synthetic
    if run.writes or config.compare_generators:
        synthetic = _make_synthetic(run, job, metrics)
    elif synthetic is not None:
        metrics["synthetic"] = {"given": config.synthetic, "kept": len(synthetic)}
    behind = config.target.placement == "behind"
    with run.target.texts.in_folder(out / "texts") if behind else nullcontext():
        for method in config.methods:
            data = synthetic if METHODS[method].synthetic or METHODS[method].gold else None
            place = out / "prompts" / method
            numbers = run_method(method, inputs, data, run.target, config, folder=place, job=job)
            metrics["warnings"] = [*metrics["warnings"], *numbers.pop("warnings", [])]
            metrics["methods"][method] = numbers
    for name, means in measure_interference(out / "log.jsonl").items():
        metrics["methods"][name]["interference"] = means
    metrics["warnings"] = [*metrics["warnings"], *find_no_gain(metrics["methods"]), *find_probe(metrics["methods"])]
    write_json(out / "metrics.json", metrics)
    job.log.tidy()
    return metrics


def _make_synthetic(run: _Ready, job: Job, metrics: dict[str, Any]) -> Sequence[Example] | None:
    """Judge the kinds of generators that are to be compared, and write the set where none is given."""
    config, inputs = run.config, run.inputs
    source = find_source(config, inputs)
    if source.note:
        job.reporter.say(source.note)
        metrics["notes"] = [*metrics["notes"], source.note]
    own = config.generator.kind if run.writes else None  # which is tuned once, for the set
    others = [kind for kind in config.compare_generators if kind != own]
    folder = run.out / "generators"
    if run.generator is not None:
        metrics["generators"] = compare_kinds(run.generator, source, config.generator, others, folder=folder, job=job)
    if not run.writes:
        return inputs.synthetic
    place, optional = run.out / "generator", False
    generator: Generator | ApiGenerator
    if run.generator is None:
        answers = run.out / "synthetic"
        generator = open_served(source, config.generator, folder=place, answers=answers, job=job)
        config, optional = choose_judge(config, generator, job.reporter.say)
    else:
        generator = tune_generator(run.generator, source, config.generator, folder=place, job=job)
        metrics["generators"][config.generator.kind] = judge_kind(generator, source.first_texts, job)
    kept, metrics["synthetic"] = generate_set(
        generator,
        Order(config.per_label, source.first_texts, place),
        open_curator(
            config,
            inputs.train,
            inputs.task.labels,
            dev=inputs.dev or (),
            test=inputs.test or (),
            load=lambda: run.target,
            optional=optional,
            say=job.reporter.say,
        ),
        folder=run.out / "synthetic",
        job=job,
    )
    if served := metrics["synthetic"].get("server"):
        metrics["notes"] = [*metrics["notes"], ServerNumbers.model_validate(served).describe()]
    metrics["warnings"] = [*metrics["warnings"], *generator.warnings_]
    return kept


def find_no_gain(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return a warning if synthetic data made the prompt worse than the few shots alone."""
    base, own = (methods.get(name, {}).get("accuracy") for name in ("prompt_tuning", "dawgen"))
    if base is None or own is None or own >= base:
        return []
    return [f"dawgen: {own:.1%} is below prompt_tuning's {base:.1%}: synthetic data did not help here"]


def find_probe(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return a warning if a probe did as well as the best prompt; one on gold examples has more to learn from."""
    known = {name: row["accuracy"] for name, row in methods.items() if row.get("accuracy") is not None}
    probes = [name for name in known if METHODS[name].probe]
    prompts = [name for name in known if METHODS[name].trains == ("prompt",) and not METHODS[name].gold]
    if not probes or not prompts:
        return []
    probe, prompt = (max(names, key=known.__getitem__) for names in (probes, prompts))
    if known[probe] < known[prompt]:
        return []
    how = "above" if known[probe] > known[prompt] else "as good as"
    numbers = f"{known[probe]:.1%} is {how} {prompt}'s {known[prompt]:.1%}"
    return [f"{probe}: {numbers}: a probe that is fitted in seconds would do"]


def _describe_model(backbone: Backbone) -> dict[str, Any]:
    facts = {"name": backbone.name, "revision": backbone.revision, "fingerprint": backbone.fingerprint}
    return facts | ({"quantisation": backbone.quantisation} if backbone.quantisation else {})


def _record(run: _Ready, threads: int) -> dict[str, Any]:
    """Return what a run's bytes depend on beside its settings."""
    models = {"target": run.target} | ({"generator": run.generator} if run.generator else {})
    return {
        "versions": {
            "dawgen": dawgen.__version__,
            "python": platform.python_version(),
            "torch": version("torch"),
            "transformers": version("transformers"),
        },
        "threads": threads,
        "device": pick_device(),
        "models": {role: _describe_model(backbone) for role, backbone in models.items()},
        "inputs": run.inputs.hashes,
    }
