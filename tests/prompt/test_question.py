"""A written question as a prompt's start: its tokens, cut or repeated, and the length that it gives."""

from typing import Any, ClassVar

import pytest
import torch

from dawgen.config import TargetConfig
from dawgen.errors import ConfigError
from dawgen.prompt.initialise import start_prompt
from dawgen.prompt.question import LONGEST, SHORTEST, encode_question, settle_length, start_from_question
from dawgen.rng import torch_rng
from support.targets import make_backbone
from support.tiny import tiny_tokenizer


class KnowsNothing:
    """A tokenizer that finds the unknown word everywhere."""

    all_special_ids: ClassVar = [2]

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [2] * len(text.split())}


QUESTION = "is the sentence good or bad ?"


def test_the_start_is_the_question_token_by_token() -> None:
    embedding, tokenizer = torch.randn(251, 6, generator=torch_rng(0, "test")).bfloat16(), tiny_tokenizer()
    ids = encode_question(tokenizer, QUESTION)
    assert tokenizer.decode(ids) == QUESTION
    start = start_from_question(embedding, tokenizer, QUESTION, len(ids))
    assert start.dtype == torch.float32 and torch.equal(start, embedding[ids].float())


def test_a_long_question_loses_its_end_and_a_short_one_is_repeated() -> None:
    embedding, tokenizer = torch.randn(251, 6, generator=torch_rng(0, "test")), tiny_tokenizer()
    ids = encode_question(tokenizer, QUESTION)
    assert torch.equal(start_from_question(embedding, tokenizer, QUESTION, 3), embedding[ids[:3]])
    again = start_from_question(embedding, tokenizer, QUESTION, 2 * len(ids) + 1)
    assert torch.equal(again, embedding[[*ids, *ids, ids[0]]])


def test_special_tokens_are_left_out_and_a_question_of_unknown_words_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    assert encode_question(tokenizer, "</s>is") == encode_question(tokenizer, "is")
    with pytest.raises(ConfigError, match="knows no word"):
        start_from_question(torch.randn(251, 6), KnowsNothing(), "is it?", 4)


def test_init_question_starts_from_it_whatever_the_seed() -> None:
    config, backbone = TargetConfig(init="question", prompt_length=7), make_backbone()
    starts = [start_prompt(backbone, ["yes"], config, seed, question=QUESTION) for seed in (1, 2)]
    assert torch.equal(*starts)
    assert torch.equal(
        starts[0], backbone.model.get_input_embeddings().weight[encode_question(backbone.tokenizer, QUESTION)[:7]]
    )


@pytest.mark.parametrize("init", ["question", "label_words"])
def test_auto_is_the_length_of_the_question(init: str) -> None:
    config = TargetConfig(init=init, prompt_length="auto")  # type: ignore[arg-type]
    tokenizer = tiny_tokenizer()
    assert settle_length(config, tokenizer, QUESTION).length == len(encode_question(tokenizer, QUESTION))
    assert settle_length(config, tokenizer, "is").length == SHORTEST
    assert settle_length(config, tokenizer, "is it " * 200).length == LONGEST
    assert settle_length(config).length == TargetConfig().length
    assert settle_length(TargetConfig(prompt_length=9), tokenizer, QUESTION).length == 9


def test_an_unsettled_length_is_no_number() -> None:
    with pytest.raises(ValueError, match="got auto"):
        _ = TargetConfig(prompt_length="auto").length
