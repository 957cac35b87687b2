"""The estimator: conventions, saving, loading, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from dawgen.config import DecodeConfig, GeneratorConfig
from dawgen.errors import BundleError, ConfigError, DataError, ModelError
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, fingerprint
from dawgen.records import Example
from support.generators import PAIR_ROWS, PAIRS, TEXTS, make_generator, tuned
from support.targets import make_chat_backbone
from support.tiny import save_tiny, tiny_ctrl, tiny_tokenizer


def test_constructor_only_stores_and_has_the_defaults_of_the_config() -> None:
    generator = Generator()
    defaults = GeneratorConfig().model_dump()
    assert {name: generator.get_params()[name] for name in defaults} == defaults
    assert clone(generator.set_params(steps=9)).steps == 9
    with pytest.raises(NotFittedError):
        generator.log_likelihood(PAIR_ROWS)


def test_saved_generator_loads_and_writes_the_same(tmp_path: Path) -> None:
    folder = str(save_tiny("llama", tmp_path / "model"))
    decode = DecodeConfig(max_new_tokens=8)
    generator = Generator(folder, PAIRS, kind="plain", steps=4, decode=decode, seed=3, device="cpu").fit(PAIR_ROWS)
    generator.save(tmp_path / "generator")
    again = Generator.load(tmp_path / "generator", device="cpu")
    assert again.get_params() == generator.get_params()
    assert np.array_equal(again.log_likelihood(PAIR_ROWS), generator.log_likelihood(PAIR_ROWS))
    assert again.preview(2, first_texts=TEXTS) == generator.preview(2, first_texts=TEXTS)
    again.save(tmp_path / "again")
    for name in ("prefix.safetensors", "generator.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "generator" / name).read_bytes()


def test_a_generator_in_a_chat_template_is_saved_with_it(tmp_path: Path) -> None:
    base = make_chat_backbone()
    generator = Generator(base, PAIRS, kind="plain", steps=2, seed=3, chat="auto").fit(PAIR_ROWS)
    assert generator.codec_.chat.closing == "</u><a>"
    generator.save(tmp_path)
    again = Generator.load(tmp_path, model=base)
    assert again.chat == "auto" and again.limit_ == generator.limit_
    assert np.array_equal(again.log_likelihood(PAIR_ROWS), generator.log_likelihood(PAIR_ROWS))
    with pytest.raises(ConfigError, match=r"generator\.chat: the model's tokenizer has no chat template"):
        make_generator("llama", chat=True).fit(PAIR_ROWS)


def test_other_base_and_damaged_files_are_refused(tmp_path: Path) -> None:
    generator = tuned()
    generator.save(tmp_path)
    with pytest.raises(BundleError, match="expected its base model"):
        Generator.load(tmp_path, model=str(save_tiny("gpt2", tmp_path / "other", seed=1)))
    (tmp_path / "generator.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleError) as caught:
            Generator.load(folder)
        assert len(str(caught.value).splitlines()) == 2


def test_few_shot_texts_are_saved_only_where_they_are_first_texts(tmp_path: Path) -> None:
    tuned().save(tmp_path)
    assert json.loads((tmp_path / "generator.json").read_text())["shot_texts"] == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*PAIR_ROWS, Example("a", "b", "other")], "got 'other'"),
        ([*PAIR_ROWS, Example("a", "b")], "got one without"),
        ([*PAIR_ROWS, Example("a", None, "yes")], "a pair"),
        (PAIR_ROWS[:4], "none of maybe"),
    ],
    ids=["unknown label", "no label", "single text", "missing label"],
)
def test_wrong_examples_are_refused(rows: list[Example], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_generator().fit(rows)


def test_long_texts_are_cut_text1_first_with_one_counted_warning() -> None:
    long = Example("man " * 300, "a person is asleep", "yes")
    generator = make_generator(kind="plain", steps=1).fit([*PAIR_ROWS, long])
    assert generator.warnings_ == [
        f"generator: 1 of 7 real texts were cut to the window of {generator.limit_} tokens, text1 first"
    ]
    row, cut = generator._encode(long, 0)
    assert cut
    assert len(row.context) + len(row.target) == generator.limit_
    assert row.target == generator._encode(PAIR_ROWS[0], 0)[0].target
    assert np.isfinite(generator.log_likelihood([long])).all()


def test_prompts_beyond_the_window_are_refused() -> None:
    task = PAIRS.model_copy(update={"generator": PAIRS.generator.model_copy(update={"infix": "yes " * 85})})
    with pytest.raises(ModelError, match="window"):
        make_generator(task=task).fit(PAIR_ROWS)


def test_a_model_without_end_token_learns_one() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = None
    model = tiny_ctrl()
    base = Backbone(model, tokenizer, "causal", "no-end", None, fingerprint(model, tokenizer))
    decode = DecodeConfig(max_new_tokens=12, shard_texts=4)
    generator = Generator(base, PAIRS, kind="dawgen", steps=40, lr=0.05, decode=decode).fit(PAIR_ROWS)
    start = model.get_output_embeddings().weight[generator.codec_.encode(".")[-1]]
    assert generator.codec_.end == model.config.vocab_size
    assert bool((generator.prefix_.q["end"] != start).any())
    assert any(candidate.finished and candidate.example.text2 for candidate in generator.preview(4, first_texts=TEXTS))


def test_bfloat16_backbone_keeps_the_prefix_in_float32(tmp_path: Path) -> None:
    folder = str(save_tiny("qwen3", tmp_path))
    generator = Generator(folder, PAIRS, steps=6, lr=0.02, dtype="bfloat16", device="cpu")
    lines: list[dict[str, float]] = []
    generator.fit(PAIR_ROWS, log=lines.append)
    assert lines[-1]["nll"] < lines[0]["nll"]
    assert {str(value.dtype) for value in generator.prefix_.q.values()} == {"torch.float32"}
