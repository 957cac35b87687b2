"""scikit-learn's own tools on the classifier, and its own checks with those that texts cannot pass."""

import re
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from support.targets import make_backbone, make_pairs, make_task
from support.tiny import save_tiny

SMALL: dict[str, Any] = {"prompt_length": 3, "steps": 2, "batch_size": 4, "device": "cpu"}
PAIRS = [(pair.text1, str(pair.text2)) for pair in make_pairs(12, 1)]
LABELS = [str(pair.label) for pair in make_pairs(12, 1)]
TEXTS = [first for first, _ in PAIRS]


def make(**changes: Any) -> PromptClassifier:
    return PromptClassifier(make_backbone(), make_task(), **(SMALL | changes))


def make_single(**changes: Any) -> PromptClassifier:
    return PromptClassifier(make_backbone(), **(SMALL | changes))


FORMS = {
    "list of tuples": PAIRS,
    "list of lists": [list(pair) for pair in PAIRS],
    "tuple": tuple(PAIRS),
    "array": np.array(PAIRS),
    "object array": np.array(PAIRS, dtype=object),
    "frame": pd.DataFrame(PAIRS, columns=["text1", "text2"]),
    "frame with more": pd.DataFrame([(n, *pair) for n, pair in enumerate(PAIRS)], columns=["id", "text1", "text2"]),
    "shuffled index": pd.DataFrame(PAIRS, columns=["text1", "text2"], index=range(11, -1, -1)),
    "examples": make_pairs(12, 1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("labels", [LABELS, np.array(LABELS), pd.Series(LABELS, index=range(5, 17)), tuple(LABELS)])
def test_every_form_of_texts_and_labels_is_the_same_training(form: str, labels: Any) -> None:
    fitted = make().fit(FORMS[form], labels)
    plain = make().fit(make_pairs(12, 1))
    assert fitted.predict(FORMS[form]).tolist() == plain.predict(PAIRS).tolist()
    np.testing.assert_array_equal(fitted.prompt_, plain.prompt_)
    assert fitted.score(FORMS[form], labels) == plain.score(make_pairs(12, 1))


SINGLE = {
    "list": TEXTS,
    "numpy texts": [np.str_(text) for text in TEXTS],
    "array": np.array(TEXTS),
    "column of an array": np.array(TEXTS)[:, None],
    "series": pd.Series(TEXTS),
    "strings of pandas": pd.Series(TEXTS, dtype="string"),
    "categories": pd.Series(TEXTS, dtype="category"),
    "index": pd.Index(TEXTS),
    "frame text": pd.DataFrame({"text": TEXTS, "score": 1.5}),
    "frame text1": pd.DataFrame({"text1": TEXTS}),
}


@pytest.mark.parametrize("form", SINGLE)
def test_every_form_of_single_texts_is_read(form: str) -> None:
    labels = ["no" if label == "same" else "yes" for label in LABELS]
    fitted = make_single().fit(SINGLE[form], labels)
    assert fitted.predict(SINGLE[form]).tolist() == make_single().fit(TEXTS, labels).predict(TEXTS).tolist()


KINDS = {
    "int": [10, 2],
    "numpy int": [np.int64(10), np.int8(2)],
    "negative": [-1, 1],
    "bool": [True, False],
    "numpy bool": [np.True_, np.False_],
    "float": [1.0, 0.0],
    "text": ["dog", "bird"],
    "numpy text": [np.str_("dog"), np.str_("bird")],
}


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_come_back_in_the_labels_own_kind(kind: str) -> None:
    values = [KINDS[kind][number % 2] for number in range(12)]
    fitted = make_named(values)
    assert fitted.classes_.tolist() == sorted({value.item() if hasattr(value, "item") else value for value in values})
    predicted = fitted.predict(PAIRS)
    assert {type(value) for value in predicted.tolist()} <= {type(value) for value in fitted.classes_.tolist()}
    assert fitted.score(PAIRS, values) == np.mean([a == b for a, b in zip(predicted.tolist(), values, strict=True)])
    assert fitted.predict_proba(PAIRS).argmax(1).tolist() == [fitted.classes_.tolist().index(p) for p in predicted]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_keeps_the_kind_of_labels(kind: str, tmp_path: Path) -> None:
    values = [KINDS[kind][number % 2] for number in range(12)]
    fitted = make_named(values, str(save_tiny("t5", tmp_path / "t5")))
    fitted.save(tmp_path / "bundle")
    loaded = PromptClassifier.load(tmp_path / "bundle", device="cpu")
    assert loaded.classes_.tolist() == fitted.classes_.tolist()
    assert loaded.predict(PAIRS).tolist() == fitted.predict(PAIRS).tolist()
    assert loaded.score(PAIRS, values) == fitted.score(PAIRS, values)
    written = (tmp_path / "bundle" / "bundle.json").read_text()
    assert ("label_kind" in written) == (not kind.endswith("text"))  # bundles on texts are as before


def make_named(values: list[Any], model: Any = None) -> PromptClassifier:
    """Return a classifier on labels of any kind, whose words the tiny tokenizer has."""
    names = list(dict.fromkeys(str(int(v)) if isinstance(v, float) else str(v) for v in values))
    prompts = make_task().generator.model_copy(update={"prompts": dict.fromkeys(names, "x")})
    task = make_task(labels=tuple(names), label_words=dict(zip(names, ("yes", "no"), strict=True)), generator=prompts)
    return PromptClassifier(model or make_backbone(), task, **SMALL).fit(PAIRS, values)


class Odd(dict[str, str]):
    """A dictionary of another name."""


WRONG = {
    "None": (None, "got None"),
    "one text": ("a dog", "Put it in a list"),
    "bytes": (b"a dog", "got bytes"),
    "dictionary": ({"text1": TEXTS, "text2": TEXTS}, "got a dictionary"),
    "odd dictionary": (Odd(a="b"), "got a dictionary"),
    "set": (set(TEXTS), "a set, which has no order"),
    "generator": ((text for text in TEXTS), "a generator, which can be read once only"),
    "map": (map(str, TEXTS), "a map, which can be read once only"),
    "numbers": (np.ones((3, 2)), "an array of float64"),
    "ints in a list": ([1, 2], "item 0: expected an Example, a pair of texts or a text, got 1"),
    "None in a list": ([TEXTS[0], None], "item 1: .* got None"),
    "NaN in a list": ([TEXTS[0], float("nan")], "item 1: .* got nan"),
    "missing in a series": (pd.Series([TEXTS[0], None]), "item 1"),
    "missing in strings": (pd.Series([TEXTS[0], pd.NA], dtype="string"), "item 1"),
    "bytes in a list": ([b"a"], "item 0: .* got bytes"),
    "triples": ([("a", "b", "c")], "item 0"),
    "pair with None": ([("a", None)], "item 0, text2: expected a text, got None"),
    "pairs and singles": ([("a", "b"), "c"], "a pair .item 0. and a single text .item 1."),
    "lone surrogate": ([("a", "b \ud83d")], "lone surrogate '.ud83d' at character 2"),
    "three columns": (np.array([["a", "b", "c"]]), "got one of .1, 3."),
    "no dimension": (np.array("a"), "got one of"),
    "frame of other columns": (pd.DataFrame({"review": TEXTS}), "got the columns review"),
    "frame of text and text1": (pd.DataFrame({"text": TEXTS, "text1": TEXTS}), "got the columns text, text1"),
    "frame with a column twice": (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "got the columns text, text"),
    "frame of text2 alone": (pd.DataFrame({"text2": TEXTS}), "got the columns text2"),
    "one Example": (make_pairs(1)[0], "got one Example"),
    "a number": (3, "got 3"),
}


@pytest.fixture(scope="module")
def fitted() -> PromptClassifier:
    return make().fit(PAIRS, LABELS)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_list_of_texts_is_refused_by_name(name: str, fitted: PromptClassifier) -> None:
    items, said = WRONG[name]
    for call in (fitted.predict, fitted.predict_proba, fitted.count_cut, fitted.score):
        with pytest.raises(DataError, match=said):
            call(items)
    with pytest.raises(DataError, match=said):
        make().fit(items, LABELS)
    if name in ("generator", "map"):
        assert list(items) == TEXTS  # nothing was taken from it


WRONG_LABELS = {
    "too few": (LABELS[:-1], "expected as many labels as texts, got 11 for 12"),
    "NaN": ([*LABELS[:-1], float("nan")], "item 11: expected a label, got nan"),
    "NaN of ints": (pd.Series([1.0, float("nan")] * 6), "item 1: expected a label, got nan"),
    "None": ([*LABELS[:-1], None], "item 11: expected a label, got None"),
    "NA": (pd.Series([*LABELS[:-1], pd.NA], dtype="string"), "item 11: expected a label"),
    "fractions": ([0.5, 1.0] * 6, "continuous"),
    "infinity": ([np.inf, 1.0] * 6, "expected a label, got inf"),
    "two kinds": ([*LABELS[:-1], 3], "labels of one kind"),
    "ints and truth values": ([1, True] * 6, "labels of one kind"),
    "examples": (make_pairs(12), "A synthetic set is given by its name: fit.real, synthetic"),
    "a generator": ((label for label in LABELS), "a generator"),
    "a dictionary": (dict(enumerate(LABELS)), "a dictionary"),
    "a text": ("same", "one text"),
    "two columns": (np.array([LABELS, LABELS]).T, "one label for each text"),
    "frame of two columns": (pd.DataFrame({"a": LABELS, "b": LABELS}), "one column of labels"),
    "lists": ([["same"]] * 12, "expected a label, got"),
    "surrogate": ([*LABELS[:-1], "\udc80"], "lone surrogate"),
    "not the task's": (["same", "maybe"] * 6, "expected one of the labels same, different, got 'maybe'"),
    "numbers of a task of texts": ([0, 1] * 6, "expected labels of the task .same, different., got whole numbers"),
}


@pytest.mark.parametrize("name", WRONG_LABELS)
def test_labels_of_no_use_are_refused_by_name(name: str) -> None:
    labels, said = WRONG_LABELS[name]
    with pytest.raises(DataError, match=said):
        make().fit(PAIRS, labels)


def test_scores_against_labels_of_another_kind_are_refused(fitted: PromptClassifier) -> None:
    for labels in ([1, 0] * 6, [True, False] * 6, np.ones(12)):
        with pytest.raises(DataError, match="labels of the kind that fit was given"):
            fitted.score(PAIRS, labels)
    with pytest.raises(DataError, match="without a label"):
        fitted.score(PAIRS)
    weights = np.arange(12)
    right = np.array(fitted.predict(PAIRS)) == np.array(LABELS)
    assert fitted.score(PAIRS, LABELS, sample_weight=weights) == pytest.approx(np.average(right, weights=weights))


@pytest.mark.parametrize("examples", [PAIRS, TEXTS, [*make_pairs(3), PAIRS[0]], [Example("a", "b")]])
def test_texts_without_labels_need_y(examples: Any) -> None:
    with pytest.raises(DataError, match="expected an Example with its label"):
        make().fit(examples)
    for name in ("synthetic", "dev"):
        with pytest.raises(DataError, match=f"{name}, item .*: expected an Example with its label"):
            make().fit(PAIRS, LABELS, **{name: examples})


@pytest.mark.parametrize("empty", [[], (), np.array([], dtype=object), pd.Series([], dtype=object)])
def test_nothing_to_train_on_is_refused_and_nothing_to_predict_is_empty(empty: Any, fitted: PromptClassifier) -> None:
    for labels in (None, []):
        with pytest.raises((ConfigError, DataError), match="expected"):
            make().fit(empty, labels)
    assert fitted.predict(empty).shape == (0,) and fitted.predict_proba(empty).shape == (0, 2)
    with pytest.raises(DataError, match="expected labelled examples to score"):
        fitted.score(empty, [])


def test_an_unfitted_classifier_says_so() -> None:
    for call in (make().predict, make().predict_proba, make().predict_log_proba, make().score, make().count_cut):
        with pytest.raises(NotFittedError):
            call(PAIRS)
    with pytest.raises(NotFittedError):
        make().save("nowhere")


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta", "", 3, True, "cpu:x"])
def test_a_device_that_is_not_there_is_refused_before_the_model_is_loaded(device: Any) -> None:
    with pytest.raises(ConfigError, match="device: expected a device of this machine"):
        PromptClassifier("no-such-model", make_task(), device=device).fit(PAIRS, LABELS)


WRONG_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "model None": ({"model": None}, "target.model"),
    "model a number": ({"model": 3}, "target.model"),
    "task a name": ({"task": "mnli"}, "dawgen.Task.load"),
    "seed a text": ({"seed": "x"}, "seed: expected a whole number"),
    "seed a truth value": ({"seed": True}, "seed: expected a whole number"),
    "seed too large": ({"seed": 10**30}, "seed: expected a whole number"),
    "seed a fraction": ({"seed": 0.5}, "seed: expected a whole number"),
    "init_from a number": ({"init_from": 3}, "init_from"),
    "init_from an array": ({"init_from": np.ones((3, 32))}, "init_from"),
    "steps a truth value": ({"steps": True}, "target.steps"),
    "steps NaN": ({"steps": float("nan")}, "target.steps"),
    "rate infinite": ({"rate": np.inf}, "target.rate"),
    "patience a truth value": ({"patience": np.True_}, "target.patience"),
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_parameters_of_another_type_are_refused_by_name(name: str) -> None:
    changes, said = WRONG_PARAMETERS[name]
    with pytest.raises(ConfigError, match=said):
        PromptClassifier(**({"model": make_backbone(), "task": make_task()} | SMALL | changes)).fit(PAIRS, LABELS)


def test_numpy_numbers_are_settings() -> None:
    numbers = {"steps": np.int64(2), "prompt_length": np.int32(3), "rate": np.float32(0.2), "seed": np.int16(13)}
    fitted = make(**numbers, batch_size=np.uint8(4), decoder_sentinel=np.False_).fit(PAIRS, LABELS)
    np.testing.assert_array_equal(fitted.prompt_, make(rate=float(np.float32(0.2))).fit(PAIRS, LABELS).prompt_)


def test_a_failed_fit_leaves_a_fitted_classifier_as_it_was() -> None:
    once = make().fit(PAIRS, LABELS)
    before = once.predict_proba(PAIRS)
    with pytest.raises(DataError):
        once.fit(PAIRS, LABELS[:-1])
    with pytest.raises(DataError):
        once.fit(PAIRS, ["other"] * 12)
    np.testing.assert_array_equal(once.predict_proba(PAIRS), before)


@pytest.mark.parametrize("scoring", [None, "accuracy", "f1_macro", "neg_log_loss", "roc_auc"])
def test_cross_validation_scores_every_fold(scoring: str | None) -> None:
    scores = cross_val_score(make(), PAIRS, LABELS, cv=2, scoring=scoring, error_score="raise")
    assert np.isfinite(scores).all()
    frame = pd.DataFrame(PAIRS, columns=["text1", "text2"])
    again = cross_val_score(make(), frame, pd.Series(LABELS), cv=2, scoring=scoring, error_score="raise")
    np.testing.assert_array_equal(again, scores)


def test_columns_of_probabilities_are_in_the_order_that_scikit_learn_expects(fitted: PromptClassifier) -> None:
    labels = fitted.task_.labels
    assert fitted.classes_.tolist() == sorted(labels) != list(labels)
    with pytest.raises(DataError, match="cross_val_predict"):  # it makes numbers of labels, which are not the task's
        cross_val_predict(make(), PAIRS, LABELS, cv=2, method="predict_proba")
    assert set(cross_val_predict(make(), PAIRS, LABELS, cv=2)) <= set(LABELS)
    by_name = dict(zip(labels, fitted.scorer_.score_examples(make_pairs(12, 1), fitted.prompt_).T, strict=True))
    own = np.mean([-by_name[label][row] for row, label in enumerate(LABELS)])
    assert log_loss(LABELS, fitted.predict_proba(PAIRS)) == pytest.approx(own, abs=1e-5)


def test_a_grid_search_keeps_the_best_and_clones_share_the_model() -> None:
    search = GridSearchCV(make(), {"steps": [1, np.int64(2)], "rate": [0.1]}, cv=2, scoring="f1_macro")
    search.fit(PAIRS, LABELS)
    assert search.best_estimator_.model is make_backbone() and len(search.predict(PAIRS)) == 12
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
    assert make().set_params(steps=3).steps == 3


def test_a_pipeline_cleans_texts_first() -> None:
    strip = FunctionTransformer(lambda rows: [(first.strip(), second.strip()) for first, second in rows])
    piped, plain = make_pipeline(strip, make()).fit(PAIRS, LABELS), make().fit(PAIRS, LABELS)
    assert piped.predict([(f" {a} ", b) for a, b in PAIRS]).tolist() == plain.predict(PAIRS).tolist()
    assert piped.score(PAIRS, LABELS) == plain.score(PAIRS, LABELS)
    with pytest.raises(NotFittedError):
        make_pipeline(strip, make()).predict(PAIRS)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_can_be_calibrated(method: str) -> None:
    calibrated = CalibratedClassifierCV(make(), method=method, cv=2).fit(PAIRS, LABELS)
    chances = calibrated.predict_proba(PAIRS)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-6)
    assert calibrated.classes_.tolist() == sorted(set(LABELS))


def test_a_fitted_classifier_can_be_pickled(fitted: PromptClassifier, tmp_path: Path) -> None:
    joblib.dump(fitted, tmp_path / "classifier.joblib")
    back = joblib.load(tmp_path / "classifier.joblib")
    np.testing.assert_array_equal(back.predict_proba(PAIRS), fitted.predict_proba(PAIRS))


class OfNumbers(PromptClassifier):
    """Writes numbers as texts, so that scikit-learn's checks, which bring numbers, can be run."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags

    def fit(self, X: Any, y: Any = None) -> "OfNumbers":  # type: ignore[override]
        return super().fit(write_numbers(X), y)

    def score_labels(self, X: Any) -> Any:
        return super().score_labels(write_numbers(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        return super().score(write_numbers(X), y, sample_weight)


def write_numbers(rows: Any) -> Any:
    """Return a table of finite numbers as texts, anything else as it is."""
    listed = isinstance(rows, (list, np.ndarray)) or hasattr(rows, "iloc") or type(rows).__name__ == "_NotAnArray"
    values = np.asarray(rows) if listed else None
    if values is None or values.ndim != 2 or not values.size or values.dtype.kind == "c":
        return rows
    try:
        numbers = values.astype(float)
    except (TypeError, ValueError):
        return rows
    return [" ".join("yes" if v > 0 else "no" for v in row) for row in numbers] if np.isfinite(numbers).all() else rows


# docs/python.md has the same table.
EXPECTED = {
    "check_n_features_in": "texts have no columns, so there is no n_features_in_",
    "check_n_features_in_after_fitting": "texts have no columns, so there is no n_features_in_",
    "check_estimators_empty_data_messages": "a table without columns is refused as one that has no column of texts",
    "check_dtype_object": "a dictionary among the texts is a ValueError here, not a TypeError",
    "check_estimators_nan_inf": "numbers are refused as such; the message does not ask whether they are finite",
    "check_fit2d_predict1d": "a list of texts is one-dimensional already: nothing has to be reshaped",
    "check_supervised_y_2d": "labels in one column are taken without a warning",
    "check_class_weight_classifiers": "class_weight is balanced or None: single labels have no weights of their own",
    "check_classifiers_train": "it asks for an accuracy on numbers, which a tiny model cannot read from their signs",
}


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks_hold_but_for_those_that_texts_cannot_pass(tmp_path: Path) -> None:
    model = str(save_tiny("t5", tmp_path / "t5"))
    results = check_estimator(OfNumbers(model, **SMALL), expected_failed_checks=EXPECTED, on_skip=None, on_fail="raise")
    status = {(result["check_name"], result["status"]) for result in results}
    assert {name for name, said in status if said == "xfail"} == set(EXPECTED)
    assert len([result for result in results if result["status"] == "passed"]) > 40


def test_the_documentation_lists_the_checks_that_fail() -> None:
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    listed = dict(re.findall(r"^\| `(check_\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert listed == EXPECTED


def test_nothing_to_train_on_is_refused_in_words_of_its_own() -> None:
    with pytest.raises(DataError, match="expected examples of two labels or more, found none"):
        PromptClassifier("mini-t5").fit([], [])
