"""Pre-training in miniature: resumes to the same weights, and what it saves is what `from_pretrained` loads."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dawgen.models.load import load_generator, load_target
from dawgen.models.minis import pretrain


def train(mini: str, out: Path, steps: int, **options: object) -> Path:
    pretrain.train(mini, out, steps=steps, batch=4, vocabulary=300, **options)
    return out / mini


@pytest.mark.parametrize("mini", ["mini-ctrl", "mini-t5"])
def test_a_mini_is_saved_with_its_card_and_loads(tmp_path: Path, mini: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.models.minis.card.SAMPLE", 50)
    english = tmp_path / "english.jsonl"
    english.write_text('{"text1": "A man sleeps.", "text2": "Nobody is awake."}\n' * 3)
    folder = train(mini, tmp_path / "run", 50, english=[english], english_share=0.5)
    backbone = (load_generator if mini == "mini-ctrl" else load_target)(str(folder))
    assert backbone.kind == ("causal" if mini == "mini-ctrl" else "seq2seq")
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    ids = backbone.tokenizer("A girl is playing the violin. <extra_id_0>").input_ids
    assert backbone.tokenizer.decode(ids, skip_special_tokens=True) == "a girl is playing the violin."
    card = (folder / "README.md").read_text()
    assert "50 steps of 4 texts" in card
    assert "english.jsonl` " in card


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.models.minis.card.SAMPLE", 50)
    monkeypatch.setattr(pretrain, "SAVE_EVERY", 4)
    monkeypatch.setattr(pretrain, "LOG_EVERY", 2)
    whole = train("mini-t5", tmp_path / "whole", 8)
    calls = 0
    draw_rows = pretrain.draw_rows

    def die_at_step_7(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 8:  # one call trains the tokenizer
            raise KeyboardInterrupt
        return draw_rows(*arguments)

    monkeypatch.setattr(pretrain, "draw_rows", die_at_step_7)
    with pytest.raises(KeyboardInterrupt):
        train("mini-t5", tmp_path / "killed", 8)
    monkeypatch.setattr(pretrain, "draw_rows", draw_rows)
    resumed = train("mini-t5", tmp_path / "killed", 8)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_flan_starts_from_t5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.models.minis.card.SAMPLE", 50)
    monkeypatch.setattr(pretrain, "LOG_EVERY", 1)
    base = train("mini-t5", tmp_path / "t5", 2)
    options = {"init_from": base, "tokenizer_from": base}
    tuned = train("mini-flan", tmp_path / "flan", 1, **options)
    before, after = (load_file(folder / "model.safetensors")["shared.weight"].float() for folder in (base, tuned))
    assert 0 < (before - after).abs().max() < 0.1
    card = (tuned / "README.md").read_text()
    assert "The stage before" in card
    assert card.count("| step | loss") == 2
