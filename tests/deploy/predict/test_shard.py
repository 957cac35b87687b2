"""The rows of one shard: those of the classifier, wherever the prompt stands, with no text kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.predict.shard import hold_prompt, label_rows
from support.targets import make_backbone, make_pairs, make_task


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_a_prompt_behind_the_text_labels_a_file_without_keeping_its_texts(kind: Any, tmp_path: Path) -> None:
    rows = make_pairs(40, 5)
    options: dict[str, Any] = {"prompt_length": 3, "steps": 3, "batch_size": 4, "placement": "behind"}
    fitted = PromptClassifier(make_backbone(kind), make_task(), **options).fit(make_pairs(8))
    fitted.save(tmp_path / "bundle")
    loaded = PromptClassifier.load(tmp_path / "bundle", make_backbone(kind))
    found = label_rows(hold_prompt(loaded), rows)
    wanted = np.exp(fitted.scorer_.score_examples(rows, fitted.prompt_))
    assert found["labels"] == wanted.argmax(1).tolist()
    assert found["probabilities"] == pytest.approx(wanted.max(1).tolist(), abs=1e-5)
    assert loaded.scorer_.texts is None and fitted.scorer_.texts is not None
