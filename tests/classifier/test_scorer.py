"""The scorer: label words against the full head, padding, batches, and a prompt of its own for each row."""

from dataclasses import replace

import pytest
import torch

from dawgen.classifier.head import score_words
from dawgen.classifier.scorer import Scorer
from dawgen.config import TargetConfig
from dawgen.methods.zero_shot import predict_zero_shot
from dawgen.models.chat import NO_CHAT
from dawgen.models.load import Backbone
from dawgen.prompt.question import encode_question
from support.targets import TARGETS, make_backbone, make_chat_backbone, make_pairs, make_scorer, make_task, wrap
from support.tiny import Kind, tiny_t5, tiny_tokenizer

WORDS = [82, 12, 40]
TEXTS = [
    "a dog is sleeping",
    "somebody",
    "the man in the park is eating a red apple and the woman sees it",
    "no dog is",
]


def encode(backbone: Backbone, texts: list[str] = TEXTS) -> list[list[int]]:
    end = [1] if backbone.kind == "seq2seq" else []
    return [tiny_tokenizer()(text)["input_ids"] + end for text in texts]


def draw_prompt(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def score_with_full_head(backbone: Backbone, ids: list[int], prompt: torch.Tensor) -> torch.Tensor:
    model = backbone.model
    inputs = torch.cat([prompt, model.get_input_embeddings()(torch.tensor(ids))])[None]
    options = {"decoder_input_ids": torch.tensor([[0]])} if backbone.kind == "seq2seq" else {}
    logits = model(inputs_embeds=inputs, **options).logits[0, -1]
    return torch.log_softmax(logits[WORDS], -1)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("length", [0, 3])
def test_label_words_equal_the_full_head(kind: Kind, length: int) -> None:
    backbone = make_backbone(kind)
    prompt = draw_prompt(length, 32)
    scores = make_scorer(backbone).score(encode(backbone), prompt)
    wanted = [score_with_full_head(backbone, ids, prompt) for ids in encode(backbone)]
    torch.testing.assert_close(scores, torch.stack(wanted), rtol=0, atol=2e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_t5_heads_with_and_without_scaling(tied: bool) -> None:
    model = tiny_t5(tie_word_embeddings=tied)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(draw_prompt(*model.lm_head.weight.shape), requires_grad=False)
    assert model.config.scale_decoder_outputs is tied
    backbone, prompt = wrap(model), draw_prompt(3, 32)
    scores = make_scorer(backbone).score(encode(backbone), prompt)
    wanted = [score_with_full_head(backbone, ids, prompt) for ids in encode(backbone)]
    torch.testing.assert_close(scores, torch.stack(wanted), rtol=0, atol=2e-5)


def test_a_bias_of_the_head_counts() -> None:
    backbone = make_backbone("ctrl", seed=5)
    bias, hidden = backbone.model.lm_head.bias, draw_prompt(2, 32)
    before = score_words(backbone, hidden, WORDS)
    bias[WORDS[0]] += 2.0
    after = score_words(backbone, hidden, WORDS)
    bias[WORDS[0]] -= 2.0
    torch.testing.assert_close(after - before, torch.tensor([[2.0, 0.0, 0.0]] * 2))


@pytest.mark.parametrize("kind", TARGETS)
def test_padding_and_batches_change_nothing(kind: Kind) -> None:
    backbone, prompt = make_backbone(kind), draw_prompt(4, 32)
    rows = encode(backbone)
    scorer = make_scorer(backbone)
    alone = torch.cat([scorer.score([row], prompt) for row in rows])
    for budget in (1, 30, 8192):
        torch.testing.assert_close(scorer.score(rows, prompt, token_budget=budget), alone, atol=2e-5, rtol=0)
    flipped = scorer.score(rows[::-1], prompt, token_budget=30)
    torch.testing.assert_close(flipped.flip(0), alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", TARGETS)
def test_rows_may_have_prompts_of_their_own(kind: Kind) -> None:
    backbone = make_backbone(kind)
    scorer, rows = make_scorer(backbone), encode(backbone)
    prompts = [draw_prompt(3, 32, seed=place) for place in range(len(rows))]
    together = scorer.score_batch(rows, torch.stack(prompts))
    alone = [scorer.score([row], prompt) for row, prompt in zip(rows, prompts, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), atol=2e-5, rtol=0)


def test_the_sentinel_switch_moves_the_answer_behind_the_sentinel() -> None:
    backbone, prompt = make_backbone("t5"), draw_prompt(3, 32)
    ids = encode(backbone)[0]
    inputs = torch.cat([prompt, backbone.model.shared(torch.tensor(ids))])[None]
    full = backbone.model(inputs_embeds=inputs, decoder_input_ids=torch.tensor([[0, 4]])).logits[0, -1]
    scores = make_scorer(backbone, sentinel=True).score([ids], prompt)[0]
    torch.testing.assert_close(scores, torch.log_softmax(full[WORDS], -1), atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("length", [0, 5])
def test_a_chat_templates_opening_is_a_prompt_before_the_prompt(kind: Kind, length: int) -> None:
    backbone, task, pairs = make_chat_backbone(kind), make_task(), make_pairs(6)
    scorer = Scorer.of(backbone, task, TargetConfig(), prompt_length=length)
    prompt = torch.randn(length, 32, generator=torch.Generator().manual_seed(3))
    assert scorer.front and scorer.chat.closing == "</u><a>"
    before = backbone.model.get_input_embeddings()(torch.tensor(scorer.front))
    whole = torch.cat([before, prompt])
    assert torch.equal(scorer.put_front(prompt), whole)
    assert torch.equal(scorer.put_front(prompt.expand(4, -1, -1)), whole.expand(4, -1, -1))
    rows, plain = scorer.render(pairs).ids, replace(scorer, chat=NO_CHAT)
    wanted = plain.score(rows, whole)
    torch.testing.assert_close(scorer.score(rows, prompt), wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(scorer.score_batch(rows, prompt), wanted, atol=1e-5, rtol=0)
    assert not torch.allclose(plain.score(rows, prompt), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_a_question_in_a_chat_template_is_what_the_model_reads_as_text(kind: Kind) -> None:
    backbone, task, pairs = make_chat_backbone(kind), make_task(question="is it the same ?"), make_pairs(3)
    config = TargetConfig(init="question", prompt_length="auto")
    scores = predict_zero_shot(backbone, task, pairs, config)
    scorer, question = Scorer.of(backbone, task, config), encode_question(backbone.tokenizer, "is it the same ?")
    for row, found in zip(scorer.render(pairs).ids, scores, strict=True):
        logits = backbone.model(input_ids=torch.tensor([[*scorer.front, *question, *row]])).logits[0, -1]
        wanted = torch.log_softmax(logits[list(scorer.words.single or ())], -1)
        torch.testing.assert_close(torch.from_numpy(found), wanted, atol=1e-5, rtol=0)


def test_the_opening_counts_in_the_window() -> None:
    backbone, config = make_chat_backbone("gpt2"), TargetConfig(prompt_length=20)
    chat, plain = (
        Scorer.of(backbone, make_task(), config.model_copy(update={"chat": chat}), prompt_length=20)
        for chat in ("auto", False)
    )
    assert plain.max_tokens - chat.max_tokens == len(chat.front) > 0
    assert len(chat.front) + 20 + chat.max_tokens == backbone.model.config.max_position_embeddings
