"""Every task that comes with dawgen is sound, and every fault of a task file is named."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from dawgen.tasks import Task

PAPER = ["mnli", "mrpc", "qnli", "qqp", "rte", "sick", "snli"]

SOUND = """
name: mine
labels: [yes, no, "0"]
label_words: {yes: yes, no: no, "0": zero}
pair: false
template: "{text1} Good? {mask}"
generator: {prompts: {yes: "A good text:", no: "A bad text:", "0": "A text:"}}
"""


def test_names_hold_the_tasks_of_the_paper() -> None:
    assert set(PAPER) <= set(Task.names())
    assert Task.names() == sorted(Task.names())


@pytest.mark.parametrize("name", PAPER)
def test_tasks_of_the_paper(name: str) -> None:
    task = Task.load(name)
    assert task.name == name
    assert task.pair
    assert task.hub is not None
    assert set(task.hub.labels.values()) == set(task.labels)
    assert task.generator.control_code in ("Wikipedia", "Links")
    assert all(prompt.endswith(":") for prompt in task.generator.prompts.values())
    assert task.generator.infix.endswith(":")
    assert task.first_texts


@pytest.mark.parametrize("name", Task.names())
def test_every_task_loads_under_its_name(name: str) -> None:
    assert Task.load(name).name == name


def test_prompts_say_what_their_label_means() -> None:
    qqp, mrpc = Task.load("qqp").generator.prompts, Task.load("mrpc").generator.prompts
    assert "equivalent" in qqp["duplicate"]
    assert "different" in qqp["not_duplicate"]
    assert "equivalent" in mrpc["equivalent"]
    assert "different" in mrpc["not_equivalent"]


@pytest.mark.parametrize("name", Task.names())
def test_every_task_asks_a_short_question_that_names_its_words(name: str) -> None:
    task = Task.load(name)
    assert task.question is not None and task.ask() == task.question
    assert task.question.endswith("?") and len(task.question.split()) <= 25
    names = [label.replace("_", " ") for label in task.labels] if len(task.labels) <= 10 else []
    words = list(task.label_words.values()) if task.label_words else names
    assert all(word in task.question for word in words)


def test_without_a_question_a_neutral_one_names_the_words() -> None:
    rows = [Example("Goal!", label="sport"), Example("Yummy.", label="food"), Example("Sofa.", label="at_home")]
    assert Task.from_examples(rows).ask() == "Which of these is it: at home, food or sport?"
    assert Task.from_examples(rows, question="What is it?").ask() == "What is it?"
    words = {"sport": "ball", "food": "meal", "at_home": "house"}
    assert Task.from_examples(rows, label_words=words).ask() == "Which of these is it: house, meal or ball?"
    pairs = [Example("a", "b", label) for label in ("same", "other")]
    assert Task.from_examples(pairs).ask() == "What is the relation of the second text to the first: other or same?"


def test_a_neutral_question_does_not_list_many_labels() -> None:
    many = [Example("a", label=f"label{i}") for i in range(11)]
    assert Task.from_examples(many).ask() == "What kind of text is it?"
    assert Task.from_examples(many[:10]).ask().endswith("label8 or label9?")
    long = [Example("a", "b", label=letter * 150) for letter in "xy"]
    assert Task.from_examples(long).ask() == "What is the relation of the second text to the first?"


@pytest.mark.parametrize("question", ['" "', '"a\\nb"', "x" * 1001], ids=["blank", "two lines", "long"])
def test_a_question_is_one_short_line(tmp_path: Path, question: str) -> None:
    (tmp_path / "mine.yaml").write_text(SOUND + f"question: {question}\n")
    with pytest.raises(ConfigError, match="question: expected one line"):
        Task.load(tmp_path / "mine.yaml")


def test_task_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SOUND)
    task = Task.load(tmp_path / "mine.yaml")
    assert task.labels == ("yes", "no", "0")
    assert task.label_words == {"yes": "yes", "no": "no", "0": "zero"}
    assert not task.pair


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown task 'mrcp'.*did you mean mrpc\?") as caught:
        Task.load("mrcp")
    assert caught.value.exit_status == 2
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such task file"):
        Task.load("nowhere.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine", "", "name: Field required"),
        ("name: mine", "nmae: mine\nname: mine", r"unknown key 'nmae'.*did you mean name\?"),
        ("pair: false", "hub: {rpeo: x}", r"unknown key 'hub.rpeo'.*did you mean repo\?|hub.repo: Field required"),
        ("generator: {", "generator: {infixx: a, ", r"unknown key 'generator.infixx'.*did you mean infix\?"),
        ("no: no,", "", "label_words: nothing is given for label 'no'"),
        ("{yes: yes,", "{yse: yes,", r"label_words: unknown label 'yse'.*did you mean yes\?"),
        ("no: no,", "no: yes,", "label_words: expected a different word per label"),
        ('no: "A bad text:", ', "", "generator.prompts: nothing is given for label 'no'"),
        ('[yes, no, "0"]', "[yes]", "labels: expected two or more different names"),
        ('[yes, no, "0"]', '[yes, yes, no, "0"]', "labels: expected two or more different names"),
        ("{text1} Good", "Good", "template: expected {text1} once"),
        ("{text1} Good", "{text1} {text2} Good", "template: expected {text1} once"),
        ("pair: false", "", "template: expected {text1} and {text2} once.* needs a line `pair: false`"),
        ("{text1} Good", "{text1} {text2} Good", "A task of pairs has no line `pair: false`"),
        ("{mask}", "{mask} {mask}", "{mask} at most once"),
        ("{mask}", "{word}", "template: expected {text1} once"),
        ("{mask}", "{mask", "template: "),
        ("pair: false", "pair: [", "expected YAML"),
    ],
)
def test_faults_of_a_task_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SOUND
    (tmp_path / "mine.yaml").write_text(SOUND.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message) as caught:
        Task.load(tmp_path / "mine.yaml")
    assert str(caught.value).startswith(str(tmp_path / "mine.yaml"))


def test_task_file_that_holds_no_task(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("just text")
    with pytest.raises(ConfigError, match="expected the fields of a task"):
        Task.load(tmp_path / "mine.yaml")


def test_task_from_pairs() -> None:
    task = Task.from_examples(
        [Example("A", "B", "not_same"), Example("C", "D", "is_same")], label_words={"is_same": "yes", "not_same": "no"}
    )
    assert task.labels == ("is_same", "not_same")
    assert task.pair
    assert task.template.format(text1="A", text2="B", mask="?") == "first: A second: B answer: ?"
    assert "not same" in task.generator.prompts["not_same"]


def test_task_from_single_texts() -> None:
    rows = [Example("Goal!", label="sport"), Example("Yummy.", label="food"), Example("La la.", label="music")]
    task = Task.from_examples(rows, name="topics", template="Topic of {text1}: {mask}")
    assert (task.name, task.labels, task.pair) == ("topics", ("food", "music", "sport"), False)
    assert task.generator.infix == ""


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([Example("A", label="x"), Example("B", label="x")], "two labels or more, found one class, 'x'"),
        ([Example("A", label="x"), Example("B")], "a label in every example"),
        ([Example("A", label="x"), Example("B", "C", label="y")], "pairs or single texts throughout"),
        ([], "two labels or more"),
    ],
    ids=["one label", "no label", "mixed", "nothing"],
)
def test_examples_that_make_no_task(rows: list[Example], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Task.from_examples(rows)


def test_label_words_of_other_labels() -> None:
    rows = [Example("A", label="entailment"), Example("B", label="neutral")]
    with pytest.raises(ConfigError, match=r"label_words: unknown label 'entailmnt'.*did you mean entailment\?"):
        Task.from_examples(rows, label_words={"entailmnt": "yes", "neutral": "maybe"})


@pytest.mark.parametrize("wrong", ["a text", "", None, 1, ("a", "b")])
def test_what_is_no_example_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(DataError, match="expected Examples with labels, got "):
        Task.from_examples([Example("a", label="x"), wrong])
