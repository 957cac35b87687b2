"""The benchmark of prompts behind the text: both sides do the work that its lines name."""

from pathlib import Path

import pytest
import torch

from benchmarks.speed import placement
from benchmarks.speed.harness import Setup
from benchmarks.speed.placement import Case, ask, compare_grid, compare_steps, compare_training, serve
from dawgen.classifier.scorer import Scorer

SHORT = Setup(pairs=1)


def test_the_kept_texts_give_the_scores_of_whole_sequences() -> None:
    case = Case.of(SHORT, "tiny", 12, (3, 3, 4))
    scorer, embed = case.ask(behind=True), case.backbone.model.get_input_embeddings()
    for row, found in zip(case.test.ids, scorer.score(case.test.ids, case.start), strict=True):
        whole = torch.cat([embed(torch.tensor(row)), case.start])[None]
        logits = case.backbone.model(inputs_embeds=whole).logits[0, -1, list(scorer.words.single or ())]
        torch.testing.assert_close(found, logits.log_softmax(-1), atol=1e-5, rtol=0)
    assert not torch.allclose(
        case.ask(behind=False).score(case.test.ids, case.start), scorer.score(case.test.ids, case.start)
    )


def test_a_step_reads_no_text_and_a_training_reads_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Scorer] = []
    ask_plainly = Case.ask
    monkeypatch.setattr(
        Case, "ask", lambda case, *, behind: asked.append(ask_plainly(case, behind=behind)) or asked[-1]
    )
    lines = compare_steps(SHORT, "tiny", 60, 2)
    assert [line.target for line in lines] == [3, 3] and lines[1].against.startswith("PEFT")
    assert asked[0].texts is not None and asked[0].texts.counts["read"] == 4
    asked.clear()
    assert compare_training(SHORT, "tiny", 12).target == 2
    reads = [scorer.texts.counts["read"] for scorer in asked if scorer.texts is not None]
    assert reads == [placement.ROWS] * 2  # once unmeasured, once measured
    asked.clear()
    assert compare_grid(SHORT, "tiny", 12).target == 3
    reads = [scorer.texts.counts["read"] for scorer in asked if scorer.texts is not None]
    assert reads == [placement.ROWS + placement.TESTED] * 2


def test_a_training_takes_each_row_as_often_as_one_of_150_steps_on_1000_rows() -> None:
    assert pytest.approx(150 * 32 / 1000) == placement.STEPS * 2 * placement.BATCH / placement.ROWS


def test_the_service_answers_alike_in_one_request_and_in_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import http.client

    monkeypatch.setattr(placement, "PROMPTS", 3)
    with serve("mini-t5", tmp_path, 1) as address:
        line = http.client.HTTPConnection(address)
        together = ask(line, {"prompts": ["p0", "p1", "p2"], "inputs": ["a man"]})["answers"]
        for answer in together:
            alone = ask(line, {"prompt": answer["prompt"], "inputs": ["a man"]})
            assert answer["results"][0]["probabilities"] == pytest.approx(
                alone["results"][0]["probabilities"], abs=1e-5
            )
        line.close()
