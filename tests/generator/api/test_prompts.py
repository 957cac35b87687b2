import dawgen
from dawgen.generator.api.prompts import ask_for_text, begin_text, find_names, list_templates

PAIR = dawgen.Task.load("sick")
SINGLE = dawgen.Task.load("agnews")
SHOTS = [dawgen.Example("a man\nsleeps", "a man is asleep", "entailment"), dawgen.Example("b1", "b2", "entailment")]


def test_the_request_holds_the_tasks_words_the_shots_and_the_first_text() -> None:
    text = ask_for_text(PAIR, "entailment", SHOTS, "a dog runs", "Write British English.")
    assert PAIR.ask() in text and "yes (entailment)" in text and "Sentence 1 implies Sentence 2" in text
    assert "Sentence 1: a man sleeps\nSentence 2: a man is asleep" in text  # one line each
    assert text.count("Sentence 1: a dog runs") == 1 and text.endswith("Write British English.")


def test_a_base_models_prompt_ends_where_the_text_begins() -> None:
    assert begin_text(PAIR, "entailment", SHOTS, "a dog runs").endswith("Sentence 1: a dog runs\nSentence 2:")
    shots = [dawgen.Example("Shares fell.", label="business")]
    assert begin_text(SINGLE, "business", shots) == (
        "A news item about business: Shares fell.\nA news item about business:"
    )


def test_a_label_without_words_of_its_own_is_called_by_its_name() -> None:
    task = dawgen.Task.from_examples([dawgen.Example("x", "y", "no_link"), dawgen.Example("x", "z", "link")])
    names = find_names(task, "no_link")
    assert (names.text1, names.text2, names.meaning) == ("Text 1", "Text 2", "Relation of Text 2 to Text 1: no link")
    alone = dawgen.Task.from_examples([dawgen.Example("x", label="a"), dawgen.Example("y", label="b")])
    assert find_names(alone, "a").meaning == "Kind of text: a"


def test_the_template_leaves_the_places_of_shots_and_text_open() -> None:
    templates = list_templates(PAIR, chat=True)
    assert list(templates) == list(PAIR.labels)
    assert all(text.count("{shots}") == 1 and text.count("{text1}") == 1 for text in templates.values())


def test_every_task_of_dawgen_can_be_asked_for() -> None:
    for name in dawgen.Task.names():
        task = dawgen.Task.load(name)
        for label in task.labels:
            names = find_names(task, label)
            assert names.meaning and names.text1 != names.text2
            assert label.replace("_", " ") in ask_for_text(task, label, [], "one").replace("_", " ")
