"""Whole jobs on tiny models: what a run folder holds, when it is reused and when it is refused."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.errors import ConfigError, DataError, ShortfallError
from dawgen.files import hash_file
from dawgen.models.texts import ReadTexts
from dawgen.progress import Reporter
from dawgen.report.run.metrics import read_metrics
from dawgen.runs.run import find_no_gain, find_probe, run_job
from dawgen.runs.stages import train_stage
from support.jobs import make_pairs, quick_settings, save_models, write_inputs, write_rows

UNTRAINED = ("zero_shot", "in_context", "in_context_calibrated")
WEIGHTS = ("fine_tuning", "prompt_fine_tuning", "soft_fine_tuning", "lora")
TRAINED = (
    "ppt",
    "spot",
    "eda",
    "prompt_tuning",
    "synthetic_only",
    "pooled",
    "pooled_smoothed",
    "real_then_synthetic",
    "synthetic_then_real",
    "paired",
    "dawgen",
    "gold",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return save_models(tmp_path_factory.mktemp("models"))


def run(config: dict[str, Any], out: Path, **options: Any) -> dict[str, Any]:
    return run_job(RunConfig.model_validate(config), out, reporter=Reporter(quiet=True), **options)


def check_fields(metrics: dict[str, Any], out: Path) -> None:
    """What a run writes must be known, field by field, and come through as it was written."""
    read = read_metrics(out)
    assert read.model_dump(mode="json", exclude_unset=True) == metrics
    parts = [read, *read.generators.values(), *read.methods.values(), *([read.synthetic] if read.synthetic else [])]
    assert [part.model_extra for part in parts if part.model_extra] == []


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_method_runs_and_the_folder_holds_what_it_promises(tmp_path: Path, models: dict[str, str]) -> None:
    inputs = write_inputs(tmp_path)
    out = tmp_path / "run"
    source = tmp_path / "source"
    run(quick_settings(models) | inputs | {"seed": 5, "methods": ("prompt_tuning",)}, source)
    config = quick_settings(models) | inputs | {"methods": (*UNTRAINED, *WEIGHTS, *TRAINED)}
    config["baselines"] = {"pretraining_steps": 4, "prompt_sources": (str(source / "prompts" / "prompt_tuning"),)}
    metrics = run(config, out)
    check_fields(metrics, out)
    assert list(metrics["methods"]) == [*UNTRAINED, *WEIGHTS, *TRAINED]
    for name, numbers in metrics["methods"].items():
        predicted = json.loads((out / "prompts" / name / "predicted.json").read_text())
        assert len(predicted["gold"]) == 24
        right = sum(a == b for a, b in zip(predicted["gold"], predicted["predicted"], strict=True))
        assert numbers["accuracy"] == right / 24
        if name in UNTRAINED:
            assert numbers["trainable"] == 0
            assert "dev_accuracy" not in numbers
        else:
            assert (numbers["n_dev"], numbers["looks"]) == (12, 2)
            assert round(12 * numbers["dev_accuracy"]) == pytest.approx(12 * numbers["dev_accuracy"])
            assert (numbers["trainable"] == 3 * 32) == (name in TRAINED)
        assert numbers["n_test"] == 24
        assert numbers["accuracy"] == pytest.approx(sum(numbers["confusion"][i][i] for i in range(3)) / 24)
    sizes = {name: (row["n_real"], row["n_synthetic"]) for name, row in metrics["methods"].items() if name in TRAINED}
    assert sizes["prompt_tuning"] == sizes["ppt"] == sizes["spot"] == (12, 0)
    assert sizes["eda"] == (12, 18)
    assert sizes["synthetic_only"] == (0, 18)
    assert sizes["dawgen"] == (12, 18)
    assert sizes["gold"] == (18, 0)
    kept = read_jsonl(out / "synthetic" / "train.jsonl")
    assert Counter(row["label"] for row in kept) == {"not": 6, "other": 6, "same": 6}
    dropped = read_jsonl(out / "synthetic" / "dropped.jsonl")
    assert metrics["synthetic"]["generated"] == 18 + len(dropped) + metrics["synthetic"]["surplus"]
    assert Counter(row["reason"] for row in dropped) == metrics["synthetic"]["dropped"]
    assert set(metrics["synthetic"]["copy_share_by_label"]) == {"same", "other", "not"}
    log = read_jsonl(out / "log.jsonl")
    assert [row["step"] for row in log if row["stage"] == "generator"] == list(range(12))
    assert [row["step"] for row in log if row.get("method") == "dawgen"] == [1, 2, 3, 4, 5, 6]
    assert all("cos" in row for row in log if row.get("method") == "dawgen")
    assert metrics["methods"]["spot"]["notes"][0].startswith("started from the prompt of train (cosines: train 0.")
    assert {row["stage"] for row in log if row.get("method") == "ppt"} == {"pretraining", "target"}
    for method in WEIGHTS:
        assert [row["step"] for row in log if row.get("method") == method] == [1, 2, 3, 4, 5, 6]
    assert (out / "prompts" / "lora" / "adapter" / "adapter_model.safetensors").is_file()
    for method in TRAINED:
        assert {"prompt.safetensors", "bundle.json"} <= {p.name for p in (out / "prompts" / method).iterdir()}
    assert "<html" in (out / "report.html").read_text()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inputs"] == {name: hash_file(Path(name)) for name in inputs.values()}
    assert manifest["outputs"]["synthetic/train.jsonl"] == hash_file(out / "synthetic" / "train.jsonl")
    assert not list(out.rglob("*.pt"))


def test_a_finished_run_is_reused_and_other_settings_are_refused(tmp_path: Path, models: dict[str, str]) -> None:
    config = quick_settings(models) | write_inputs(tmp_path) | {"methods": ("prompt_tuning",)}
    out = tmp_path / "run"
    metrics = run(config, out)
    before = (out / "metrics.json").stat().st_mtime_ns
    assert run(config, out) == metrics
    assert (out / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match=r"seed 13 -> 14"):
        run(config | {"seed": 14}, out)
    (out / "analysis").mkdir()  # of the run that goes
    (out / "analysis" / "gradients.json").write_text("{}")
    assert run(config | {"seed": 14}, out, fresh=True)["seed"] == 14
    assert not (out / "analysis").exists()


def test_changed_input_is_not_taken_for_the_old_one(tmp_path: Path, models: dict[str, str]) -> None:
    inputs = write_inputs(tmp_path)
    config = quick_settings(models) | inputs | {"methods": ("prompt_tuning",)}
    run(config, tmp_path / "run")
    write_rows(Path(inputs["test"]), make_pairs(60, seed=1)[39:])
    with pytest.raises(ConfigError, match="inputs"):
        run(config, tmp_path / "run")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, models: dict[str, str]) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    config = quick_settings(models) | write_inputs(tmp_path)
    for fresh in (False, True):
        with pytest.raises(ConfigError, match="expected an empty folder or a run"):
            run(config, out, fresh=fresh)
    assert (out / "thesis.txt").read_text() == "precious"


def test_fresh_never_clears_what_no_run_has_written(tmp_path: Path, models: dict[str, str]) -> None:
    out = tmp_path / "mine"
    (out / "prompts").mkdir(parents=True)
    (out / "prompts" / "poem.txt").write_text("precious")
    for config_yaml in (None, "theirs: 1\n"):
        if config_yaml:
            (out / "config.yaml").write_text(config_yaml)
        with pytest.raises(ConfigError):
            run(quick_settings(models) | write_inputs(tmp_path), out, fresh=True)
        assert (out / "prompts" / "poem.txt").read_text() == "precious"


def test_without_test_rows_nothing_is_claimed(tmp_path: Path, models: dict[str, str]) -> None:
    inputs = write_inputs(tmp_path)
    del inputs["test"]
    metrics = run(quick_settings(models) | inputs | {"methods": ("zero_shot", "prompt_tuning")}, tmp_path / "run")
    assert all(m["accuracy"] is None and m["n_test"] == 0 for m in metrics["methods"].values())
    assert (tmp_path / "run" / "prompts" / "prompt_tuning" / "bundle.json").is_file()


def test_a_given_synthetic_set_replaces_the_generator(tmp_path: Path, models: dict[str, str]) -> None:
    inputs = write_inputs(tmp_path)
    rows = make_pairs(90, seed=1)[60:]
    copies = [
        {"text1": f"a {word} is asleep", "text2": f"A {word} is asleep.", "label": "same"} for word in ("man", "dog")
    ]
    inputs["synthetic"] = str(write_rows(tmp_path / "set.jsonl", rows + copies))
    metrics = run(quick_settings(models) | inputs | {"methods": ("paired",)}, tmp_path / "run")
    check_fields(metrics, tmp_path / "run")
    assert metrics["synthetic"] == {"given": inputs["synthetic"], "kept": 32}
    assert not (tmp_path / "run" / "generator").exists()
    assert any("verbatim copies" in warning for warning in metrics["warnings"])


def test_synthetic_rows_that_repeat_test_pairs_are_refused_or_dropped(tmp_path: Path, models: dict[str, str]) -> None:
    inputs = write_inputs(tmp_path)
    inputs["synthetic"] = str(write_rows(tmp_path / "set.jsonl", make_pairs(90, seed=1)[57:]))
    config = quick_settings(models) | inputs | {"methods": ("paired",)}
    with pytest.raises(DataError, match=r"set\.jsonl:1.*test\.jsonl:22"):
        run(config, tmp_path / "run")
    metrics = run(config | {"leaks": "drop"}, tmp_path / "run")
    assert metrics["synthetic"]["kept"] == 30
    assert "3 synthetic rows that repeat test pairs were left out" in metrics["notes"]


def test_single_texts_of_any_number_of_labels(tmp_path: Path, models: dict[str, str]) -> None:
    rows = [
        {"text": f"the {word} {verb} the {thing}", "label": label}
        for label, words in {
            "food": ("apple", "bread", "fish"),
            "sport": ("ball", "team", "match"),
            "music": ("song", "guitar", "music"),
        }.items()
        for word in words
        for verb in ("loves", "hates", "sees", "finds")
        for thing in ("man", "dog")
    ]
    train = write_rows(tmp_path / "train.csv", [row for i, row in enumerate(rows) if i % 2])
    test = write_rows(tmp_path / "test.csv", [row for i, row in enumerate(rows) if not i % 2])
    metrics = run(quick_settings(models) | {"train": str(train), "test": str(test)}, tmp_path / "run")
    assert metrics["labels"] == ["food", "music", "sport"]
    assert metrics["methods"]["dawgen"]["n_test"] == 36
    assert all("text2" not in row for row in read_jsonl(tmp_path / "run" / "synthetic" / "train.jsonl"))


def test_scenes_measures_every_generator_kind(tmp_path: Path, models: dict[str, str]) -> None:
    config = quick_settings(models) | {
        "task": "scenes-nli",
        "methods": ("gold",),
        "compare_generators": ("untuned", "plain"),
    }
    metrics = run(config, tmp_path / "run")
    check_fields(metrics, tmp_path / "run")
    assert set(metrics["generators"]) == {"untuned", "plain"}
    assert all(0 <= kind["label_fidelity"] <= 1 for kind in metrics["generators"].values())
    assert metrics["methods"]["gold"]["n_test"] == 600


def test_a_shortfall_keeps_its_shards_and_says_why(tmp_path: Path, models: dict[str, str]) -> None:
    config = quick_settings(models) | write_inputs(tmp_path)
    config["decode"] = config["decode"] | {"attempts": 1, "max_new_tokens": 1}
    with pytest.raises(ShortfallError) as caught:
        run(config, tmp_path / "run")
    assert caught.value.exit_status == 1
    assert "truncated" in str(caught.value)
    assert (tmp_path / "run" / "synthetic" / "raw" / "shard-00000.jsonl").is_file()
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_gold_needs_labelled_rows_beside_the_shots(tmp_path: Path, models: dict[str, str]) -> None:
    config = quick_settings(models) | write_inputs(tmp_path) | {"shots": 12, "methods": ("gold",)}
    with pytest.raises(DataError, match="gold"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("method", "named"), [("spot", "prompt_sources"), ("ppt", "--unlabelled")])
def test_what_a_baseline_lacks_is_said_before_anything_is_trained(
    tmp_path: Path, models: dict[str, str], method: str, named: str
) -> None:
    inputs = write_inputs(tmp_path)
    del inputs["unlabelled"]
    config = quick_settings(models) | inputs | {"methods": ("prompt_tuning", method)}
    with pytest.raises(ConfigError, match=named):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("method", "named"), [("lora", "trains the target's adapter"), ("zero_shot", "trains nothing")]
)
def test_methods_without_a_prompt_give_no_bundle(
    tmp_path: Path, models: dict[str, str], method: str, named: str
) -> None:
    config = RunConfig.model_validate(quick_settings(models) | write_inputs(tmp_path) | {"methods": (method,)})
    with pytest.raises(ConfigError, match=named):
        train_stage(config, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_an_oracle_is_needed_to_compare_generators(tmp_path: Path, models: dict[str, str]) -> None:
    config = quick_settings(models) | write_inputs(tmp_path) | {"compare_generators": ("plain",)}
    with pytest.raises(ConfigError, match="no oracle"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("real", "both", "warned"), [(0.6, 0.5, True), (0.5, 0.6, False), (None, None, False)])
def test_synthetic_data_that_did_not_help_are_named(real: float | None, both: float | None, warned: bool) -> None:
    # whatever the order of the methods
    methods = {"dawgen": {"accuracy": both}, "prompt_tuning": {"accuracy": real}}
    assert bool(find_no_gain(methods)) == warned
    assert find_no_gain({"dawgen": {"accuracy": 0.5}}) == []


@pytest.mark.parametrize(
    ("probe", "own", "words"),
    [(0.816, 0.79, "linear_probe: 81.6% is above dawgen's 79.0%"), (0.79, 0.79, "is as good as"), (0.7, 0.79, None)],
)
def test_a_probe_that_did_as_well_as_the_best_prompt_is_named(probe: float, own: float, words: str | None) -> None:
    methods = {"linear_probe": {"accuracy": probe}, "dawgen": {"accuracy": own}, "gold": {"accuracy": 0.99}}
    found = find_probe(methods | {"prompt_tuning": {"accuracy": 0.6}, "lora": {"accuracy": None}})
    assert [words in text for text in found] == ([] if words is None else [True])
    assert find_probe({"linear_probe": {"accuracy": probe}}) == []


def test_a_run_with_prompts_behind_the_text_reads_each_text_once_for_all_methods(
    models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[tuple[int, ...]] = []
    read = ReadTexts.take
    monkeypatch.setattr(
        ReadTexts, "take", lambda texts, wanted, make: read(texts, wanted, lambda new: rows.extend(new) or make(new))
    )
    files = {key: value for key, value in write_inputs(tmp_path).items() if key != "unlabelled"}
    settings = quick_settings(models) | files | {"methods": ["zero_shot", "prompt_tuning", "dawgen"]}
    settings["target"]["placement"] = "behind"
    metrics = run(settings, tmp_path / "run")
    assert all(metrics["methods"][name]["n_test"] == 24 for name in settings["methods"])
    assert len(rows) == len(set(rows)) >= 24 + 12
    assert not (tmp_path / "run" / "texts").exists()
    bundle = json.loads((tmp_path / "run" / "prompts" / "dawgen" / "bundle.json").read_text())
    assert bundle["settings"]["placement"] == "behind"
    assert "behind the text" in (tmp_path / "run" / "report.html").read_text()
    again = run(settings, tmp_path / "run")
    assert again["methods"] == metrics["methods"]
