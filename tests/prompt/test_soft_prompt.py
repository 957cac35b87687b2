"""The soft prompt and its joint, against PEFT's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, PromptTuningConfig
from safetensors.torch import save_file

from dawgen.classifier.batches import pad
from dawgen.prompt.soft_prompt import SoftPrompt, join
from support.targets import make_backbone, make_scorer
from support.tiny import Kind, tiny_model

WORDS = [82, 12, 40]


def test_a_prompt_is_float32_and_a_copy() -> None:
    start = torch.ones(3, 4, dtype=torch.bfloat16)
    soft = SoftPrompt(start)
    assert soft().dtype == torch.float32 and soft().requires_grad
    start.zero_()
    assert bool((soft() == 1).all())
    with pytest.raises(ValueError, match=r"\[P,H\]"):
        SoftPrompt(torch.ones(3))


def test_join_puts_prompts_in_front_in_the_texts_dtype() -> None:
    texts, mask = torch.zeros(2, 3, 4, dtype=torch.bfloat16), torch.tensor([[1, 1, 1], [1, 0, 0]])
    inputs, seen = join(torch.ones(5, 4), texts, mask)
    assert inputs.shape == (2, 8, 4) and inputs.dtype == torch.bfloat16
    assert seen.tolist() == [[1] * 8, [1] * 6 + [0] * 2]
    inputs, _ = join(torch.stack([torch.zeros(1, 4), torch.ones(1, 4)]), texts, mask)
    assert inputs[:, 0].sum(1).tolist() == [0, 4]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("kind", ["t5", "gpt2", "llama"])
def test_peft_gives_the_same_label_scores(kind: Kind, tmp_path: Path) -> None:
    backbone = make_backbone(kind)
    prompt = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    model = load_in_peft(kind, prompt, tmp_path)
    rows = [[10, 20, 30, 1], [40, 50, 60, 70, 80, 1]]
    ids, mask = pad(rows, backbone)
    scores = make_scorer(backbone, WORDS).score_batch(rows, prompt)
    if kind == "t5":
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=torch.zeros(2, 1, dtype=torch.long)).logits
        answers = logits[:, -1]
    else:
        logits = model(input_ids=ids, attention_mask=mask).logits
        answers = logits[torch.arange(2), mask.sum(1) + 4 - 1]
    torch.testing.assert_close(scores, torch.log_softmax(answers[:, WORDS], -1), atol=1e-5, rtol=0)


def load_in_peft(kind: Kind, prompt: torch.Tensor, folder: Path) -> Any:
    config = PromptTuningConfig(
        task_type="SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM",
        num_virtual_tokens=len(prompt),
        num_transformer_submodules=1,
        token_dim=prompt.shape[1],
        num_layers=2,
        num_attention_heads=4,
        base_model_name_or_path="tiny",
        inference_mode=True,
    )
    config.save_pretrained(str(folder))
    save_file({"prompt_embeddings": prompt}, folder / "adapter_model.safetensors")
    return PeftModel.from_pretrained(tiny_model(kind), str(folder)).eval()
