"""The cards: what they say of sets and prompts, and that `datasets` reads a set's folder through its card."""

import json

import datasets
import pytest
import yaml

from dawgen.config import CurateConfig
from dawgen.errors import ConfigError
from dawgen.hub.card import describe_licence
from dawgen.report.cards.dataset import FILTERS, name_size, render_card, write_card
from dawgen.report.cards.model import render_model_card
from dawgen.report.cards.snippets import write_dawgen_snippet, write_peft_snippet
from support.run_folders import write_rows

FACTS = {
    "task": "mrpc",
    "labels": {"equivalent": 2, "not|equivalent": 1},
    "pair": True,
    "generator": {"model": "mini-ctrl", "revision": "abc123", "kind": "dawgen"},
    "shots": 16,
    "seed": 13,
    "generated": 9,
    "surplus": 1,
    "dropped": {"copy": 4, "posterior": 1},
    "label_fidelity": None,
}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_datasets_reads_the_folder_and_takes_kept_rows_only(tmp_path, offline):
    rows = [{"text1": "a", "text2": "b", "label": "equivalent"}] * 3
    write_rows(tmp_path / "synthetic" / "train.jsonl", rows)
    write_rows(tmp_path / "synthetic" / "dropped.jsonl", [rows[0] | {"reason": "copy"}])
    write_card(tmp_path / "synthetic" / "README.md", FACTS)
    found = datasets.load_dataset(str(tmp_path / "synthetic"), cache_dir=str(offline))
    assert list(found) == ["train"]
    assert list(found["train"]) == rows


def test_the_front_matter_says_synthetic_and_follows_the_seed_data():
    front = yaml.safe_load(render_card(FACTS).split("---\n")[1])
    assert "synthetic" in front["tags"]
    assert (front["license"], front["license_name"]) == ("other", "unknown-follows-the-seed-data")
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]


def test_the_card_names_counts_filters_and_generator():
    card = render_card(FACTS)
    for part in (
        "3 examples in `train.jsonl`",
        "| equivalent | 2 |",
        r"| not\|equivalent | 1 |",
        "mini-ctrl, revision abc123, kind `dawgen`",
        "16 labelled examples per label, seed 13",
        "9 candidates, of which 1 sound ones",
        "| copy | 4 | text2 repeats text1 verbatim |",
        "Label fidelity: not measured",
    ):
        assert part in card
    assert card == render_card(json.loads(json.dumps(FACTS)))


def test_a_card_needs_only_task_and_labels():
    card = render_card({"task": "mine", "labels": {"a": 1}, "pair": False})
    assert "unknown, revision not known" in card
    assert "`text1`, `label`" in card
    assert "Nothing." in card


def test_filters_are_said_in_words_with_their_numbers():
    off = {"near_duplicate": 0.8, "near_copy": False, "echo": 0.9, "posterior": False, "posterior_margin": 0.5}
    card = render_card(FACTS | {"curate": off})
    assert "agree by 0.8 (Jaccard)" in card and "likelier than the best other" not in card
    assert "takes more words from text1 than the real examples" not in card
    on = render_card(FACTS | {"curate": off | {"posterior": True, "near_copy": True}})
    assert "likelier than the best other by 0.5 nats or less" in on
    assert "takes more words from text1 than the real examples" in on
    assert "It leaves out" not in render_card(FACTS)


def test_every_default_filter_has_words():
    assert set(CurateConfig(judge="minilm", over=4).model_dump()) - {"posterior", "judge_least"} == set(FILTERS)


def test_what_is_published_points_at_nothing_that_is_not():
    card = render_card(FACTS | {"alone": True, "repo": "me/set"})
    assert "dropped.jsonl" not in card and 'load_dataset("me/set"' in card
    assert "dropped.jsonl" in render_card(FACTS) and "os.getcwd()" in render_card(FACTS)


def test_a_given_licence_stands_and_a_wrong_one_is_refused():
    front = yaml.safe_load(render_card(FACTS | {"license": "cc-by-sa-4.0"}).split("---\n")[1])
    assert front["license"] == "cc-by-sa-4.0" and "license_name" not in front
    for wrong in ("MIT License", "", "-x"):
        with pytest.raises(ConfigError, match="--license"):
            describe_licence(wrong, "unknown")


def test_sizes_are_the_hubs():
    assert [name_size(rows) for rows in (999, 1000, 99_999, 10_000_000)] == ["n<1K", "1K<n<10K", "10K<n<100K", "n>10M"]


MODEL = {
    "task": "nli",
    "pair": True,
    "labels": [("yes|sure", "yes", 5), ("no", "no", 6)],
    "template": "{text1} so {text2}? {mask}",
    "base": {"name": "google/flan-t5-base", "revision": "abc", "fingerprint": "f00"},
    "hub_base": "google/flan-t5-base",
    "bundled": False,
    "kind": "seq2seq",
    "dtype": "bfloat16",
    "decoder_sentinel": False,
    "sentinel_id": None,
    "mask": "<extra_id_0>",
    "max_tokens": 256,
    "length": 20,
    "width": 768,
    "imported": None,
    "schedule": "real",
    "seed": 3,
    "settings": {"lr": 0.3},
    "counts": {"n_real": 32},
    "measures": [],
    "dev_accuracy": None,
    "confusion": [],
    "facts": {},
    "warnings": [],
    "repo": None,
    "license": None,
}


def test_a_model_card_pins_the_base_and_claims_no_more_than_it_knows():
    card = render_model_card(MODEL)
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["base_model"] == "google/flan-t5-base" and front["base_model_relation"] == "adapter"
    assert front["library_name"] == "peft" and "model-index" not in front and "synthetic" not in front["tags"]
    assert front["license"] == "other" and front["license_name"]
    assert 'from_pretrained(base, revision="abc", dtype=torch.bfloat16)' in card
    assert 'template = "{text1} so {text2}?<extra_id_0>"' in card
    assert r"| yes\|sure | yes | 5 |" in card and '"yes|sure": 5' in card
    assert "It was not tested" in card and "synthetic examples" not in card
    assert "Licence\n\nUnknown" in card


def test_a_model_card_marks_synthetic_training_and_measures():
    measure = {"name": "accuracy", "value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "how": "Wilson"}
    card = render_model_card(
        MODEL | {"counts": {"n_real": 32, "n_synthetic": 9}, "measures": [measure], "repo": "me/x", "warnings": ["odd"]}
    )
    front = yaml.safe_load(card.split("---\n")[1])
    assert "synthetic" in front["tags"]
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.5
    assert "trained on 9 synthetic examples, which a language model wrote, and 32 real ones" in card
    assert "| accuracy | 50.0 % | 40.0 % to 60.0 % (Wilson) | 100 |" in card
    assert "Warning: odd" in card and 'adapter = "me/x"' in card and "in this folder" not in card


def test_snippets_are_python_whatever_the_texts():
    odd = 'it\'s "so" \\ {text1} {text2}\n#{mask}'
    facts = MODEL | {"template": odd, "labels": [('"', "a", 1), ("\\", "b", 2)], "base": MODEL["base"] | {"name": '"'}}
    for kind in ("seq2seq", "causal"):
        compile(write_peft_snippet(facts | {"kind": kind}), "snippet", "exec")
    compile(write_dawgen_snippet(facts | {"pair": False}), "snippet", "exec")
