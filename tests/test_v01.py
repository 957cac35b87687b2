"""What version 0.1 wrote before its modules moved is read as it was: a run, its bundle, set and generator, an adapter
and a grid. fixtures/v0.1 holds what that version itself wrote, but for the pages:

dawgen run --task scenes-nli --per-label 8 --shots 4 --methods zero_shot,prompt_tuning,dawgen --set generator.steps=4
    --set target.steps=4 --set target.prompt_length=4 --out run --threads 1 --seed 13
dawgen bench --grid grid.yaml --out grid
dawgen export run/prompts/dawgen --out adapter; dawgen export run/synthetic --out dataset
"""

import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers import AutoModelForSeq2SeqLM

from dawgen.classifier.estimator import PromptClassifier
from dawgen.evaluate.audit.job import draw_files
from dawgen.files import write_text
from dawgen.generator.estimator import Generator
from dawgen.runs.finished import FinishedRun
from dawgen.runtime import pick_device

OLD = Path(__file__).parent / "fixtures" / "v0.1"
BUNDLE = OLD / "run" / "prompts" / "dawgen"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few rows of the task as files."""
    folder = tmp_path_factory.mktemp("data")
    draw_files("scenes-nli", folder, seed=13, shots=4, test=30, gold=0, texts=8)
    return folder


def copy(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(OLD / name, folder / name))


def read_result(out: str) -> dict[str, Any]:
    return json.loads(out.splitlines()[-1])


def test_a_run_is_complete_under_the_settings_that_it_was_made_with(dawgen: Any, tmp_path: Path) -> None:
    run = copy("run", tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    versions = {"python": platform.python_version(), **{name: version(name) for name in ("torch", "transformers")}}
    config["record"] |= {"versions": config["record"]["versions"] | versions, "device": pick_device()}
    write_text(run / "config.yaml", yaml.safe_dump(config))
    status, out, err = dawgen("run", "--config", OLD / "run" / "config.yaml", "--out", run, "--json")
    assert status == 0, err
    assert "complete, reused" in err
    assert read_result(out)["methods"] == json.loads((OLD / "run" / "metrics.json").read_text())["methods"]


def test_a_run_is_opened_with_its_data_and_numbers() -> None:
    run = FinishedRun.open(OLD / "run")
    inputs = run.inputs()
    assert (len(inputs.train), len(run.read_set(inputs) or ())) == (12, 24)
    fields = json.loads((OLD / "run" / "metrics.json").read_text())
    assert run.metrics.model_dump(mode="json", exclude_unset=True) == fields
    assert len(run.steps("dawgen")) == 4
    found = FinishedRun.find(BUNDLE)
    assert found is not None and found.config == run.config


def test_a_run_is_reported_on_and_examined(dawgen: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert dawgen("report", OLD / "run", "--out", page)[0] == 0
    assert "43.0" in page.read_text()
    status, out, err = dawgen("doctor", OLD / "run", "--threads", 1, "--json")
    assert status == 0, err
    assert "not looked at again" not in out


def test_a_bundle_classifies_and_is_measured(dawgen: Any, data: Path) -> None:
    classifier = PromptClassifier.load(BUNDLE)  # checks the golden outputs
    assert classifier.predict([("a man is sleeping", "a man is awake")])[0] in classifier.classes_
    status, out, err = dawgen("evaluate", BUNDLE, "--test", data / "test.jsonl", "--threads", 1, "--json")
    assert status == 0, err
    assert read_result(out)["n"] == 30


def test_a_bundle_and_a_set_are_exported(dawgen: Any, tmp_path: Path) -> None:
    for source, name, made in ((BUNDLE, "adapter", "dawgen.json"), (OLD / "run/synthetic", "dataset", "train.jsonl")):
        status, _, err = dawgen("export", source, "--out", tmp_path / name)
        assert status == 0, err
        assert (tmp_path / name / made).read_bytes() == (OLD / name / made).read_bytes()


def test_an_adapter_is_imported_as_the_bundle_that_it_came_from(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("import", OLD / "adapter", "--out", tmp_path / "bundle", "--threads", 1)
    assert status == 0, err
    for name in ("bundle.json", "prompt.safetensors"):
        assert (tmp_path / "bundle" / name).read_bytes() == (BUNDLE / name).read_bytes()


def test_a_set_is_audited_and_trained_on(dawgen: Any, data: Path, tmp_path: Path) -> None:
    rows, real = OLD / "run" / "synthetic", data / "train.jsonl"
    status, out, err = dawgen("audit", rows, "--real", real, "--task", "scenes-nli", "--threads", 1, "--json")
    assert status == 0, err
    assert read_result(out)["rows"] == 24
    options = ("--method", "dawgen", "--synthetic", rows, "--shots", 4, "--set", "target.steps=1", "--threads", 1)
    assert dawgen("train", "--task", "scenes-nli", *options, "--out", tmp_path / "bundle")[0] == 0


def test_a_generator_writes(dawgen: Any) -> None:
    generator = Generator.load(OLD / "run" / "generator")
    assert {row.example.label for row in generator.preview(1, first_texts=["a man is sleeping"])} == set(
        generator.task_.labels
    )


def test_a_grid_has_nothing_left_to_run(dawgen: Any, tmp_path: Path) -> None:
    """The keys of its cells are those of before."""
    grid = copy("grid", tmp_path)
    before = json.loads((grid / "results.json").read_text())
    status, out, err = dawgen("bench", "--grid", OLD / "grid.yaml", "--out", grid)
    assert status == 0, err
    assert "0 of 11 cells to run" in out
    after = json.loads((grid / "results.json").read_text())
    assert after["rows"] == before["rows"] and after["sets"] == before["sets"]
    assert dawgen("report", grid)[0] == 0
    kept, old = (yaml.safe_load((folder / "grid.yaml").read_text()) for folder in (grid, OLD / "grid"))
    assert kept["settings"]["target"].pop("lr") == 0.3  # said now: it was the default
    assert kept == old


def test_the_published_cards_line_finds_a_bundled_model() -> None:
    line = "from dawgen.backbones.load import resolve_name"
    assert line in (OLD / "adapter" / "README.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(line, names)
    assert AutoModelForSeq2SeqLM.from_pretrained(names["resolve_name"]("mini-t5")).config.d_model == 128
