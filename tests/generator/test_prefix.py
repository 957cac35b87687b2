"""The prefix says what the written prompt says, for rows of any label and length in one batch."""

import numpy as np
import pytest
import torch

from dawgen.errors import ModelError
from dawgen.generator.codec import REQUEST, Codec
from dawgen.generator.estimator import Generator
from dawgen.generator.prefix import read_prefix
from support.generators import PAIR_ROWS, PAIRS, TOPIC_ROWS, TOPICS, backbone, make_generator, untuned
from support.targets import make_chat_backbone
from support.tiny import CAUSAL, Kind


def written_log_likelihood(family: Kind, label: str, text1: str | None, text2: str) -> float:
    """Score text2 and its end behind the prompt in plain words, without prefix, infix or batch."""
    base = backbone(family)
    codec = Codec(base.tokenizer, base.model.config.vocab_size)
    words = (PAIRS if text1 is not None else TOPICS).generator
    front = codec.encode(words.control_code) + codec.encode(words.prompts[label])
    if text1 is not None:
        front += codec.encode(text1) + codec.encode(words.infix)
    target = [*codec.encode(text2), codec.end]
    logits = base.model(input_ids=torch.tensor([front + target])).logits[0].double().log_softmax(-1)
    return sum(float(logits[len(front) + i - 1, token]) for i, token in enumerate(target))


@pytest.mark.parametrize("family", CAUSAL)
def test_untuned_pairs_score_as_written_prompts_of_unequal_length(family: Kind) -> None:
    scores = untuned(family).log_likelihood(PAIR_ROWS)
    for i, example in enumerate(PAIR_ROWS):
        for k, label in enumerate(PAIRS.labels):
            expected = written_log_likelihood(family, label, example.text1, str(example.text2))
            assert scores[i, k] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("family", CAUSAL)
def test_untuned_single_texts_score_as_written_prompts(family: Kind) -> None:
    scores = untuned(family, "topics").log_likelihood(TOPIC_ROWS)
    for i, example in enumerate(TOPIC_ROWS):
        for k, label in enumerate(TOPICS.labels):
            assert scores[i, k] == pytest.approx(written_log_likelihood(family, label, None, example.text1), rel=1e-5)


@pytest.mark.parametrize("family", CAUSAL)
def test_tuned_batch_of_mixed_rows_equals_each_row_alone(family: Kind) -> None:
    generator = make_generator(family, kind="plain").fit(PAIR_ROWS)
    together = generator.log_likelihood(PAIR_ROWS)
    alone = [generator.log_likelihood([example])[0] for example in PAIR_ROWS]
    assert np.allclose(together, np.stack(alone), rtol=1e-5)


def test_shorter_prompts_are_masked_and_control_code_is_apart() -> None:
    prefix = untuned().prefix_
    assert prefix.control.shape[-2] == 1
    lengths = [len(untuned().codec_.encode(PAIRS.generator.prompts[label])) - 1 for label in PAIRS.labels]
    longest = max(lengths)
    assert len(set(lengths)) == 3
    assert prefix.mask.tolist() == [[1] + [0] * (longest - length) + [1] * length for length in lengths]


def test_a_model_that_treats_the_prefix_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    base = backbone()
    codec = Codec(base.tokenizer, base.model.config.vocab_size)
    original = type(base.model).get_output_embeddings
    monkeypatch.setattr(type(base.model), "get_output_embeddings", lambda self: lambda h: original(self)(h) * 0.5)
    with pytest.raises(ModelError, match="does not read a key/value prefix"):
        read_prefix(base.model, codec, ["is the :", "not the :"], control_code="", infix="")


@pytest.mark.parametrize("family", CAUSAL)
def test_a_prompt_of_one_token_beside_longer_ones_is_read(family: Kind) -> None:
    base = backbone(family)
    codec = Codec(base.tokenizer, base.model.config.vocab_size)
    prefix = read_prefix(base.model, codec, ["music", "a song of the girl"], control_code="", infix="")
    assert prefix.mask.sum(1).tolist() == [len(codec.start()), len(codec.start()) + 4]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_in_a_chat_template_the_user_asks_and_the_assistant_writes(family: Kind) -> None:
    base = make_chat_backbone(family)
    generator = Generator(base, TOPICS, chat=True)
    generator._prepare(TOPICS, base)
    codec, tokenizer = generator.codec_, base.tokenizer
    scores = generator.log_likelihood(TOPIC_ROWS[:2])
    for found, example in zip(scores, TOPIC_ROWS[:2], strict=True):
        for score, label in zip(found, TOPICS.labels, strict=True):
            words = TOPICS.generator
            front = tokenizer("<s><u>", add_special_tokens=False)["input_ids"] + codec.encode(words.control_code)
            front += codec.encode(f"{REQUEST} {words.prompts[label]}")
            front += tokenizer("</u><a>", add_special_tokens=False)["input_ids"]
            target = [*codec.encode(example.text1), codec.end]
            logits = base.model(input_ids=torch.tensor([front + target])).logits[0].double().log_softmax(-1)
            wanted = sum(float(logits[len(front) + i - 1, token]) for i, token in enumerate(target))
            assert score == pytest.approx(wanted, rel=1e-5)
