"""PEFT reads what we write and gives the same logits; we read what PEFT writes, and refuse what is no prompt."""

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from dawgen.classifier.batches import pad
from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import BundleError
from dawgen.prompt.bundle.format import load_bundle
from dawgen.prompt.bundle.peft import CONFIG, KEY, NOTES, WEIGHTS, read_adapter, write_adapter
from support.targets import TARGETS, make_backbone, make_chat_backbone, make_pairs, make_scorer, make_task
from support.tiny import Kind, tiny_model

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def save_adapter(kind: Kind, folder: Path, *, chat: bool = False) -> PromptClassifier:
    """Train a prompt for two steps and write it both ways, as folder/bundle and folder/peft."""
    classifier = PromptClassifier(
        make_chat_backbone(kind) if chat else make_backbone(kind), make_task(), prompt_length=3, steps=2, batch_size=4
    )
    classifier.fit(make_pairs(8)).save(folder / "bundle", {"accuracy": 0.5})
    prompt, info = load_bundle(folder / "bundle")
    write_adapter(folder / "peft", prompt, info, classifier.backbone_)
    return classifier


def forward(model: Any, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return the logits of the answers' vocabulary [B,V]."""
    given = {"input_ids": ids} | ({} if mask is None else {"attention_mask": mask})
    if model.config.is_encoder_decoder:
        start = torch.full((len(ids), 1), model.config.decoder_start_token_id)
        return model(**given, decoder_input_ids=start).logits[:, -1]
    logits = model(**given).logits
    last = torch.full((len(ids),), -1) if mask is None else logits.shape[1] - ids.shape[1] + mask.sum(1) - 1
    return logits[torch.arange(len(ids)), last]


@pytest.mark.parametrize("kind", TARGETS)
def test_peft_gives_the_same_scores(tmp_path: Path, kind: Kind) -> None:
    classifier = save_adapter(kind, tmp_path)
    backbone, words = classifier.backbone_, list(classifier.label_words_.single)
    model = peft.PeftModel.from_pretrained(tiny_model(kind), tmp_path / "peft").eval()
    assert model.peft_config["default"].num_transformer_submodules == 1
    rows = classifier.scorer_.render(make_pairs(5, seed=1)).ids
    wanted = classifier.scorer_.score(rows, classifier.prompt_)
    with torch.no_grad():
        ids, mask = pad(rows, backbone)
        masked = forward(model, ids, mask)
        alone = torch.cat([forward(model, torch.tensor([row]), None) for row in rows])
    for logits in (masked, alone):
        found = torch.log_softmax(logits[:, words], -1)
        assert torch.allclose(found, wanted, atol=1e-5, rtol=0)
    assert (wanted[:, 0] - wanted[:, 1]).std() > 1e-3  # the rows differ, so that equal scores say something


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_an_adapter_is_read_back_bit_by_bit(tmp_path: Path, kind: Kind) -> None:
    save_adapter(kind, tmp_path)
    prompt, info = load_bundle(tmp_path / "bundle")
    found = read_adapter(tmp_path / "peft")
    assert torch.equal(found.prompt, prompt) and found.info == info and found.left_out == 0
    assert found.base == info.base
    assert json.loads((tmp_path / "peft" / NOTES).read_text()) == json.loads(
        (tmp_path / "bundle" / "bundle.json").read_text()
    )


@pytest.mark.parametrize("kind", ["t5", "gpt2", "llama"])
def test_a_chat_templates_opening_is_among_the_virtual_tokens(tmp_path: Path, kind: Kind) -> None:
    classifier = save_adapter(kind, tmp_path, chat=True)
    front = len(classifier.scorer_.front)
    assert front and json.loads((tmp_path / "peft" / CONFIG).read_text())["num_virtual_tokens"] == front + 3
    model = peft.PeftModel.from_pretrained(tiny_model(kind), tmp_path / "peft").eval()
    rows = classifier.scorer_.render(make_pairs(5, seed=1)).ids
    with torch.no_grad():
        logits = forward(model, *pad(rows, classifier.backbone_))
    found = torch.log_softmax(logits[:, list(classifier.label_words_.single or ())], -1)
    assert torch.allclose(found, classifier.scorer_.score(rows, classifier.prompt_), atol=1e-5, rtol=0)
    prompt, info = load_bundle(tmp_path / "bundle")
    read = read_adapter(tmp_path / "peft")
    assert torch.equal(read.prompt, prompt) and read.info == info and info.closing == "</u><a>"


def save_foreign(kind: Kind, folder: Path, config: Any) -> Any:
    """Write an adapter as PEFT does and return its model."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = peft.get_peft_model(tiny_model(kind), config)
    model.save_pretrained(folder, save_embedding_layers=False)
    return model.eval()


@pytest.mark.parametrize("made", ["PROMPT_TUNING", "P_TUNING"])
@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_what_peft_writes_is_read_as_peft_uses_it(tmp_path: Path, kind: Kind, made: str) -> None:
    task = "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"
    if made == "PROMPT_TUNING":
        config = peft.PromptTuningConfig(task_type=task, num_virtual_tokens=4)
    else:
        config = peft.PromptEncoderConfig(task_type=task, num_virtual_tokens=4, encoder_hidden_size=16)
    save_foreign(kind, tmp_path, config)
    model = peft.PeftModel.from_pretrained(tiny_model(kind), tmp_path).eval()
    found = read_adapter(tmp_path)
    assert found.prompt.shape == (4, 32) and found.info is None
    assert found.left_out == (4 if kind == "t5" else 0)  # by default PEFT saves a decoder's prompt that it never uses
    backbone = make_backbone(kind)
    scorer = make_scorer(backbone, [40, 50])
    rows = scorer.render(make_pairs(3)).ids
    ids, mask = pad(rows, backbone)
    with torch.no_grad():
        wanted = torch.log_softmax(forward(model, ids, mask)[:, [40, 50]], -1)
    assert torch.allclose(scorer.score(rows, found.prompt), wanted, atol=1e-5, rtol=0)


def change_json(name: str, **fields: Any) -> Any:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | fields))

    return change


def change_weights(make: Any) -> Any:
    def change(folder: Path) -> None:
        prompt = load_file(folder / WEIGHTS)[KEY].clone()
        save_file(make(prompt), folder / WEIGHTS)

    return change


def pickle_weights(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "adapter_model.bin")
    (folder / WEIGHTS).unlink()


REFUSED = {
    "lora": (change_json(CONFIG, peft_type="LORA"), "PROMPT_TUNING or P_TUNING, got 'LORA'"),
    "no config": (lambda folder: (folder / CONFIG).unlink(), "adapter_config.json is missing"),
    "damaged config": (lambda folder: (folder / CONFIG).write_text("{"), "damaged"),
    "a list": (lambda folder: (folder / CONFIG).write_text("[]"), "object"),
    "deep": (lambda folder: (folder / CONFIG).write_text("[" * 100_000), "damaged"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "adapter_model.safetensors is missing.$"),
    "a pickle": (pickle_weights, "a pickle, which can run code"),
    "truncated": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-4]), "damaged"),
    "more tensors": (change_weights(lambda p: {KEY: p, "lm_head.weight": p + 1}), "more was trained than a prompt"),
    "other rows": (change_json(CONFIG, num_virtual_tokens=2), r"expected prompt_embeddings of shape \[2, 32\]"),
    "no rows": (change_json(CONFIG, num_virtual_tokens=0), "1 or more, got 0"),
    "rows that are text": (change_json(CONFIG, num_virtual_tokens="3"), "1 or more, got '3'"),
    "whole numbers": (change_weights(lambda p: {KEY: p.long()}), "int64"),
    "nan": (change_weights(lambda p: {KEY: p * float("nan")}), "finite"),
    "trained on": (change_weights(lambda p: {KEY: p + 1e-6}), "was trained on"),
    "other notes": (change_json(NOTES, label_words=["no", "yes"]), "digest does not fit"),
    "old notes": (change_json(NOTES, format=1), "bundle format"),
    "notes of nothing": (lambda folder: (folder / NOTES).write_text("{}"), "bundle format"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    save_adapter("t5", folder)
    return folder / "peft"


@pytest.mark.parametrize("way", REFUSED)
def test_what_is_no_prompt_is_refused_with_its_reason(tmp_path: Path, sound: Path, way: str) -> None:
    for file in sound.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    change, reason = REFUSED[way]
    change(tmp_path)
    with pytest.raises(BundleError, match=reason):
        read_adapter(tmp_path)


def test_2p_rows_are_taken_for_a_decoder_only_where_there_is_one(tmp_path: Path, sound: Path) -> None:
    for file in sound.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / NOTES).unlink()
    change_weights(lambda prompt: {KEY: torch.cat([prompt, prompt + 1])})(tmp_path)
    with pytest.raises(BundleError, match=r"\[3, 32\] as"):
        read_adapter(tmp_path)
    change_json(CONFIG, num_transformer_submodules=2)(tmp_path)
    assert read_adapter(tmp_path).left_out == 3
    change_json(CONFIG, task_type="CAUSAL_LM")(tmp_path)
    with pytest.raises(BundleError, match="shape"):
        read_adapter(tmp_path)
