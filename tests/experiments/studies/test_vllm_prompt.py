"""A causal bundle for vLLM: what is sent is what our own forward pass sees, and the answer is read as we read it."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import ConfigError
from experiments.studies.vllm_prompt import classify, embed_requests, read_answer, start_engine
from support.targets import make_backbone, make_pairs, make_task
from support.tiny import CAUSAL, Kind, save_tiny


def fit(model: Any) -> PromptClassifier:
    return PromptClassifier(model, make_task(), prompt_length=3, steps=2, batch_size=4).fit(make_pairs(8))


@pytest.mark.parametrize("kind", CAUSAL)
def test_embeds_give_our_own_answers(kind: Kind) -> None:
    classifier, rows = fit(make_backbone(kind)), make_pairs(4, seed=1)
    requests = embed_requests(classifier, rows)
    assert all(torch.equal(request[:3], classifier.prompt_) for request in requests)
    assert len({len(request) for request in requests}) > 1
    words = list(classifier.label_words_.single)
    for request, wanted in zip(requests, classifier.scorer_.score_examples(rows, classifier.prompt_), strict=True):
        with torch.no_grad():  # one row alone, as vLLM computes it: no padding, no mask
            logits = classifier.backbone_.model(inputs_embeds=request[None].clone()).logits[0, -1]
        logprobs = {token: SimpleNamespace(logprob=float(value)) for token, value in enumerate(logits.log_softmax(-1))}
        assert read_answer(logprobs, words) == pytest.approx(np.exp(wanted).tolist(), abs=1e-5)


def test_answers_are_scaled_to_the_label_words() -> None:
    logprobs = {7: SimpleNamespace(logprob=math.log(0.3)), 9: SimpleNamespace(logprob=math.log(0.1))}
    assert read_answer(logprobs, [9, 7]) == pytest.approx([0.25, 0.75])


def test_an_encoder_decoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="dawgen serve"):
        embed_requests(fit(make_backbone("t5")), make_pairs(1))


def test_vllm_answers_as_we_do(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    base = save_tiny("llama", tmp_path / "llama")
    fit(str(base)).save(tmp_path / "bundle")
    classifier, rows = PromptClassifier.load(tmp_path / "bundle"), make_pairs(6, seed=1)
    engine = start_engine(classifier, enforce_eager=True, max_model_len=96, gpu_memory_utilization=0.1)
    found = torch.tensor(classify(engine, classifier, rows))
    assert torch.allclose(
        found, torch.from_numpy(classifier.scorer_.score_examples(rows, classifier.prompt_)).exp(), atol=1e-3
    )
