"""`dawgen export` and `dawgen import` as a user types them: adapters, sets, cards whose snippets run, and the hub."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import peft
import pytest
import torch
import yaml

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import RunConfig
from dawgen.files import hash_file
from dawgen.progress import Reporter
from dawgen.runs.run import run_job
from support.hub_stand_in import Hub, pretend_hub
from support.jobs import quick_settings, save_models, write_inputs
from support.targets import make_pairs, make_task
from support.tiny import save_tiny, tiny_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),  # PEFT's
    pytest.mark.filterwarnings(
        "ignore:Use 'content=<...>':DeprecationWarning"
    ),  # huggingface_hub's, where it sends LFS
]


@pytest.fixture
def call(dawgen: Any) -> Any:
    """Call a verb on one thread, whatever the machine has."""
    return lambda verb, *arguments: dawgen(verb, *arguments, "--threads", 1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same job with two seeds on tiny models."""
    folder = tmp_path_factory.mktemp("runs")
    config = quick_settings(save_models(folder)) | write_inputs(folder)
    for seed in (13, 14):
        made = RunConfig.model_validate(config | {"seed": seed})
        run_job(made, folder / f"seed{seed}", reporter=Reporter(quiet=True))
    return folder / "seed13", folder / "seed14"


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle on the mini that comes with dawgen."""
    folder = tmp_path_factory.mktemp("mini")
    task = make_task(template="{text1}. {text2}. {mask}")
    PromptClassifier("mini-t5", task, prompt_length=4, steps=2, batch_size=4).fit(make_pairs(8)).save(folder)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A hub with LFS (parameter True) or without, that huggingface_hub takes for the real one."""
    with pretend_hub(monkeypatch, tmp_path, lfs=getattr(request, "param", False)) as hub:
        yield hub


def read_front(card: Path) -> dict[str, Any]:
    return yaml.safe_load(card.read_text().split("---\n")[1])


def run_snippets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Execute a card's snippets in its folder, one after the other; returns what each leaves behind."""
    monkeypatch.chdir(folder)
    found: list[dict[str, Any]] = []
    for code in re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL):
        names: dict[str, Any] = {}
        exec(compile(code, "README.md", "exec"), names)
        found.append(names)
    return found


def check_snippets(folder: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both snippets must give what the bundle's own classifier gives."""
    classifier = PromptClassifier.load(bundle)
    item = ("A child is reading a book in the garden.", "Someone is reading outside.")
    wanted = dict(zip(classifier.classes_, classifier.predict_proba([item])[0].tolist(), strict=True))
    by_peft, by_dawgen = run_snippets(folder, monkeypatch)
    assert by_peft["probabilities"] == pytest.approx(wanted, abs=1e-5)
    assert by_dawgen["probabilities"] == wanted


def test_a_bundle_comes_back_bit_by_bit_and_the_cards_snippets_run(
    call: Any, tmp_path: Path, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, adapter, back = runs[0] / "prompts" / "dawgen", tmp_path / "adapter", tmp_path / "back"
    status, out, err = call("export", bundle, "--out", adapter, "--json")
    assert status == 0, err
    files = json.loads(out.splitlines()[-1])["files"]
    assert set(files) == {"README.md", "adapter_config.json", "adapter_model.safetensors", "dawgen.json"}
    assert call("export", bundle, "--out", tmp_path / "again")[0] == 0
    for name, size in files.items():
        assert (adapter / name).stat().st_size == size
        assert hash_file(adapter / name) == hash_file(tmp_path / "again" / name)
    status, out, err = call("import", adapter, "--out", back, "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["task"] == "train"
    for name in ("bundle.json", "prompt.safetensors"):
        assert (back / name).read_bytes() == (bundle / name).read_bytes()
    check_snippets(adapter, bundle, monkeypatch)


@pytest.mark.parametrize(("kind", "pair"), [("gpt2", True), ("t5", False)])
def test_snippets_run_for_causal_targets_and_single_texts(
    call: Any, tmp_path: Path, kind: Any, pair: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_tiny(kind, tmp_path / 'a "base"')
    task = make_task() if pair else make_task(pair=False, template='{text1} "answer" {mask}')
    rows = [row if pair else row.__class__(row.text1, None, row.label) for row in make_pairs(8)]
    options = {"prompt_length": 3, "steps": 2, "batch_size": 4, "decoder_sentinel": kind == "t5"}
    PromptClassifier(str(base), task, **options).fit(rows).save(tmp_path / "bundle")
    assert call("export", tmp_path / "bundle", "--out", tmp_path / "adapter")[0] == 0
    classifier = PromptClassifier.load(tmp_path / "bundle")
    item = ("A child is reading a book in the garden.", "Someone is reading outside.") if pair else None
    scores = classifier.predict_proba([item or "A child is reading a book in the garden."])[0].tolist()
    wanted = dict(zip(classifier.classes_, scores, strict=True))
    for names in run_snippets(tmp_path / "adapter", monkeypatch):
        assert names["probabilities"] == pytest.approx(wanted, abs=1e-5)


def test_the_model_card_says_what_the_run_knows(call: Any, tmp_path: Path, runs: tuple[Path, Path]) -> None:
    out = tmp_path / "adapter"
    status, _, err = call(
        "export", runs[0] / "prompts/dawgen", "--out", out, "--runs", runs[1], "--license", "apache-2.0"
    )
    assert status == 0, err
    card, front = (out / "README.md").read_text(), read_front(out / "README.md")
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    accuracy = metrics["methods"]["dawgen"]["accuracy"]
    assert (front["library_name"], front["license"]) == ("peft", "apache-2.0")
    assert "synthetic" in front["tags"] and "base_model" not in front  # the base is a folder here
    results = huggingface_hub.ModelCard(card).data.eval_results
    assert [(r.metric_type, r.metric_value) for r in results] == [
        ("accuracy", round(accuracy, 6)),
        ("f1", round(metrics["methods"]["dawgen"]["macro_f1"], 6)),
    ]
    made = metrics["synthetic"]
    for part in (
        "Method `dawgen`, schedule `paired`",
        "12 real, 18 synthetic",
        "Few shots: 4 labelled examples per label, drawn with seed 13",
        f"{made['generated']} candidates",
        "kind `dawgen`",
        "`temperature` 1.0",
        "not measured, no oracle knows this task",
        f"| accuracy | {100 * accuracy:.1f} % |",
        "(bootstrap) | 24 |",
        "| prompt_tuning |",
        "| 14 |",
        "95 % interval over seeds",
        "`train.jsonl`: SHA-256",
        "torch 2.",
        "fingerprint",
        "apache-2.0, as its publisher says",
    ):
        assert part in card, part
    assert all(f"{count} {reason}" in card for reason, count in made["dropped"].items())
    assert str(tmp_path.parent) not in card.replace(str(runs[0].parent / "t5"), "").replace(
        str(runs[0].parent / "ctrl"), ""
    )


def test_seeds_of_another_job_are_refused(call: Any, tmp_path: Path, runs: tuple[Path, Path], mini: Path) -> None:
    bundle = runs[0] / "prompts" / "dawgen"
    for other, reason in [(runs[0], "different seeds"), (tmp_path, "finished run")]:
        status, _, err = call("export", bundle, "--out", tmp_path / "out", "--runs", other)
        assert status == 2 and reason in err
    status, _, err = call("export", mini, "--out", tmp_path / "out", "--runs", runs[0])
    assert status == 2 and "inside a run" in err
    assert not (tmp_path / "out").exists()


def test_a_set_loads_as_it_stands_and_as_it_is_exported(
    call: Any, dawgen: Any, tmp_path: Path, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    made, out = runs[0] / "synthetic", tmp_path / "set"
    wanted = [json.loads(line) for line in (made / "train.jsonl").read_text().splitlines()]
    assert list(datasets.load_dataset(str(made), split="train")) == wanted
    status, _, err = call("export", made, "--out", out)
    assert status == 0, err
    assert {path.name for path in out.iterdir()} == {"README.md", "train.jsonl"}  # dropped.jsonl quotes real examples
    (names,) = run_snippets(out, monkeypatch)
    assert list(names["rows"]) == wanted
    card = (out / "README.md").read_text()
    assert read_front(out / "README.md")["license"] == "other"
    for part in (
        "4 labelled examples per label, seed 13",
        "text1` of each pair: texts without labels",
        "not published",
    ):
        assert part in card, part
    curated = tmp_path / "curated"
    real = runs[0].parent / "train.jsonl"
    assert dawgen("curate", made, "--real", real, "--out", curated, "--set", "curate.posterior=false")[0] == 0
    assert call("export", curated, "--out", tmp_path / "again")[0] == 0
    card = (tmp_path / "again" / "README.md").read_text()
    assert "kind `dawgen`" in card and "takes more words from text1 than the real" in card  # as curate was told
    assert "likelier than the best other" not in card
    status, _, err = call("export", made, "--out", tmp_path / "other", "--base", "gpt2")
    assert status == 2 and "--base: expected with a bundle only" in err


@pytest.mark.parametrize("hub", [False, True], indirect=True, ids=["plain", "lfs"])
def test_a_push_lists_its_files_and_an_import_fetches_them(call: Any, tmp_path: Path, mini: Path, hub: Hub) -> None:
    assert call("export", mini, "--out", tmp_path / "adapter")[0] == 0
    assert hub.asked == []  # nothing leaves without --push
    status, out, err = call("export", mini, "--push", "me/prompt", "--private", "--json")
    assert status == 0, err
    listed, address, result = out.index("adapter_config.json"), out.index("/me/prompt\n"), out.index("{")
    assert listed < address < result and "publishing to me/prompt (private if new, model)" in out
    repo = hub.repos["models/me/prompt"]
    assert repo["private"] and set(repo["files"]) == {path.name for path in (tmp_path / "adapter").iterdir()}
    assert repo["files"]["dawgen.json"] == (tmp_path / "adapter" / "dawgen.json").read_bytes()
    assert any(line.startswith("PUT /lfs/") for line in hub.asked) == hub.lfs
    assert call("import", "me/prompt", "--out", tmp_path / "back")[0] == 0
    for name in ("bundle.json", "prompt.safetensors"):
        assert (tmp_path / "back" / name).read_bytes() == (mini / name).read_bytes()
    status, _, err = call("import", "me/nothing", "--out", tmp_path / "nothing")
    assert status == 2 and "404" in err
    assert not (tmp_path / "nothing").exists()


def test_the_published_cards_snippet_runs(call: Any, tmp_path: Path, mini: Path, hub: Hub) -> None:
    assert call("export", mini, "--push", "me/prompt", "--out", tmp_path / "adapter")[0] == 0
    code = re.findall(r"```python\n(.*?)```", (tmp_path / "adapter" / "README.md").read_text(), re.DOTALL)[0]
    assert 'adapter = "me/prompt"' in code
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | settings,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1].replace("'", '"'))
    classifier = PromptClassifier.load(mini)
    item = ("A child is reading a book in the garden.", "Someone is reading outside.")
    wanted = dict(zip(classifier.classes_, classifier.predict_proba([item])[0].tolist(), strict=True))
    assert found == pytest.approx(wanted, abs=1e-5)


def test_a_set_is_pushed_as_a_data_set(call: Any, runs: tuple[Path, Path], hub: Hub) -> None:
    status, out, err = call("export", runs[0] / "synthetic", "--push", "me/set", "--license", "cc-by-4.0")
    assert status == 0, err
    files = hub.repos["datasets/me/set"]["files"]
    assert set(files) == {"README.md", "train.jsonl"} and "publishing to me/set (dataset)" in out
    assert b'load_dataset("me/set"' in files["README.md"]
    status, _, err = call("export", runs[0] / "synthetic", "--push", "me/set", "--private")
    assert status == 2 and "is there already, and public" in err


def test_a_push_that_cannot_work_is_refused_in_words(
    call: Any, tmp_path: Path, runs: tuple[Path, Path], mini: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = runs[0] / "prompts" / "dawgen"
    status, _, err = call("export", bundle, "--push", "me/prompt")
    assert status == 2 and "is a folder on this machine" in err
    out = tmp_path / "out"
    assert call("export", bundle, "--push", "me/prompt", "--base", "me/base", "--out", out)[0] == 0
    folder = str(runs[0].parent)
    assert all(folder.encode() not in data for data in hub.repos["models/me/prompt"]["files"].values())
    assert read_front(out / "README.md")["base_model"] == "me/base"
    asked = len(hub.asked)
    for name in ("prompt", "me/a/b", "me/-x-"):
        assert call("export", mini, "--push", name)[0] == 2
    monkeypatch.delenv("HF_TOKEN")
    status, _, err = call("export", mini, "--push", "me/prompt")
    assert status == 2 and "expected a token" in err
    assert len(hub.asked) == asked
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    status, _, err = call("export", mini, "--push", "me/other")
    assert status == 2 and "refuses" in err and "hf_other" not in err
    assert "models/me/other" not in hub.repos


def test_a_foreign_adapter_needs_a_task_and_becomes_a_bundle(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, adapter, back = save_tiny("t5", tmp_path / "t5"), tmp_path / "adapter", tmp_path / "back"
    config = peft.PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=3)
    made = tiny_model("t5")
    made.name_or_path = str(base)
    model = peft.get_peft_model(made, config)
    model.peft_config["default"].base_model_name_or_path = str(base)
    model.save_pretrained(adapter, save_embedding_layers=False)
    task = tmp_path / "task.yaml"
    task.write_text(yaml.safe_dump(make_task().model_dump(mode="json", exclude_none=True)))
    status, _, err = call("import", adapter, "--out", back)
    assert status == 2 and "expected --task" in err
    status, out, err = call("import", adapter, "--out", back, "--task", task, "--json")
    assert status == 0, err
    notes = json.loads(out.splitlines()[-1])["notes"]
    assert "not known" in notes[0] and notes[1].startswith("3 rows of a decoder's prompt")
    classifier = PromptClassifier.load(back)
    assert torch.equal(classifier.prompt_, model.prompt_encoder["default"].embedding.weight[:3])
    assert classifier.label_words_.words == ("yes", "no")
    causal = save_tiny("gpt2", tmp_path / "gpt2")
    status, _, err = call("import", adapter, "--out", tmp_path / "none", "--task", task, "--model", causal)
    assert status == 2 and "expected a seq2seq base model" in err and not (tmp_path / "none").exists()
    words = '{"same": "good", "different": "bad"}'
    again = call("import", adapter, "--out", tmp_path / "words", "--task", task, "--label-words", words)
    assert again[0] == 0 and PromptClassifier.load(tmp_path / "words").label_words_.words == ("good", "bad")
    assert call("export", back, "--out", tmp_path / "card")[0] == 0
    card = (tmp_path / "card" / "README.md").read_text()
    assert "Not known: the prompt came from a PEFT adapter (PROMPT_TUNING, 3 rows)" in card
    assert "It was not tested" in card and "paired" not in card
    check_snippets(tmp_path / "card", back, monkeypatch)


def test_a_base_that_has_moved_is_given_and_checked(call: Any, tmp_path: Path) -> None:
    base = save_tiny("llama", tmp_path / "here")
    options = {"prompt_length": 3, "steps": 2, "batch_size": 4}
    PromptClassifier(str(base), make_task(), **options).fit(make_pairs(8)).save(tmp_path / "bundle")
    assert call("export", tmp_path / "bundle", "--out", tmp_path / "adapter")[0] == 0
    moved = base.rename(tmp_path / "there")
    status, _, err = call("import", tmp_path / "adapter", "--out", tmp_path / "back")
    assert status == 2 and "--model says where it is here" in err
    assert call("import", tmp_path / "adapter", "--out", tmp_path / "back", "--model", moved)[0] == 0
    assert call("export", tmp_path / "bundle", "--out", tmp_path / "again", "--model", moved)[0] == 0
    for name in ("dawgen.json", "adapter_config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "adapter" / name).read_bytes()


def test_wrong_bases_and_arguments_are_refused(call: Any, tmp_path: Path, mini: Path) -> None:
    adapter, out = tmp_path / "adapter", tmp_path / "out"
    assert call("export", mini, "--out", adapter)[0] == 0
    other = save_tiny("t5", tmp_path / "t5", seed=3)
    wrong = [
        (("import", adapter, "--out", out, "--model", other), f"{adapter}: the bundle was trained on mini-t5"),
        (("import", adapter, "--out", out, "--task", "mnli"), "leave it out"),
        (("import", adapter, "--out", adapter), "found files"),
        (("import", tmp_path / "none", "--out", out), "expected the folder of a PEFT adapter"),
        (("import", mini, "--out", out), "adapter_config.json is missing"),
        (("export", adapter, "--out", out), "is a PEFT adapter already"),
        (("export", tmp_path, "--out", out), "expected a bundle"),
        (("export", mini, "--out", adapter), "found files"),
        (("export", mini), "--out FOLDER, or --push"),
        (("export", mini, "--out", out, "--private"), "--push OWNER/NAME with it"),
        (("export", mini, "--out", out, "--license", "My own!"), "--license My own!"),
    ]
    for arguments, reason in wrong:
        status, _, err = call(*arguments)
        assert status == 2 and reason in err, (arguments, err)
        assert not out.exists()
    (adapter / "dawgen.json").unlink()
    status, _, err = call("import", adapter, "--out", out, "--task", "mnli", "--model", other)
    assert status == 2 and "width" in err
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize(("verb", "words"), [("export", "Nothing leaves this machine"), ("import", "never a")])
def test_both_verbs_have_help(dawgen: Any, verb: str, words: str) -> None:
    status, out, _ = dawgen(verb, "--help")
    assert status == 0 and words in out


@pytest.mark.parametrize("sentinel", [False, True])
@pytest.mark.parametrize("kind", ["t5", "gpt2", "llama"])
def test_names_of_several_tokens_are_stored_scored_by_the_card_and_come_back(
    call: Any, tmp_path: Path, kind: Any, sentinel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ("is_the_same", "not_the_same")
    task = make_task(labels=labels, label_words=None, generator={"prompts": {label: label for label in labels}})
    pairs = [replace(pair, label=task.labels[pair.label == "different"]) for pair in make_pairs(8)]
    bundle, adapter, back = tmp_path / "bundle", tmp_path / "adapter", tmp_path / "back"
    base = str(save_tiny(kind, tmp_path / "base"))
    settings: dict[str, Any] = {"steps": 2, "prompt_length": 4, "batch_size": 4, "decoder_sentinel": sentinel}
    PromptClassifier(base, task, device="cpu", **settings).fit(pairs).save(bundle)
    content = json.loads((bundle / "bundle.json").read_text())
    assert content["label_words"] == ["is the same", "not the same"]
    assert [len(own) for own in content["label_ids"]] == [3, 3]
    assert call("export", bundle, "--out", adapter)[0] == 0
    card = (adapter / "README.md").read_text()
    assert "keeps neither the words nor this rule" in card and "the mean log-likelihood" in card
    check_snippets(adapter, bundle, monkeypatch)
    assert call("import", adapter, "--out", back)[0] == 0
    assert (back / "bundle.json").read_bytes() == (bundle / "bundle.json").read_bytes()
