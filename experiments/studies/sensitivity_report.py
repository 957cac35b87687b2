"""Tables and figure of `experiments.studies.sensitivity`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from dawgen.files import write_with
from dawgen.stats import compare, describe
from experiments.studies.cells import tabulate

BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito's, told apart by the colour-blind
COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting: accuracy by value and seed of dawgen, and of prompt_tuning where the setting concerns it."""

    name: str
    axis: str
    values: Sequence[float]
    default: float
    dawgen: Mapping[float, Mapping[int, float]]
    real: Mapping[float, Mapping[int, float]]

    @classmethod
    def collect(
        cls,
        name: str,
        axis: str,
        values: Sequence[float],
        default: float,
        accuracy: Mapping[tuple[Any, str, float, int], float],
    ) -> "Measured":
        """Pick the setting's numbers out of all, by method, setting, value and seed."""
        arms: dict[str, dict[float, dict[int, float]]] = {
            method: {value: {} for value in values} for method in ("dawgen", "prompt_tuning")
        }
        for (method, setting, value, seed), number in accuracy.items():
            if setting == name:
                arms[method][value][seed] = number
        real = arms["prompt_tuning"] if any(arms["prompt_tuning"].values()) else {}
        return cls(name, axis, values, default, arms["dawgen"], real)


def print_tables(measured: Sequence[Measured], sets: Mapping[tuple[str, float, int], Mapping[str, Any]]) -> None:
    """Print a Markdown table per setting; sets: what the sets' cells say, by setting, value and seed."""
    for one in measured:
        own = {key[1:]: numbers for key, numbers in sets.items() if key[0] == one.name}
        print(f"**{one.name}** ({one.axis})\n")
        print(tabulate_setting(one, own if len({value for value, _ in own}) > 1 else {}))


def tabulate_setting(one: Measured, sets: Mapping[tuple[float, int], Mapping[str, Any]]) -> str:
    """Return the table of a setting, columns that it does not concern left out; sets: by value and seed."""
    header = ["value", *(["label fidelity", "kept of judged"] if sets else [])]
    header += ["prompt_tuning", "minus default"] if one.real else []
    header += ["dawgen", "by seed", "minus default (won/seeds, Wilcoxon's p)"]
    lines = []
    for value in one.values:
        line = [f"{value:g} (default)" if value == one.default else f"{value:g}"]
        if sets:
            here = [numbers for (value_, _), numbers in sets.items() if value_ == value]
            line += [describe(_find_fidelities(here)), describe([_find_yield(numbers) for numbers in here])]
        if one.real:
            line += [describe(list(one.real[value].values())), _show_gap(one.real, value, one.default)]
        by_seed = ", ".join(f"{100 * number:.1f}" for _, number in sorted(one.dawgen[value].items()))
        line += [describe(list(one.dawgen[value].values())), by_seed, _show_gap(one.dawgen, value, one.default)]
        lines.append(line)
    return tabulate(header, lines)


def draw_panels(measured: Sequence[Measured], path: Path) -> None:
    """Draw a panel per setting: mean and standard deviation over seeds at every value, the default on a grey band."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(measured))
    rows = -(-len(measured) // columns)
    figure = Figure(figsize=(max(2.05 * columns, 4.1), 2.15 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    handles: dict[str, Any] = {}
    for axes, one in zip(panels, measured, strict=False):
        place = list(one.values).index(one.default)
        handles["default"] = axes.axvspan(place - 0.35, place + 0.35, color="#000000", alpha=0.1, linewidth=0)
        for arm, numbers, colour, mark in (
            ("prompt_tuning", one.real, ORANGE, "s"),
            ("dawgen", one.dawgen, BLUE, "o"),
        ):
            places = [i for i, value in enumerate(one.values) if numbers.get(value)]
            if not places:
                continue
            found = [[100 * number for number in numbers[one.values[i]].values()] for i in places]
            handles[arm] = axes.errorbar(
                places,
                [fmean(values) for values in found],
                yerr=[stdev(values) if len(values) > 1 else 0.0 for values in found],
                color=colour,
                marker=mark,
                markersize=4,
                linewidth=1.3,
                elinewidth=0.9,
                capsize=2,
            )
        axes.set_xticks(range(len(one.values)), [_show_tick(value) for value in one.values], fontsize=8)
        axes.set_xlim(-0.5, len(one.values) - 0.5)
        axes.set_xlabel(one.axis, fontsize=8)
        axes.tick_params(axis="y", labelsize=8)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("accuracy, %", fontsize=8)
    for axes in panels[len(measured) :]:
        axes.set_axis_off()
    order = [name for name in ("dawgen", "prompt_tuning", "default") if name in handles]
    figure.legend(
        [handles[name] for name in order],
        order,
        loc="outside upper center",
        ncols=3,
        frameon=False,
        fontsize=9,
        title="mean ± standard deviation over seeds; values as tried, not to scale",
        title_fontsize=8,
    )
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def _show_tick(value: float) -> str:
    text = f"{value:g}"
    return text[1:] if text.startswith("0.") else text  # small panels: .0025


def _show_gap(arm: Mapping[float, Mapping[int, float]], value: float, default: float) -> str:
    return "" if value == default else compare(arm[value], arm[default]).text


def _find_fidelities(sets: Sequence[Mapping[str, Any]]) -> list[float]:
    found = [numbers["fidelity"] for numbers in sets]
    return [value for value in found if value is not None]  # None: no oracle knows the task


def _find_yield(numbers: Mapping[str, Any]) -> float:
    return float(numbers["kept"] / max(1, numbers["generated"] - numbers["surplus"]))
