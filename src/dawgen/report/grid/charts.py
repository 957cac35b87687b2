"""The charts, matrices and samples on the page of a grid, in parts that a reader can fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from dawgen.report.grid import plots
from dawgen.report.grid.arms import ORDER, Arm, name_family
from dawgen.report.grid.files import Grid, GridSet
from dawgen.report.grid.series import (
    CURVES,
    Size,
    Sizes,
    add_confusions,
    average_curves,
    find_majority,
    list_points,
    list_sizes,
)
from dawgen.report.grid.view import View, find_most
from dawgen.report.plots import pick_look
from dawgen.report.run.files import Fields
from dawgen.report.run.numbers import share_rows

DOTS = 26  # arms in one dot plot
LINES = 8  # in one chart of lines


@dataclass(slots=True)
class Part:
    """The content of one task's fold. figures: SVG by name; matrices: confusion; samples: groups of texts."""

    title: str
    open: bool = True
    figures: dict[str, Markup] = field(default_factory=dict)
    matrices: list[Fields] = field(default_factory=list)
    samples: list[Fields] = field(default_factory=list)


def list_dots(views: Sequence[View]) -> list[Part]:
    """Return a dot plot of all methods for each task, a mark per target."""
    part = Part("All methods with their intervals")
    for number, task in enumerate(dict.fromkeys(task for view in views for task in view.tasks)):
        points = {view.target: found for view in views if (found := list_points(view, task))}
        arms = sorted({arm for means in points.values() for arm in means}, key=lambda arm: arm.place)
        majority = find_majority(row for view in views for row in view.rows if row.task == task)
        span = plots.find_span([mean for means in points.values() for mean in means.values()], majority)
        for place, some in enumerate(plots.split_arms(arms, DOTS)):
            name = _name_chart(f"Accuracy on {task}", some, arms)
            key = f"dots{number}-{place}"
            svg = plots.draw_dots(points, some, key=key, title=name, span=span, majority=majority)
            part.figures[name] = Markup(svg)
    return [part] if part.figures else []


def list_size_charts(grid: Grid) -> list[Part]:
    """Return accuracy over shots and over multiples, where a grid has several of them."""
    kinds: tuple[Size, ...] = ("shots", "multiple")
    found = [sizes for kind in kinds for sizes in list_sizes(grid, kind)]
    arms = sorted({arm for sizes in found for arm in sizes.series}, key=lambda arm: arm.place)
    looks = {arm: pick_look(number) for number, arm in enumerate(arms)}
    parts: dict[str, Part] = {}
    for number, sizes in enumerate(found):
        where = f"{sizes.task} on {sizes.target}"
        part = parts.setdefault(where, Part(where))
        shown = list(sizes.series)
        for place, some in enumerate(plots.split_arms(shown, LINES)):
            name = _name_chart(_name_sizes(sizes), some, shown)
            title = f"{where}: {name}"
            part.figures[name] = Markup(plots.draw_sizes(sizes, some, looks, key=f"sizes{number}-{place}", title=title))
    return list(parts.values())


def list_training(views: Sequence[View]) -> list[Part]:
    """Return the logged fields of all trained methods for each task and target; open for the first of them."""
    parts: list[Part] = []
    for view_number, view in enumerate(views):
        looks = {arm: pick_look(number) for number, arm in enumerate(arm for arm in view.arms if arm.schedule)}
        for task_number, task in enumerate(view.tasks):
            part = Part(f"{task} on {view.target}", open=not parts)
            for field_name, (label, _) in CURVES.items():
                curves = average_curves(view, task, field_name)
                for place, some in enumerate(plots.split_arms(list(curves), LINES)):
                    name = _name_chart(label, some, list(curves))
                    key = f"training{view_number}-{task_number}-{field_name}{place}"
                    drawn = {arm: curves[arm] for arm in some}
                    svg = plots.draw_training(drawn, field_name, looks, key=key, title=f"{part.title}: {name}")
                    part.figures[name] = Markup(svg)
            if part.figures:
                parts.append(part)
    return parts


def list_confusions(grid: Grid, views: Sequence[View]) -> list[Part]:
    """Return a matrix for each method, summed over seeds, for each task and target; open for the first of them."""
    parts: list[Part] = []
    for view in views:
        for task in view.tasks:
            part = Part(f"{task} on {view.target}", open=not parts)
            for arm in view.arms:
                rows = [row for (name, _), row in view.get_rows(arm).items() if name == task and row.confusion]
                if rows:
                    counts = add_confusions(rows[:1] if arm.fixed else rows)
                    labels = grid.labels.get(task, ())
                    part.matrices.append({"name": arm.name, "rows": share_rows(counts, labels), "shares": True})
            if part.matrices:
                parts.append(part)
    return parts


def list_samples(grid: Grid) -> list[Part]:
    """Return samples of each label by task and generator: of the first seed's set at the task's main shots."""
    parts: list[Part] = []
    for task in dict.fromkeys(one.task for one in grid.sets):
        sets = [one for one in grid.sets if one.task == task and one.samples]
        shots = find_most(one.shots for one in sets)
        first: dict[str, GridSet] = {}
        for one in sorted(sets, key=lambda one: one.seed):
            if one.shots == shots:
                first.setdefault(one.method, one)
        order = {method: place for place, method in enumerate(ORDER)}
        chosen = sorted(first.values(), key=lambda one: (order.get(one.method, len(order)), one.method))
        groups = [{"title": f"{one.method}, seed {one.seed}", "rows": one.samples} for one in chosen]
        if groups:
            parts.append(Part(f"{task}: samples of each label", open=not parts, samples=groups))
    return parts


def _name_sizes(sizes: Sizes) -> str:
    if sizes.varied == "multiple":
        return f"Accuracy over synthetic examples, {sizes.fixed} shots per label"
    held = "" if sizes.fixed is None else f", {sizes.fixed} synthetic examples per real one"
    return f"Accuracy over shots{held}"


def _name_chart(name: str, some: Sequence[Arm], arms: Sequence[Arm]) -> str:
    """Return the chart's name, with the families that it shows where the arms are split over several charts."""
    if len(some) == len(arms):
        return name
    families = list(dict.fromkeys(name_family(arm.method) for arm in some))
    whole = [arm for arm in arms if name_family(arm.method) == families[-1]]
    cut = f", {some[0].name} to {some[-1].name}" if len(families) == 1 and len(whole) > len(some) else ""
    return f"{name}: {', '.join(families)}{cut}"
