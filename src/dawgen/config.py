"""Every setting, its default and its bounds. Data only: nothing here calls the engine.

Numbers marked (paper) are printed in the paper or its slides; (FewGen) and (optima) come from the code of its
predecessors; all others were chosen on the bundled minis by `experiments/`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

GeneratorKind = Literal["untuned", "plain", "weighted", "dawgen"]
Surgery = Literal["none", "project", "pcgrad", "agem", "gradvac", "drop"]
Granularity = Literal["prompt", "token", "example"]
Schedule = Literal["real", "synthetic", "pooled", "real_then_synthetic", "synthetic_then_real", "paired"]
Tracker = Literal["tensorboard", "trackio", "wandb", "mlflow"]
Dtype = Literal["float32", "bfloat16", "float16"]
Placement = Literal["before", "behind"]

INITS = ("label_words", "question", "vocabulary", "random")  # where a prompt can start without another one

SEED = 13  # of everything that is drawn, where no other is given

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    """Base of all sections: unknown keys fail, values cannot be changed after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GeneratorConfig(Settings):
    """Generator tuning (paper, Algorithm 1)."""

    model: str = "mini-ctrl"
    kind: GeneratorKind = "dawgen"
    steps: Positive = 160  # with more than rivals + 1 labels, of which a batch has so many, as many more
    rows_per_label: Annotated[int, Field(ge=2)] = 2  # alignment reading A compares two rows of one label
    rivals: Positive = 4  # most other labels that a text is held against, the nearest ones (paper, FewGen: all)
    lr: Rate = 5e-3  # (FewGen)
    meta_lr: Rate = 2e-2  # (FewGen) length of the virtual step
    weight_lr: Rate = 1e-3  # (FewGen: 1e-2, with which the minis' label fidelity falls by 15 points)
    weight_every: Positive = 4  # learn the weight net at every n-th step (paper: every step)
    weight_input: Literal["hidden", "disc_loss"] = "hidden"  # (paper) | (FewGen)
    disc_loss: Literal["log", "ratio"] = "log"  # (FewGen) | as printed in the paper
    alignment: Literal["A", "B"] = "A"  # other label's row | same row under the other label's prefix
    dist_weight: Annotated[float, Field(ge=0)] = 0.03  # (paper: 1, with which the minis write nonsense)
    margin: Rate = 1.0  # (paper)
    meta: Literal["difference", "jvp"] = "difference"  # error of about 1 % | exact, and always in half precision
    clip: Rate = 1.0  # (FewGen)
    chat: Literal["auto"] | bool = (
        False  # the prompt as the user's turn of the tokenizer's chat template, the text as answer
    )
    max_tokens: Positive = 128  # (FewGen) text1 + infix + text2; longer ones are cut, text1 first
    dtype: Dtype = "float32"

    @model_serializer(mode="wrap")
    def _leave_out_rivals(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys of tasks with few labels are those of before there was a choice."""
        found: dict[str, Any] = dump(self)
        if self.rivals == type(self).model_fields["rivals"].default:
            found.pop("rivals", None)
        return found


class DecodeConfig(Settings):
    """How synthetic texts are written."""

    strategy: Literal["greedy", "sample"] = "sample"
    top_k: Annotated[int, Field(ge=0)] = 10  # 0: no limit
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    temperature: Rate = 1.0
    repetition_penalty: Annotated[float, Field(ge=1)] = 1.0
    contrast: Annotated[float, Field(ge=0)] = 0.5  # gamma of log p_l - gamma * mean log p_l' (paper: 0)
    max_new_tokens: Positive = 50  # (FewGen)
    first_texts: Literal["given", "shots", "written"] = "given"  # source of text1 for pair tasks
    shard_texts: Positive = 32  # first texts per shard, each offered to every label; fewer with many labels
    attempts: Positive = 20  # candidates per requested example before a ShortfallError


class CurateConfig(Settings):
    """Which synthetic rows are dropped."""

    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.9  # Jaccard of word 3-grams
    near_copy: bool = True  # thresholds per label come from the real shots
    echo: Annotated[float, Field(gt=0, le=1)] = 0.9  # Jaccard with a few-shot text
    posterior: bool = True
    posterior_margin: float = 0.0  # nats between the own label and the best other one


class TargetConfig(Settings):
    """The soft prompt on the frozen target (paper, Algorithm 2)."""

    model: str = "mini-t5"
    prompt_length: Positive | Literal["auto"] = 20  # (paper: 100) | as many as the task's question has tokens
    init: str = "label_words"  # one of INITS, or the folder of a bundle, whose prompt is the start
    placement: Placement = "before"  # the text (paper) | behind it, or in the decoder: texts are then read once
    optimizer: Literal["adafactor", "adamw"] = "adafactor"
    rate: Rate = 0.2  # of each step, in standard deviations of the model's input embeddings, so that it fits all models
    lr: Rate | None = None  # the same in the embeddings' own numbers; where it is given, rate is not used
    decay: Literal["cosine", "constant"] = "cosine"  # (optima)
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5  # (optima)
    steps: Positive = 150
    batch_size: Positive = 16  # rows of each source per step
    surgery: Surgery = "project"
    granularity: Granularity = "prompt"
    epsilon: Annotated[float, Field(ge=0)] = (
        2.0  # weight of the synthetic gradient (paper: not shown; 1 is a plain sum)
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip: Rate = 1.0  # (optima)
    eval_every: Positive = 25  # steps between evaluations on the dev set, if there is one
    # Looks at the dev set without a better accuracy, after which training ends that has nothing left to learn; 0: never
    patience: Annotated[int, Field(ge=0)] = 2
    chat: Literal["auto"] | bool = "auto"  # the tokenizer's chat template around every text | where it has one
    max_tokens: Positive = 256  # the template's tokens; longer ones are cut, text1 first
    decoder_sentinel: bool = False  # [pad] <extra_id_0> instead of [pad] before the label word
    dtype: Dtype = "float32"

    @property
    def length(self) -> int:
        """P, where `auto` has been replaced by a number (`prompt.question.settle_length`).

        Raises:
            ValueError: it has not.
        """
        if self.prompt_length == "auto":
            raise ValueError("prompt_length: expected a number, got auto: it depends on the task.")
        return self.prompt_length

    @model_serializer(mode="wrap")
    def _leave_out(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys are those of before there was a choice: nothing depends on `rate` where there is `lr`, and
        where no placement is said prompts stand before the text."""
        found: dict[str, Any] = dump(self)
        if self.lr is not None:
            found.pop("rate", None)
        if self.placement == "before":
            found.pop("placement", None)
        return found


class BaselineConfig(Settings):
    """Settings of the baselines only: methods without a tuned generator."""

    tuning_lr: Rate = 3e-4  # AdamW on all weights of the target (optima: 3e-5 for models 1,000 times the minis' size)
    lora_lr: Rate = 3e-3  # the minis learn equally well from 1e-3 to 1e-2, and hardly with 3e-2
    lora_rank: Positive = 8
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.15  # label smoothing of pooled_smoothed (FewGen)
    edits: Annotated[float, Field(gt=0, le=1)] = 0.1  # share of a text's words that each of EDA's edits changes
    pretraining_steps: Positive = 300  # of the prompt on PPT's pseudo task
    prompt_sources: tuple[str, ...] = ()  # bundles of other tasks, from which SPoT takes the most similar


class RunConfig(Settings):
    """One whole job: `dawgen run`."""

    task: str | None = None
    train: str | None = None
    dev: str | None = None
    test: str | None = None
    unlabelled: str | None = None
    synthetic: str | None = None
    columns: dict[str, str] = {}  # text1, text2, label -> the file's column
    label_words: dict[str, str] | None = None
    question: str | None = None  # in place of the task's own, for prompts that start from it
    seed: int = SEED
    shots: Positive = 16
    per_label: Positive = 500
    compare_generators: tuple[GeneratorKind, ...] = ()  # more kinds to tune, and to judge by an oracle if there is one
    # Names that `dawgen.methods.table` knows. It stands above this file: they are checked where settings are resolved.
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "prompt_tuning",
        "linear_probe",  # in seconds it says whether a simple probe would have done
        "dawgen",
    )
    memory: Literal["refuse", "try"] = "refuse"  # a job whose predicted memory is more than the machine has free
    leaks: Literal["refuse", "drop"] = "refuse"
    conflicts: Literal["refuse", "drop"] = "refuse"
    threads: Positive | None = None  # None: one for small models (as the minis), else the faster of one and all
    generator: GeneratorConfig = GeneratorConfig()
    decode: DecodeConfig = DecodeConfig()
    curate: CurateConfig = CurateConfig()
    target: TargetConfig = TargetConfig()
    baselines: BaselineConfig = BaselineConfig()
    tracking: tuple[Tracker, ...] = ()  # beside log.jsonl


# Published checkpoints of T5 keep the rate that was published for them: (optima) 0.3 with Adafactor.
PRESETS: dict[str, dict[str, object]] = {
    "mini": {},
    "small": {
        "generator": {"model": "gpt2"},
        "target": {"model": "google/flan-t5-base", "prompt_length": 100, "steps": 400, "lr": 0.3},
    },
    "paper": {
        "per_label": 1000,
        "generator": {
            "model": "Salesforce/ctrl",
            "steps": 480,
            "weight_every": 1,
            "weight_lr": 1e-2,
            "dist_weight": 1.0,
            "dtype": "bfloat16",
        },
        "decode": {"strategy": "greedy", "contrast": 0.0},
        "target": {
            "model": "google/flan-t5-large",
            "prompt_length": 100,
            "placement": "before",
            "steps": 400,
            "lr": 0.3,
            "epsilon": 1.0,
            "patience": 0,
            "dtype": "bfloat16",
        },
    },
    "smollm2": {
        "per_label": 100,
        "generator": {"model": "smollm2"},
        "target": {
            "model": "smollm2",
            "init": "question",
            "prompt_length": "auto",
            "chat": False,
            "batch_size": 8,
            "steps": 100,
        },
    },
    "modern": {
        "generator": {"model": "Qwen/Qwen3-0.6B-Base", "dtype": "bfloat16"},
        "target": {
            "model": "google/flan-t5-large",
            "prompt_length": 100,
            "steps": 400,
            "lr": 0.3,
            "dtype": "bfloat16",
        },
    },
}
