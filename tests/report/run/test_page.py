"""The page: whole, escaped, pure, without outside references, and honest about what is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.errors import DataError
from dawgen.report import render_report, write_report
from dawgen.report.plots import Curve, draw_curves, smooth_values
from dawgen.report.run.files import RunFiles
from dawgen.report.run.metrics import RunMetrics
from dawgen.report.run.numbers import count_dropped, find_wilson_interval, join_runs, pick_evenly
from dawgen.report.run.tables import list_run_tables
from support.pages import check_self_contained, parse
from support.run_folders import EVIL, make_run, write


def test_the_page_of_one_run_has_every_part(tmp_path):
    structure = parse(render_report([make_run(tmp_path / "run")]))
    assert structure.headings == [
        "scenes-nli",
        "Methods",
        "Generators: label fidelity",
        "Training the soft prompt",
        "Surgery",
        "Generator tuning",
        "Confusion",
        "Synthetic set",
        "What curation dropped",
        "Environment and cost",
        "Notes",
    ]
    assert structure.plots == 4
    assert len(structure.ids) == len(set(structure.ids))


def test_texts_are_escaped_wherever_they_stand(tmp_path):
    folder = make_run(tmp_path / "run")
    metrics = (folder / "metrics.json").read_text()
    write(
        folder / "metrics.json",
        metrics.replace("no dev file", "<script>no dev file").replace("nine of", "<script>nine"),
    )
    page = render_report([folder])
    assert EVIL not in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; more") == 3


def test_the_same_files_give_the_same_bytes(tmp_path):
    folder = make_run(tmp_path / "run")
    first = render_report([folder])
    write(folder / "manifest.json", "{}")
    assert render_report([folder]) == first
    write_report([folder], tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == first.encode()


def test_nothing_is_fetched(tmp_path):
    check_self_contained(render_report([make_run(tmp_path / "a"), make_run(tmp_path / "b", seed=21)]))


def test_a_run_says_what_it_ran_on_and_what_it_took(tmp_path):
    folder = make_run(tmp_path / "run")
    record = (
        "record: {versions: {torch: 9.9.9}, device: cpu, threads: 3, models: {target: {name: mini-t5, revision: abc}}}"
    )
    write(folder / "config.yaml", record)
    page = render_report([folder])
    assert "<dt>torch</dt><dd>9.9.9</dd>" in page
    assert "<dt>target model</dt><dd>mini-t5 at abc</dd>" in page
    assert '<th scope="row">sum</th><td class="n">64.0</td>' in page


def test_tables_of_runs_have_keys_of_their_own(tmp_path):
    runs = [make_run(tmp_path / place / "run", seed=seed) for place, seed in (("a", 13), ("b", 21))]
    tables = list_run_tables(runs)
    keys = [table.key for table in tables]
    assert keys == ["runs", *(f"{kind}-run-{n}" for n in (1, 2) for kind in ("methods", "dropped", "cost"))]
    assert tables[0].header == ("method", "run, seed 13", "run, seed 21", "mean", "standard deviation")
    assert [cell.text for cell in tables[0].rows[-1]] == ["dawgen", "70.0", "70.0", "70.0", "0.0"]
    assert [table.key for table in list_run_tables(runs[:1])] == ["methods", "dropped", "cost"]


def test_warnings_and_intervals_are_shown(tmp_path):
    page = render_report([make_run(tmp_path / "run")])
    assert "zero_shot: nine of ten answers are neutral" in page
    assert page.index("1 warning") < page.index("<h2>Methods</h2>")
    low, high = find_wilson_interval(0.7, 100)
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in page
    assert "item uncertainty" in page


def test_only_metrics_are_needed(tmp_path):
    write(tmp_path / "run" / "metrics.json", '{"task": "mine", "seed": 1, "shots_per_label": 2}')
    assert parse(render_report([tmp_path / "run"])).headings == ["mine", "Methods"]


def test_a_run_without_test_rows_claims_no_accuracy(tmp_path):
    numbers = '{"accuracy": null, "macro_f1": null, "n_test": 0, "seconds": 3.0}'
    metrics = (
        f'{{"task": "mine", "seed": 1, "shots_per_label": 2, "synthetic": null, "methods": {{"dawgen": {numbers}}}}}'
    )
    write(tmp_path / "run" / "metrics.json", metrics)
    page = render_report([tmp_path / "run"])
    assert "nothing is claimed about accuracy" in page
    assert "interval is" not in page


def test_a_given_synthetic_set_names_no_generator(tmp_path):
    folder = make_run(tmp_path / "run")
    write(
        folder / "metrics.json",
        '{"task": "mine", "seed": 1, "shots_per_label": 2, "generators": {}, "synthetic": {"given": "f", "kept": 9}}',
    )
    assert "mini-ctrl" not in render_report([folder])


def test_a_single_text_shows_without_an_arrow(tmp_path):
    folder = make_run(tmp_path / "run")
    write(folder / "synthetic" / "train.jsonl", '{"text1": "a fine day\\u2028indeed", "label": "neutral"}\n')
    page = render_report([folder])
    assert "<li>a fine day\u2028indeed</li>" in page


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", "{", "metrics.json: expected a JSON object"),
        ("metrics.json", '{"methods": {"lora": {"n_test": "many"}}}', "metrics.json: methods.lora.n_test: .* 'many'"),
        ("log.jsonl", '{"step": 1}\n[1]\n', "log.jsonl:2: expected a JSON object"),
        ("config.yaml", "a: [", "config.yaml: expected YAML"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, message):
    folder = make_run(tmp_path / "run")
    write(folder / name, content)
    with pytest.raises(DataError, match=message):
        render_report([folder])


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected a finished run"):
        render_report([tmp_path])


def test_runs_of_one_task_are_joined_over_seeds(tmp_path):
    page = render_report([make_run(tmp_path / "a"), make_run(tmp_path / "b", seed=21, accuracy=0.8)])
    structure = parse(page)
    assert structure.headings[:2] == ["2 runs", "scenes-nli: accuracy by method and run"]
    assert len(structure.ids) == len(set(structure.ids))
    assert '<td class="n">75.0 %</td><td class="n">7.1 %</td>' in page


def test_a_joined_table_says_when_settings_differ():
    runs = [
        RunFiles("r", {"seed": seed, "per_label": n}, RunMetrics(task="t"), [], [], [])
        for seed, n in ((1, 5), (2, 5), (3, 6))
    ]
    assert [table["mixed"] for table in join_runs(runs[:2])] == [False]
    assert [table["mixed"] for table in join_runs(runs)] == [True]


@given(st.integers(1, 5000), st.data())
def test_the_wilson_interval_holds_the_accuracy_and_shrinks_with_more_rows(n, data):
    p = data.draw(st.integers(0, n)) / n
    low, high = find_wilson_interval(p, n)
    assert 0 <= low <= p + 1e-12
    assert p - 1e-12 <= high <= 1
    wider = find_wilson_interval(p, max(1, n // 2))
    assert high - low <= wider[1] - wider[0] + 1e-12


def test_the_wilson_interval_of_a_published_example():
    # 15 of 148: 6.2 % to 16.0 % (Newcombe 1998, table I, method 3 gives 0.0624 to 0.1605)
    assert find_wilson_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=80))
def test_a_running_mean_keeps_length_and_range(values):
    smooth = smooth_values(values)
    assert len(smooth) == len(values)
    assert min(values) - 1e-9 <= min(smooth) <= max(smooth) <= max(values) + 1e-9


@given(st.lists(st.integers().map(lambda number: {"n": number}), max_size=30), st.integers(1, 10))
def test_evenly_picked_rows_are_distinct_and_in_order(rows, count):
    numbered = [{**row, "place": place} for place, row in enumerate(rows)]
    places = [row["place"] for row in pick_evenly(numbered, count)]
    assert places == sorted(set(places))
    assert len(places) == min(count, len(rows))


def test_dropped_rows_are_counted_by_reason_and_label():
    rows = [{"reason": reason, "label": label} for reason, label in [("copy", "a"), ("echo", "b"), ("copy", "b")]]
    labels, counts = count_dropped(rows)
    assert labels == ["a", "b"]
    assert counts == [
        {"reason": "copy", "total": 2, "counts": [1, 1]},
        {"reason": "echo", "total": 1, "counts": [0, 1]},
    ]


def test_a_plot_is_the_same_twice_and_has_the_colour_of_the_page():
    curve = Curve("real", [1, 2, 3], [0.3, 0.2, 0.1])
    svg = draw_curves([curve, curve], key="k", label="loss")
    assert svg == draw_curves([curve, curve], key="k", label="loss")
    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert "metadata" not in svg
