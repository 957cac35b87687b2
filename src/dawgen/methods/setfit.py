"""SetFit (Tunstall et al. 2022): a sentence encoder is trained to tell texts of one label from those of others, then
logistic regression on its vectors. The library itself does both; a pair is one text, its parts with the encoder's
separator between.

It trains on pairs of rows, their number grows with the square of the rows: one pass over them as the library has it,
cut at `baselines.setfit_steps` steps of 16.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.errors import ConfigError
from dawgen.methods.encoder_probe import check_encoder
from dawgen.methods.interface import Given
from dawgen.methods.spec import MethodSpec
from dawgen.records import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dawgen.data.items import Item
    from dawgen.models.load import Backbone

BATCH = 16  # pairs of rows in a step, the library's default
BODY_ROWS = 2000  # of more the library would list more pairs than memory holds; the head learns from all


class SetFit:
    """A trained SetFit model as a classifier of a task's items; only whole models could be kept, none is."""

    def __init__(self, model: Any, labels: Sequence[str]) -> None:
        import numpy as np

        self._model, self._classes = model, np.array(labels, dtype=object)
        self.trainable_ = sum(each.numel() for each in model.model_body.parameters())
        self.dev_accuracy_: float | None = None
        self.ended_: tuple[int, str] | None = None
        self.warnings_ = list[str]()
        self.temperature_: float | None = None
        self.tempered_: str | None = None

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        import numpy as np

        return np.asarray(self._classes[self.score_labels(items).argmax(1)])

    def score_labels(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K] in the order of the labels."""
        import numpy as np

        from dawgen.classifier.probe import LEAST
        from dawgen.data.items import as_examples

        texts = join_texts(self._model, as_examples(items))
        chances = np.zeros((len(texts), len(self._classes)))
        if texts:
            found = self._model.predict_proba(texts, as_numpy=True, show_progress_bar=False)
            chances[:, self._model.model_head.classes_] = found
        return np.asarray(np.log(np.maximum(chances, LEAST)), dtype=np.float32)

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items lose the end of their texts."""
        from dawgen.data.items import as_examples

        body = self._model.model_body
        texts = join_texts(self._model, as_examples(items))
        read = body.tokenizer(texts, truncation=False, verbose=False)["input_ids"] if texts else []
        return sum(len(ids) > body.max_seq_length for ids in read)

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write nothing: a whole encoder for each comparison would fill the disk."""


def fit_setfit(backbone: Backbone, given: Given) -> SetFit:
    """Train the encoder and its head on the real examples and, where there is a set, on the synthetic ones too."""
    import numpy as np
    from transformers import PrinterCallback

    from dawgen.classifier.rows import number_labels
    from dawgen.rng import numpy_rng

    library = import_setfit()
    rows = [*given.real, *(given.synthetic or ())]
    numbers = number_labels(rows, given.task.labels, "training rows")
    model = load_model(library, given, device=backbone.model.device.type)
    given.facts["encoder"] = given.baselines.encoder
    texts, drawn = join_texts(model, rows), np.arange(len(rows))
    if len(rows) > BODY_ROWS:  # the real rows and some of the others
        rng, first = numpy_rng(given.seed, "setfit rows"), min(len(given.real), BODY_ROWS)
        drawn = np.concatenate([drawn[:first], np.sort(rng.permutation(drawn[first:])[: BODY_ROWS - first])])
    body = [numbers[place] for place in drawn]
    steps = min(given.baselines.setfit_steps, ceil(count_pairs(body) / BATCH))
    with tempfile.TemporaryDirectory() as scratch, _contain():
        arguments = library.TrainingArguments(
            output_dir=scratch,
            batch_size=BATCH,
            max_steps=steps,
            seed=given.seed,
            show_progress_bar=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
        )
        trainer = library.Trainer(model=model, args=arguments)
        trainer.st_trainer.remove_callback(PrinterCallback)
        trainer.train_embeddings([texts[place] for place in drawn], body, args=arguments)
        trainer.train_classifier(texts, numbers, args=arguments)
    return SetFit(model, given.task.labels)


def count_pairs(numbers: Sequence[int]) -> int:
    """Return how many pairs of rows one pass of SetFit has: as many of one label as of two, the fewer ones repeated.

    With n_k rows of label k, in all n: 2 max(s, n (n + 1) / 2 - s) where s = sum_k n_k (n_k + 1) / 2.
    """
    same = sum(rows * (rows + 1) // 2 for rows in Counter(numbers).values())
    return 2 * max(same, len(numbers) * (len(numbers) + 1) // 2 - same)


def join_texts(model: Any, examples: Sequence[Example]) -> list[str]:
    """Return each example as one text."""
    between = f" {model.model_body.tokenizer.sep_token or '|'} "
    return [between.join(text for text in (each.text1, each.text2) if text is not None) for each in examples]


def load_model(library: Any, given: Given, *, device: str) -> Any:
    """Return SetFit's model around the encoder that the settings name.

    Raises:
        ModelError: the encoder cannot be found or read.
    """
    from sklearn.linear_model import LogisticRegression

    from dawgen.classifier.probe import ITERATIONS
    from dawgen.models.encoder import find_encoder
    from dawgen.models.library import load_library

    name = given.baselines.encoder
    body = load_library(name, find_encoder(name), device=device)
    return library.SetFitModel(body, LogisticRegression(max_iter=ITERATIONS), labels=list(given.task.labels))


def import_setfit() -> Any:
    """Return the module.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import setfit
    except ImportError as error:
        raise ConfigError(
            'setfit: expected the library of that name; install it with `pip install "dawgen[setfit]"`.'
        ) from error
    return setfit


def check_setfit(given: Given) -> None:
    """Raise ConfigError without the library, ModelError without the encoder."""
    from importlib.util import find_spec

    if find_spec("setfit") is None:
        import_setfit()
    check_encoder(given)


@contextmanager
def _contain() -> Iterator[None]:
    """The library seeds all global generators, prints what it does, and warns of memory that only accelerators have."""
    import logging
    import random
    import warnings

    import numpy as np
    import torch

    from dawgen.models.quiet import silence

    own, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002
    said = logging.getLogger("setfit")
    level = said.level
    said.setLevel(logging.ERROR)
    with torch.random.fork_rng(), warnings.catch_warnings(), silence():
        warnings.filterwarnings("ignore", message="'pin_memory' argument")
        try:
            yield
        finally:
            said.setLevel(level)
            random.setstate(own)
            np.random.set_state(arrays)  # noqa: NPY002


SPECS = (
    MethodSpec(
        name="setfit",
        fit=fit_setfit,
        place=39,
        family="sentence encoder",
        trains=("encoder", "head"),
        asks=False,
        encodes=True,
        settings=("encoder", "setfit_steps"),
        check=check_setfit,
    ),
    MethodSpec(
        name="setfit_synthetic",
        fit=fit_setfit,
        place=119,
        family="sentence encoder",
        trains=("encoder", "head"),
        asks=False,
        encodes=True,
        schedule="pooled",
        rows="set",
        way="setfit",
        settings=("encoder", "setfit_steps"),
        check=check_setfit,
    ),
)
