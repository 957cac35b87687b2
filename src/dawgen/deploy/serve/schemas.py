"""What goes over the wire: texts and names in, labels with probabilities out. Never tensors; one path, of a bundle."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, Field(pattern=NAME, description="1 to 64 letters, digits, dots, dashes and underscores")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bundle")]


class Wire(BaseModel):
    """Base class of all schemas: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(Wire):
    """One text, or a pair of texts."""

    text1: str
    text2: str | None = None


class Question(Wire):
    """Texts to classify under one prompt, or under several."""

    prompt: str | None = Field(default=None, description="the name of a prompt that /v1/prompts lists")
    prompts: list[str] | None = Field(
        default=None, min_length=1, description="names of prompts, in place of `prompt`: each input under each of them"
    )
    inputs: list[str | Texts] = Field(min_length=1, description="texts, or pairs as the prompt's task has them")
    all: bool = Field(default=True, description="false: only the likeliest label's probability comes back")
    below: float | None = Field(
        default=None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="an input whose likeliest label has less probability gets `else` for a label",
    )
    instead: str | None = Field(
        default=None, alias="else", max_length=200, description="goes with `below`; no label of a prompt that is asked"
    )


class Result(Wire):
    """The label of one input."""

    label: str = Field(description="the most probable label, or `else` where its probability is below `below`")
    probabilities: dict[str, float] = Field(
        description="of each label, at the bundle's temperature; they sum to 1. With `all` false of the likeliest alone"
    )
    cut: bool = Field(description="a text was too long and lost its end")
    abstained: bool = Field(description="the likeliest label's probability is below `below`")


class Answer(Wire):
    """The results, in the order of the inputs."""

    prompt: str
    digest: str = Field(description="of the bundle that answered")
    results: list[Result]


class Answers(Wire):
    """The results under several prompts, in the order of these."""

    answers: list[Answer]


class Base(Wire):
    """The frozen model."""

    model: str
    revision: str | None
    quantisation: str | None
    fingerprint: str
    kind: str
    dtype: str
    device: str


class Prompt(Wire):
    """One prompt that the service holds."""

    name: Name
    task: str
    labels: list[str]
    pair: bool = Field(description="whether it takes pairs of texts")
    length: int = Field(description="vectors of the prompt")
    temperature: float = Field(description="label scores are divided by it before they are probabilities")
    bytes: int = Field(description="what it adds to the model's memory")
    digest: str


class PromptList(Wire):
    """The frozen model and the prompts on it, sorted by name."""

    base: Base
    prompts: list[Prompt]


class Bundle(Wire):
    """A bundle to add."""

    folder: str = Field(min_length=1, max_length=1000, description="inside the allowed folder, relative to it")
    name: Name | None = Field(None, description="the folder's own name if there is none")
    digest: Digest | None = Field(None, description="refuse the bundle unless it has this one")


class Status(Wire):
    """The state of the service."""

    status: str


class Fault(Wire):
    """Why a request was refused, in a sentence or two."""

    detail: str
