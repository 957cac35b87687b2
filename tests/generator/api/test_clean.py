import pytest

from dawgen.generator.api.clean import clean_answer

TEXT = "A dog is barking at the moon."


@pytest.mark.parametrize(
    "answer",
    [
        TEXT,
        f"  {TEXT}\n",
        f'"{TEXT}"',
        f"\u201c{TEXT}\u201d",
        f"**{TEXT}**",
        f"1. {TEXT}\n2. A cat sleeps.",
        f"- {TEXT}\n- A cat sleeps.\n- A cow.",
        f"Sure, here is a new one:\n\n{TEXT}",
        f"The news item about sports is:\n- {TEXT}",
        f"Sentence 2: {TEXT}",
        f'**Sentence 2:** "{TEXT}"',
        f"```\n{TEXT}\n```",
        f'```json\n{{"text": "{TEXT}"}}\n```',
        f'{{"answers": ["{TEXT}", "A cat."]}}',
        f"<think>They want\n\na dog.</think>\n{TEXT}",
        "A dog is barking\nat the moon.",
    ],
)
def test_the_text_is_found_in_whatever_stands_around_it(answer: str) -> None:
    assert clean_answer(answer, ["Sentence 2"]) == TEXT


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  \n",
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "As an AI language model, I do not write such texts.",
        "I cannot write that.",
        "<think>it never ends",
        "{}",
    ],
)
def test_refusals_and_empty_answers_give_no_text(answer: str) -> None:
    assert clean_answer(answer) == ""


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but my card was charged twice.",
        'He said "no" and she said "yes"',
        "'tis the season, and 'tis cold",
        "{not json",
        "Note: the price has gone up.",
    ],
)
def test_texts_of_their_own_right_stay_as_they_are(answer: str) -> None:
    assert clean_answer(answer) == answer
