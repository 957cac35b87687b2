"""The prompt behind the text: kept texts against one whole sequence, for every family, every length and every way."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dawgen.classifier import gradients
from dawgen.classifier.behind import check_behind, gather, read_apart
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.scorer import Scorer
from dawgen.config import TargetConfig
from dawgen.errors import ConfigError
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts
from support.families import FAMILIES, NAMES, build, draw_prompt, draw_rows
from support.targets import LABELS, make_backbone, make_chat_backbone, make_pairs, make_scorer, make_task

WINDOWS = ("mistral", "mamba")  # what keeps anything else than keys and values of the whole text
KEEPING = [family for family in FAMILIES if family not in WINDOWS]
IDS = ((82,), (12,), (40,))
COUNTS = (3, 2)


def make_behind(backbone: Backbone, ids: Any = IDS, *, kept: bool = True, sentinel: bool = False) -> Scorer:
    texts = ReadTexts("test") if kept else None
    return replace(make_scorer(backbone, ids, sentinel=sentinel), placement="behind", texts=texts)


def score_plainly(scorer: Scorer, row: Sequence[int], prompt: Tensor) -> Tensor:
    """Return label log-probabilities [K]: each name alone, text and prompt in one sequence, under the full head."""
    backbone, found = scorer.backbone, []
    model, tail = backbone.model, list(scorer.tail)
    embed = model.get_input_embeddings()
    row = [*scorer.front, *row]
    for name in scorer.words.ids:
        if backbone.kind == "seq2seq":
            start = [model.config.decoder_start_token_id]
            behind = [*([backbone.tokenizer.convert_tokens_to_ids("<extra_id_0>")] * scorer.decoder_sentinel)]
            asked = model.get_decoder().get_input_embeddings()
            parts = [asked(torch.tensor(start)), prompt, asked(torch.tensor([*behind, *name[:-1]], dtype=torch.long))]
            logits = model(
                inputs_embeds=embed(torch.tensor([row])), decoder_inputs_embeds=torch.cat(parts)[None]
            ).logits[0]
        else:
            parts = [embed(torch.tensor(row)), prompt, embed(torch.tensor([*tail, *name[:-1]], dtype=torch.long))]
            logits = model(inputs_embeds=torch.cat(parts)[None]).logits[0]
        steps = torch.log_softmax(logits[len(logits) - len(name) :], -1)
        found.append(steps[torch.arange(len(name)), list(name)].mean())
    return torch.log_softmax(torch.stack(found), 0)


@pytest.mark.parametrize("family", KEEPING)
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "read anew"])
@pytest.mark.parametrize("ids", [IDS, NAMES], ids=["tokens", "names"])
def test_kept_texts_equal_whole_sequences_under_the_full_head(family: str, kept: bool, ids: Any) -> None:
    scorer, rows = make_behind(build(family), ids, kept=kept), draw_rows()
    for length in (0, 3):
        prompt = draw_prompt(length)
        wanted = torch.stack([score_plainly(scorer, row, prompt) for row in rows])
        torch.testing.assert_close(scorer.score(rows, prompt), wanted, rtol=0, atol=1e-5)
        again = scorer.score(rows[::-1], prompt, token_budget=8)
        torch.testing.assert_close(again.flip(0), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_without_prompt_and_tail_the_texts_own_last_state_answers(family: str) -> None:
    scorer = replace(make_behind(build(family)), template="{text1}")
    assert scorer.tail == ()
    rows, prompt = draw_rows(), draw_prompt(0)
    wanted = torch.stack([score_plainly(scorer, row, prompt) for row in rows])
    torch.testing.assert_close(scorer.score(rows, prompt), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["t5", "fused t5"])
def test_a_sentinel_stands_behind_the_prompt_in_the_decoder(family: str) -> None:
    scorer, rows, prompt = make_behind(build(family), sentinel=True), draw_rows(), draw_prompt()
    wanted = torch.stack([score_plainly(scorer, row, prompt) for row in rows])
    torch.testing.assert_close(scorer.score(rows, prompt), wanted, rtol=0, atol=1e-5)
    assert not torch.allclose(make_behind(scorer.backbone).score(rows, prompt), wanted, atol=1e-3)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_a_chat_templates_opening_is_read_with_the_text_and_its_closing_behind_the_prompt(family: Any) -> None:
    backbone = make_chat_backbone(family)
    scorer = Scorer.of(backbone, make_task(), TargetConfig(placement="behind"), prompt_length=3)
    assert scorer.front and scorer.tail == tuple(
        backbone.tokenizer(" answer" + scorer.chat.closing, add_special_tokens=False)["input_ids"]
    )
    rendered = scorer.render(make_pairs(4))
    assert all("answer" not in backbone.tokenizer.decode(row) for row in rendered.ids)
    prompt = draw_prompt()
    wanted = torch.stack([score_plainly(scorer, row, prompt) for row in rendered.ids])
    torch.testing.assert_close(scorer.score(rendered.ids, prompt), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", KEEPING)
@pytest.mark.parametrize("ids", [IDS, NAMES], ids=["tokens", "names"])
def test_gradients_of_groups_and_of_single_rows_equal_those_of_whole_sequences(
    family: str, ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, rows, labels = make_behind(build(family), ids), draw_rows((3, 17, 9, 1, 30)), [0, 1, 2, 0, 1]
    prompt = draw_prompt()
    leaves = [prompt.clone().requires_grad_() for _ in rows]
    losses = [-score_plainly(scorer, row, leaf)[y] for row, leaf, y in zip(rows, leaves, labels, strict=True)]
    single = torch.stack(torch.autograd.grad(torch.stack(losses).sum(), leaves))
    found, lost = differentiate(scorer, prompt, rows, labels, COUNTS)
    wanted = torch.stack([part.mean(0) for part in torch.split(single, COUNTS)])
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5
    torch.testing.assert_close(lost, torch.stack(losses).detach(), rtol=0, atol=1e-5)
    each, _ = differentiate(scorer, prompt, rows, labels, [1] * len(rows))
    assert float((each - single).norm() / single.norm()) < 1e-5
    monkeypatch.setattr(gradients, "batch_rows", lambda lengths, _: [[row] for row in range(len(lengths))])
    alone, _ = differentiate(scorer, prompt, rows, labels, COUNTS)
    assert float((alone - wanted).norm() / wanted.norm()) < 1e-5


@pytest.mark.parametrize("family", KEEPING)
def test_what_is_kept_of_a_text_does_not_depend_on_other_texts(family: str) -> None:
    backbone, rows = build(family), [tuple(row) for row in draw_rows()]
    together = read_apart(backbone, rows)
    assert all(torch.equal(read_apart(backbone, [row])[0], kept) for row, kept in zip(rows, together, strict=True))
    reading = gather(together, backbone.model.device)
    assert reading.mask.sum(1).tolist() == [len(row) for row in rows]


@pytest.mark.parametrize("family", WINDOWS)
def test_a_model_that_keeps_no_whole_text_is_refused_with_what_to_do(family: str) -> None:
    with pytest.raises(ConfigError, match="Set target.placement to before"):
        check_behind(build(family))
    with pytest.raises(ConfigError, match="placement behind"):
        Scorer.of(build(family), make_task(), TargetConfig(placement="behind"))


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_a_resumed_training_ends_in_the_same_bytes_whatever_was_read_before(kind: Any, tmp_path: Path) -> None:
    real, synthetic, dev = make_pairs(8, 1), make_pairs(20, 2), make_pairs(6, 3)

    def train(steps_seen: int | None = None, **options: Any) -> PromptClassifier:
        backbone = replace(make_backbone(kind))  # which has read nothing yet
        assert len(backbone.texts) == 0
        seen = 0

        def log(_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == steps_seen:
                raise KeyboardInterrupt

        classifier = PromptClassifier(
            backbone, make_task(), placement="behind", prompt_length=4, steps=40, batch_size=4, granularity="example"
        )
        return classifier.fit(real, synthetic=synthetic, dev=dev, log=log, **options)

    whole = train()
    assert 0 < len(whole.backbone_.texts) <= 8 + 20 + 6
    with pytest.raises(KeyboardInterrupt):
        train(30, checkpoint=tmp_path / "checkpoint.pt")
    resumed = train(checkpoint=tmp_path / "checkpoint.pt")
    assert torch.equal(resumed.prompt_, whole.prompt_)
    again = PromptClassifier(**whole.get_params())
    read = whole.backbone_.texts.counts["read"]
    assert torch.equal(again.fit(real, synthetic=synthetic, dev=dev).prompt_, whole.prompt_)
    assert whole.backbone_.texts.counts["read"] == read


@pytest.mark.parametrize("kind", ["t5", "ctrl", "llama"])
def test_training_behind_learns_and_its_bundle_comes_back(kind: Any, tmp_path: Path) -> None:
    rows = make_pairs(24)
    options = {"placement": "behind", "prompt_length": 4, "steps": 60, "batch_size": 8, "schedule": "real"}
    losses: list[float] = []
    classifier = PromptClassifier(make_backbone(kind), make_task(), **options)
    classifier.fit(rows, log=lambda record: losses.append(record["loss_real"]))
    assert sum(losses[-10:]) < 0.97 * sum(losses[:10])
    classifier.save(tmp_path / "bundle")
    loaded = PromptClassifier.load(tmp_path / "bundle", make_backbone(kind))
    assert loaded.placement == "behind" and loaded.scorer_.tail == classifier.scorer_.tail
    torch.testing.assert_close(
        torch.from_numpy(loaded.predict_log_proba(rows)),
        torch.from_numpy(classifier.predict_log_proba(rows)),
        rtol=0,
        atol=1e-5,
    )
    assert classifier.classes_.tolist() == sorted(LABELS)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_long_rows_leave_room_for_prompt_and_tail_in_the_window(kind: Any) -> None:
    backbone = make_backbone(kind)
    task = make_task(template="{text1} and {text2} so the answer is {mask}")
    long = [replace(pair, text1=" ".join(["dog"] * 300)) for pair in make_pairs(2)]
    scorer = Scorer.of(backbone, task, TargetConfig(placement="behind", max_tokens=60), prompt_length=30)
    rendered = scorer.render(long)
    assert rendered.cut == 2
    sizes = {len(row) + len(scorer.tail) for row in rendered.ids}
    assert max(sizes) <= 60 and (kind == "t5" or max(sizes) <= 96 - 30)
    assert torch.isfinite(scorer.score(rendered.ids, draw_prompt(30))).all()
