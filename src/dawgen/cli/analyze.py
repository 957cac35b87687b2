"""`dawgen analyze`: the costs of a run before it starts, and studies of finished ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import complete_models
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.cost import Machine, Prediction
    from dawgen.cost.generators import Prices
    from dawgen.evaluate.costs.grid import GridFacts

app = typer.Typer(no_args_is_help=True, help="What a run costs, whose gradients fight, where data stop paying.")

Run = Annotated[
    Path | None,
    typer.Argument(help="a finished run, or a folder of dawgen bench: measured beside predicted", metavar="[RUN]"),
]
HERE = ("cpu", "cuda")


@app.callback()
def _explain() -> None:
    """What a run will take, and what it tells."""


@app.command()
def cost(
    run: Run = None,
    task: o.Task = None,
    train: o.Train = None,
    dev: o.Dev = None,
    test: o.Test = None,
    unlabelled: o.Unlabelled = None,
    synthetic: o.Synthetic = None,
    generator: Annotated[
        str | None, typer.Option(help="generator (default: the preset's)", autocompletion=complete_models)
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="target (default: the preset's)", autocompletion=complete_models)
    ] = None,
    shots: o.Shots = None,
    per_label: o.PerLabel = None,
    methods: o.Methods = None,
    labels: Annotated[int, typer.Option(min=2, help="labels, without --task and --train")] = 3,
    length: Annotated[int, typer.Option(min=2, help="tokens of an example, without --task and --train")] = 40,
    test_rows: Annotated[int, typer.Option(min=0, help="test rows, without --task and --train")] = 1000,
    kept: Annotated[
        float | None,
        typer.Option("--yield", min=0.01, max=1, help="share of candidates that curation keeps (default: 0.8)"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, or a name of your own with its figures")] = None,
    tflops: Annotated[float | None, typer.Option(min=1e-6, help="the device's matrix rate, 1e12 FLOP/s")] = None,
    bandwidth: Annotated[float | None, typer.Option(min=1e-6, help="the device's memory bandwidth, GB/s")] = None,
    overhead: Annotated[float, typer.Option(min=0, help="microseconds to call a kernel, with --tflops")] = 8.0,
    calibrate: Annotated[bool, typer.Option(help="measure the machine for five seconds")] = True,
    watts: Annotated[
        float | None, typer.Option(min=0, help="power of the machine (assumed: 5 a CPU thread, 400 a GPU)")
    ] = None,
    hour: Annotated[float | None, typer.Option(min=0, help="price of an hour of the machine")] = None,
    api_in: Annotated[float | None, typer.Option(min=0, help="an API's price of a million tokens read")] = None,
    api_out: Annotated[float | None, typer.Option(min=0, help="its price of a million tokens written")] = None,
    currency: Annotated[str, typer.Option(help="of all prices")] = "USD",
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """What a run will take, and its synthetic set with every generator: time, memory, energy, money.

    No weights are loaded and nothing is written. With a folder of dawgen bench (and --task, --target) the generators
    have their measured times, kept shares and gains of accuracy.
    """
    if (api_in is None) != (api_out is None):
        raise ConfigError("--api-in and --api-out: expected both, the price of a million tokens read and written.")
    given = None if methods is None else [name.strip() for name in methods.split(",")]
    assignments = [*(assign or ()), *([f"generator.model={generator}"] if generator else [])]
    assignments += [f"target.model={target}"] if target else []
    arguments: dict[str, Any] = {"task": task, "train": train, "dev": dev, "test": test, "unlabelled": unlabelled}
    arguments |= {"synthetic": synthetic, "shots": shots, "per_label": per_label, "methods": given, "seed": seed}
    settings = o.make_config(preset, config, assignments, threads=threads, **arguments)
    machine = _read_machine(device, tflops, bandwidth, overhead, calibrate)
    from dawgen.cost.calibration import Measuring
    from dawgen.cost.generators import Prices, choose_watts
    from dawgen.cost.table import compare
    from dawgen.progress import warn
    from dawgen.runs.finished import FinishedRun, list_changed
    from dawgen.runs.forecast import Assumed, forecast, list_sizes
    from dawgen.runtime import count_cpus, find_threads, pick_device, set_threads

    measured = facts = inputs = None
    if run is not None and (run / "results.json").is_file():
        facts = _read_grid(run, task, target)
        settings = facts.config
        kept = kept or facts.kept.get(settings.generator.kind)
    elif run is not None:
        finished = FinishedRun.open(run)
        settings, measured, written = finished.config, finished.metrics.times, finished.metrics.synthetic
        inputs = finished.inputs(check=False)
        for line in list_changed(inputs, finished.recorded):
            warn(f"warning: {line}")
        kept = kept or (written.kept_share if written else None)
    place = device or pick_device()
    told = find_threads(settings.threads, list_sizes(settings))
    compared = () if told or place != "cpu" else tuple(sorted({1, count_cpus()}))
    threads_used = set_threads(told)
    prediction = forecast(
        settings,
        assumed=Assumed(labels, length, test_rows),
        kept=kept,
        measuring=Measuring(place, machine, threads=compared),
        inputs=inputs,
        kinds={} if facts is None else facts.kept,
    )
    threads_used = prediction.threads or threads_used
    _show(prediction)
    power = choose_watts(place, threads_used) if watts is None else watts
    prices = Prices(power, hour, api_in, api_out, currency)
    found = prediction.as_dict() | _compare_generators(prediction, prices, facts)
    if measured is not None:
        rows = compare(prediction, measured)
        _show_measured(rows)
        found["measured"] = [{"group": group, "predicted": ours, "measured": theirs} for group, ours, theirs in rows]
    o.print_json(found, json)


def _read_grid(folder: Path, task: str | None, target: str | None) -> GridFacts:
    from dawgen.evaluate.costs.grid import read_facts

    return read_facts(folder, task, target)


def _compare_generators(prediction: Prediction, prices: Prices, facts: GridFacts | None) -> dict[str, Any]:
    """Print the tables of generators and return their JSON."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from dawgen.evaluate.costs.grid import add_facts
    from dawgen.evaluate.costs.table import tabulate_generators

    known = [one if facts is None else add_facts(one, facts) for one in prediction.generators]
    costs = [one.price(prices) for one in known]
    source = "" if facts is None else facts.describe()
    console = Console(highlight=False, soft_wrap=True)
    found = tabulate_generators(costs, prices, source)
    table = Table(title=found.title, title_justify="left")
    for number, name in enumerate(found.header):
        table.add_column(name, no_wrap=number == 0)
    for row in found.rows:
        table.add_row(*(cell.text for cell in row))
    console.print(table)
    for note in found.notes:
        console.print(note, markup=False)
    return {"generators": [one.as_dict() for one in costs], "prices": asdict(prices), "source": source}


def _read_machine(
    device: str | None, tflops: float | None, bandwidth: float | None, overhead: float, calibrate: bool
) -> Machine | None:
    """Return the figures given by hand, or None where the machine at hand is to be measured."""
    if tflops is not None and bandwidth is not None:
        from dawgen.cost import Machine

        name = device or "a device given by hand"
        return Machine(name, tflops * 1e12, bandwidth * 1e9, overhead * 1e-6, queues=device != "cpu")
    if tflops is not None or bandwidth is not None or not calibrate or device not in (None, *HERE):
        what = "--no-calibrate" if not calibrate else f"--device {device}" if device else "figures by hand"
        raise ConfigError(f"{what}: expected both --tflops and --bandwidth, as they stand in the device's data sheet.")
    return None


def _show(prediction: Prediction) -> None:
    from rich.console import Console
    from rich.table import Table

    from dawgen.cost.table import describe_threads, list_rows

    console = Console(highlight=False, soft_wrap=True)
    table = Table("stage", "FLOPs", "bytes", "calls", "memory", "seconds")
    for row in list_rows(prediction):
        table.add_row(*row)
    console.print(table)
    machine = prediction.calibration.machine
    figures = f"{machine.rate / 1e9:.3g} GFLOP/s, {machine.bandwidth / 1e9:.3g} GB/s, {machine.overhead * 1e6:.2g} us"
    how = f"calibrated in {prediction.calibration.seconds:.1f} s" if prediction.calibrated else "not calibrated"
    console.print(f"{machine.name}: {figures} a call; {how}", markup=False)
    if (chosen := describe_threads(prediction)) is not None:
        console.print(chosen, markup=False)
    if prediction.may_end:
        console.print("an upper bound: training that has nothing left to learn ends (target.patience)", markup=False)
    console.print(
        f"assumed: curation keeps {prediction.workload.kept:.0%} of the candidates, new texts are as long as the real "
        "ones; loading, reading and the report are left out",
        markup=False,
    )


def _show_measured(rows: list[tuple[str, float, float | None]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("stage", "predicted", "measured", "ratio")
    for group, ours, theirs in rows:
        ratio = f"{ours / theirs:.2f}" if theirs else "-"
        table.add_row(group, f"{ours:.1f} s", "-" if theirs is None else f"{theirs:.1f} s", ratio)
    Console(highlight=False, soft_wrap=True).print(table)
