"""Charts of a grid: what they take in, and that every eye can tell their series apart."""

import re
from importlib import resources
from itertools import combinations

import numpy as np
import pytest

from dawgen.report.grid.arms import Arm, name_family
from dawgen.report.grid.charts import DOTS, LINES, list_samples, list_size_charts, list_training
from dawgen.report.grid.files import read_grid
from dawgen.report.grid.plots import find_span, split_arms
from dawgen.report.grid.series import average, average_curves, find_majority, list_points, list_sizes
from dawgen.report.grid.view import make_view
from dawgen.report.plots import COLOURS, DARK, INK, LIGHT, Look, draw_svg, pick_look
from support.grid_folders import make_grid, read_results, write_results

DAWGEN, TUNING = Arm("dawgen", "paired", "project"), Arm("prompt_tuning", "real", "")
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
VISIONS = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
PAGES = {"light": (LIGHT, "#1d2430", ("#ffffff", "#f6f8fa")), "dark": (DARK, "#e4e8ee", ("#14181f", "#1b212a"))}


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return read_grid(make_grid(tmp_path_factory.mktemp("grid")))


def make_linear(colour):
    """Return linear RGB of a hexadecimal colour."""
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def find_contrast(a, b):
    """Return the contrast ratio of the web's accessibility guidelines."""
    low, high = sorted(float(make_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


def make_lab(rgb):
    """Return CIELAB of linear RGB, D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("name", PAGES)
def test_colours_stand_out_from_the_page_and_from_each_other(name):
    colours, ink, grounds = PAGES[name]
    assert min(find_contrast(colour, ground) for colour in colours for ground in grounds) >= 3
    for matrix in VISIONS.values():
        seen = [make_lab(np.array(matrix) @ make_linear(colour)) for colour in (*colours, ink)]
        assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15  # 2.3 is just noticeable


def test_the_stylesheet_has_the_colours():
    style = resources.files("dawgen.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    found = re.findall(r"--c(\d): (#\w+)", style)
    assert found == [(str(number), colour) for colours in (LIGHT, DARK) for number, colour in enumerate(colours, 1)]


def test_looks_differ_in_more_than_colour():
    looks = [pick_look(number) for number in range(42)]
    assert len({(look.colour, look.marker) for look in looks}) == 42
    for first in range(35):
        # no two neighbours with one colour have one marker or one dash
        same = [look for look in looks[first + 1 : first + LINES] if look.colour == looks[first].colour]
        assert all(look.marker != looks[first].marker and look.dash != looks[first].dash for look in same)


def test_a_chart_takes_its_colours_from_the_page():
    svg = draw_svg(lambda figure: figure.add_subplot().plot([1, 2], color=COLOURS[2]), key="k", title='a "b"')
    assert "var(--c3)" in svg and COLOURS[2] not in svg and INK not in svg
    assert svg.startswith('<svg role="img" aria-label="a &quot;b&quot;"')


def test_arms_are_split_by_family():
    rules = ("none", "project", "pcgrad", "agem", "gradvac", "drop")
    arms = [
        Arm("zero_shot", "", ""),
        TUNING,
        *(Arm("dawgen", "paired", rule) for rule in rules),
        Arm("gold", "real", ""),
    ]
    parts = split_arms(arms, 4)
    assert [len(part) for part in parts] == [2, 3, 4]
    assert [arm for part in parts for arm in part] == arms
    assert split_arms(arms, DOTS) == [arms]
    assert name_family(arms[2].method) == "dawgen's sets"


def test_sizes_hold_the_other_size(grid):
    shots, multiples = list_sizes(grid, "shots"), list_sizes(grid, "multiple")
    assert [(one.task, one.target, one.fixed, list(one.series)) for one in shots] == [
        ("scenes-nli", "mini-t5", 16, [TUNING, DAWGEN])
    ]
    assert [mean.x for mean in shots[0].series[DAWGEN]] == [8, 16, 32, 64]
    assert [(one.fixed, list(one.series)) for one in multiples] == [(16, [DAWGEN])]
    assert [mean.x for mean in multiples[0].series[DAWGEN]] == [1, 4, 16, 64]
    assert all(len(mean.values) == 3 for one in (*shots, *multiples) for means in one.series.values() for mean in means)


def test_shots_of_arms_without_a_set_make_a_chart_of_their_own(tmp_path):
    folder = make_grid(tmp_path, arms=[("prompt_tuning", "real", "")], targets=["mini-t5"])
    found = list_sizes(read_grid(folder), "shots")
    assert [(one.fixed, list(one.series)) for one in found] == [(None, [TUNING])]


def test_charts_have_axes_with_units(grid):
    figures = {name: svg for part in list_size_charts(grid) for name, svg in part.figures.items()}
    assert list(figures) == [
        "Accuracy over shots, 16 synthetic examples per real one",
        "Accuracy over synthetic examples, 16 shots per label",
    ]
    for svg, axis in zip(figures.values(), ("real examples per label", "synthetic examples per real one"), strict=True):
        assert axis in svg and "accuracy (%)" in svg


def test_points_of_the_dot_plot_are_means_over_seeds(grid):
    points = list_points(make_view(grid, "mini-t5"), "sick")
    values = [row.accuracy for row in grid.rows if (row.task, row.target, row.arm) == ("sick", "mini-t5", DAWGEN)]
    assert points[DAWGEN].mean == pytest.approx(sum(values) / 3)
    assert points[DAWGEN].values == tuple(values)
    low, high = points[DAWGEN].interval
    assert low < points[DAWGEN].mean < high


def test_one_seed_has_no_interval_and_intervals_stay_within_bounds():
    assert average([0.5]).interval is None
    assert average([0.97, 1.0]).interval[1] == 1.0
    assert find_span([average([0.5])], 0.33) == (0.3, 0.55)
    assert find_span([average([0.97, 1.0])], None)[1] == 1.0


def test_the_majority_is_that_of_gold_labels(grid):
    assert find_majority(row for row in grid.rows if row.task == "scenes-nli") == pytest.approx(1 / 3)
    assert find_majority([]) is None


def test_training_curves_are_means_at_the_steps_of_all_seeds(tmp_path):
    folder = make_grid(tmp_path, tasks=["sick"], targets=["m"], arms=[("prompt_tuning", "real", "")], sizes=False)
    results = read_results(folder)
    first, second, third = results["rows"]
    first["curves"] = {"step": [10, 20, 30], "loss_real": [1.0, 0.5, 0.2]}
    second["curves"] = {"step": [10, 20], "loss_real": [0.8, None]}
    third["curves"] = {"step": [10, 20], "loss_real": [0.6, 0.4]}
    write_results(folder, results)
    view = make_view(read_grid(folder), "m")
    curve = average_curves(view, "sick", "loss_real")[TUNING]
    assert (curve.steps, curve.values) == ([10.0], [pytest.approx(0.8)])
    assert average_curves(view, "sick", "cos") == {}


def test_a_fold_of_training_curves_has_each_field_that_was_logged(grid):
    parts = list_training([make_view(grid, "mini-t5")])
    assert [(part.title, part.open) for part in parts] == [("scenes-nli on mini-t5", True), ("sick on mini-t5", False)]
    assert [name.split(":")[0] for name in parts[0].figures if "gold" not in name] == [
        "Loss on real examples",
        "Loss on synthetic examples",
        "Cosine of the real and the synthetic gradient",
        "Conflict",
        "Removed by surgery",
    ]


def test_samples_are_of_the_first_seed_for_each_generator(grid):
    parts = list_samples(grid)
    assert [group["title"] for group in parts[0].samples] == ["fewgen, seed 13", "dawgen, seed 13"]
    assert [row["label"] for row in parts[0].samples[0]["rows"]][::3] == ["entailment", "neutral", "contradiction"]


def test_a_look_is_the_same_wherever_it_is_asked_for():
    assert pick_look(5) == pick_look(5) == Look(INK, "P", pick_look(5).dash)
