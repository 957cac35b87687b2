"""Names of several tokens: against whole sequences under the full head, one label at a time; length, order, memory."""

from typing import Any

import pytest
import torch
from torch import Tensor

from dawgen.classifier import context, names
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.names import plant, rate
from dawgen.models.load import Backbone
from dawgen.rng import python_rng
from support.families import FAMILIES, NAMES, Ids, build, draw_prompt, draw_rows
from support.targets import TARGETS, make_backbone, make_scorer, wrap
from support.tiny import tiny_model


def draw_names(count: int, seed: int = 0) -> Ids:
    """Return different names of one to five tokens, many of which begin alike."""
    rng = python_rng(seed, "names")
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        found[tuple(rng.randrange(8, 20) for _ in range(rng.randint(1, 5)))] = None
    return tuple(found)


def score_plainly(
    backbone: Backbone, row: list[int], prompt: Tensor, ids: Ids, begin: tuple[int, ...] = (0,)
) -> Tensor:
    """Return label log-probabilities [K] by the formula: each name alone, in one sequence, under the full head."""
    model, found = backbone.model, []
    embed = model.get_input_embeddings()
    for name in ids:
        if backbone.kind == "seq2seq":
            inputs = torch.cat([prompt, embed(torch.tensor(row))])[None]
            start = (model.config.decoder_start_token_id,) if begin == (0,) else begin
            decoded = torch.tensor([[*start, *name[:-1]]])
            logits = model(inputs_embeds=inputs, decoder_input_ids=decoded).logits[0, len(start) - 1 :]
        else:
            inputs = torch.cat([prompt, embed(torch.tensor([*row, *name[:-1]]))])[None]
            logits = model(inputs_embeds=inputs).logits[0, len(prompt) + len(row) - 1 :]
        found.append(torch.log_softmax(logits, -1)[torch.arange(len(name)), list(name)].mean())
    return torch.log_softmax(torch.stack(found), 0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", [0, 3])
def test_names_equal_whole_sequences_under_the_full_head(family: str, length: int) -> None:
    backbone, prompt, rows = build(family), draw_prompt(length), draw_rows()
    scores = make_scorer(backbone, NAMES).score(rows, prompt)
    wanted = torch.stack([score_plainly(backbone, row, prompt, NAMES) for row in rows])
    torch.testing.assert_close(scores, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(len(rows)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [77, 150])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_many_names_equal_whole_sequences(kind: Any, count: int) -> None:
    backbone, prompt, rows, ids = make_backbone(kind), draw_prompt(), draw_rows((4, 11)), draw_names(count)
    scores = make_scorer(backbone, ids).score(rows, prompt)
    wanted = torch.stack([score_plainly(backbone, row, prompt, ids) for row in rows])
    torch.testing.assert_close(scores, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_equal_those_of_the_plain_formula(family: str) -> None:
    backbone, prompt, rows, labels = build(family), draw_prompt(), draw_rows(), [4, 2, 0, 1]
    found, losses = differentiate(make_scorer(backbone, NAMES), prompt, rows, labels, (1, 3), smoothing=0.1)
    leaf = prompt.clone().requires_grad_()
    scores = torch.stack([score_plainly(backbone, row, leaf, NAMES) for row in rows])
    plain = -0.9 * scores[torch.arange(4), labels] - 0.1 * scores.mean(1)
    torch.testing.assert_close(losses, plain.detach(), rtol=1e-5, atol=1e-5)
    for group, own in enumerate((slice(0, 1), slice(1, 4))):
        wanted = torch.autograd.grad(plain[own].mean(), leaf, retain_graph=True)[0]
        assert float((found[group] - wanted).norm() / wanted.norm()) < 2e-5


@pytest.mark.parametrize("family", ["llama", "t5", "mistral"])
@pytest.mark.parametrize("room", [1, 400_000])
def test_chunks_change_neither_scores_nor_gradients(family: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, prompt, rows, ids = build(family), draw_prompt(), draw_rows(), draw_names(30)
    scorer, labels = make_scorer(backbone, ids), [3, 12, 29, 0]
    scores, wanted = scorer.score(rows, prompt), differentiate(scorer, prompt, rows, labels, (4,))
    monkeypatch.setitem(names.ROOM, "cpu", room)
    torch.testing.assert_close(scorer.score(rows, prompt), scores, rtol=0, atol=1e-5)
    for found, whole in zip(differentiate(scorer, prompt, rows, labels, (4,)), wanted, strict=True):
        assert float((found - whole).norm() / whole.norm()) < 1e-5
    again = differentiate(scorer, prompt, rows, labels, (4,))
    assert all(torch.equal(a, b) for a, b in zip(again, differentiate(scorer, prompt, rows, labels, (4,)), strict=True))


@pytest.mark.parametrize("family", context.TREES)
def test_one_tree_equals_a_batch_of_paths(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, prompt, rows, ids = build(family), draw_prompt(), draw_rows(), draw_names(30)
    scorer, labels = make_scorer(backbone, ids), [3, 12, 29, 0]
    scores, (wanted, _) = scorer.score(rows, prompt), differentiate(scorer, prompt, rows, labels, (4,))
    monkeypatch.setattr(context, "TREES", ())
    torch.testing.assert_close(scorer.score(rows, prompt), scores, rtol=0, atol=1e-5)
    found, _ = differentiate(scorer, prompt, rows, labels, (4,))
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5


@pytest.mark.parametrize("family", ["llama", "t5"])
@pytest.mark.parametrize("room", [1, 2**31])
def test_a_chunk_is_computed_once_and_once_more_for_its_gradient(
    family: str, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setitem(names.ROOM, "cpu", room)
    monkeypatch.setattr(names, "go_on", lambda *given: calls.append(given) or context.go_on(*given))
    rows, ids = draw_rows(), draw_names(6)
    differentiate(make_scorer(build(family), ids), draw_prompt(), rows, [0, 1, 2, 3], (4,))
    chunks = len(rows) * len(plant(ids).paths)
    assert len(calls) == (2 * chunks if room == 1 else 1)


def test_the_sentinel_stands_before_the_name() -> None:
    backbone, prompt, row = make_backbone("t5"), draw_prompt(), draw_rows((6,))[0]
    scores = make_scorer(backbone, NAMES, sentinel=True).score([row], prompt)[0]
    torch.testing.assert_close(scores, score_plainly(backbone, row, prompt, NAMES, (0, 4)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_batches_and_the_order_of_labels_change_nothing(family: str) -> None:
    backbone, prompt, rows = build(family), draw_prompt(), draw_rows()
    scorer = make_scorer(backbone, NAMES)
    alone = torch.cat([scorer.score([row], prompt) for row in rows])
    for budget in (1, 30, 8192):
        torch.testing.assert_close(scorer.score(rows, prompt, token_budget=budget), alone, rtol=0, atol=1e-5)
    turned = make_scorer(backbone, NAMES[::-1]).score(rows, prompt)
    torch.testing.assert_close(turned.flip(1), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", TARGETS)
def test_single_tokens_score_as_names_of_one_token(kind: Any) -> None:
    backbone, prompt, rows = make_backbone(kind), draw_prompt(), draw_rows()
    single = make_scorer(backbone, (82, 12, 40)).score(rows, prompt)
    wanted = torch.stack([score_plainly(backbone, row, prompt, ((82,), (12,), (40,))) for row in rows])
    torch.testing.assert_close(single, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama", "t5"])
def test_no_name_wins_or_loses_by_its_length(family: Any) -> None:
    """Where every token is as likely as every other, every label is as likely as every other."""
    backbone = wrap(tiny_model(family), "seq2seq" if family == "t5" else "causal")
    backbone.model.get_output_embeddings().weight.data.zero_()
    ids = draw_names(40)
    assert len({len(name) for name in ids}) > 3
    scores = make_scorer(backbone, ids).score(draw_rows(), draw_prompt())
    torch.testing.assert_close(scores.exp(), torch.full_like(scores, 1 / 40), rtol=0, atol=1e-6)


def test_a_name_that_begins_another_does_not_always_win() -> None:
    likely, unlikely = -0.1, -4.0
    steps = torch.tensor([[[-1.0, 0.0], [-1.0, likely]], [[-1.0, 0.0], [-1.0, unlikely]]])
    assert rate(steps, torch.tensor([1, 2])).argmax(1).tolist() == [1, 0]


def test_a_tree_has_every_beginning_once() -> None:
    tree = plant(NAMES)
    assert tree.paths == ((25, 17, 9, 61), (12, 40))
    assert sum(map(len, tree.edges)) == len({name[:end] for name in NAMES for end in range(1, len(name) + 1)})
    flat = [token for own in tree.edges for _, token in own]
    assert tuple(tuple(flat[edge] for edge in line) for line in tree.lines) == NAMES
    assert tree.size == 6 and plant(((5,), (7,))).size == 0
