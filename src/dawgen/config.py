"""Every setting: its meaning, which `dawgen config show` prints, its default and its bounds. Data only.

Numbers marked (paper) are printed in the paper or its slides; (FewGen) and (optima) come from the code of its
predecessors; all others were chosen on the bundled minis by `experiments/`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from dawgen.columns import Columns
from dawgen.section import NUMBER, SIZE, Count, Positive, Rate, Real, Seed, Settings, Share, Threads, Truth, Weight
from dawgen.servers import ServerSettings

TunedKind = Literal["untuned", "plain", "weighted", "dawgen"]  # a model at hand, with a prefix for each label
GeneratorKind = Literal[TunedKind, "api"]
Surgery = Literal["none", "project", "pcgrad", "agem", "gradvac", "drop"]
Granularity = Literal["prompt", "token", "example"]
Schedule = Literal["real", "synthetic", "pooled", "real_then_synthetic", "synthetic_then_real", "paired"]
Tracker = Literal["tensorboard", "trackio", "wandb", "mlflow"]
Dtype = Literal["float32", "bfloat16", "float16"]
Placement = Literal["before", "behind"]
Tempering = Literal["auto", "dev", "none"] | Annotated[float, Field(ge=0.05, le=20), NUMBER]
Refusal = Literal["refuse", "drop"]
Imbalance = Literal["even", "keep"]

INITS = ("label_words", "question", "vocabulary", "random")  # where a prompt can start without another one

TARGET_JUDGE = "target"  # the value of `curate.judge` that is no sentence encoder
SEED = 13  # of everything that is drawn, where no other is given
LONGEST_PROMPT = 1024  # rows: attention to it costs their square


class TuningConfig(Settings):
    """Generator tuning (paper, Algorithm 1)."""

    model: str = "mini-ctrl"
    """the language model that writes: a name of `dawgen models`, a folder, a GGUF file, a hub name; or a server's"""
    kind: GeneratorKind = "dawgen"
    """how it is tuned: not at all, on the texts, with token weights, with alignment too; or api: by a server"""
    steps: Positive = 160
    """steps of tuning; with more than rivals + 1 labels, of which a batch has so many, as many more"""
    rows_per_label: Annotated[int, Field(ge=2), NUMBER, SIZE] = 2
    """rows of each label in a batch; alignment reading A compares two of one label"""
    rivals: Positive = 4
    """most other labels that a text is held against, the nearest ones (paper, FewGen: all)"""
    lr: Rate = 5e-3
    """step size of the prefixes (FewGen)"""
    meta_lr: Rate = 2e-2
    """length of the virtual step by which token weights are judged (FewGen)"""
    weight_lr: Rate = 1e-3
    """step size of the weight net (FewGen: 1e-2, with which the minis' label fidelity falls by 15 points)"""
    weight_every: Positive = 4
    """the weight net learns at every n-th step (paper: every step)"""
    weight_input: Literal["hidden", "disc_loss"] = "hidden"
    """what the weight net sees of a token: the model's state (paper), or its loss (FewGen)"""
    disc_loss: Literal["log", "ratio"] = "log"
    """how labels are told apart: log-likelihoods (FewGen), or their ratio as printed in the paper"""
    alignment: Literal["A", "B"] = "A"
    """what a row is held against: another label's row, or the same row under the other label's prefix"""
    dist_weight: Weight = 0.03
    """weight of the alignment term (paper: 1, with which the minis write nonsense)"""
    margin: Rate = 1.0
    """of the alignment term: how far apart is far enough (paper)"""
    meta: Literal["difference", "jvp"] = "difference"
    """how the weight net's gradient is found: to about 1 %, or exactly, which half precision always takes"""
    clip: Rate = 1.0
    """largest norm of a gradient (FewGen)"""
    chat: Literal["auto"] | Truth = False
    """the prompt as the user's turn of the tokenizer's chat template, the text as the answer; auto: where it has one"""
    max_tokens: Positive = 128
    """text1, infix and text2 in tokens; longer ones are cut, text1 first (FewGen)"""
    dtype: Dtype = "float32"
    """numbers in which the generator computes"""


class GeneratorConfig(ServerSettings, TuningConfig):
    """What writes a set: a tuned generator, or a server's model."""

    @model_serializer(mode="wrap")
    def _leave_out(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys are those of before there was a choice of rivals, and of a server."""
        found: dict[str, Any] = dump(self)
        if self.rivals == type(self).model_fields["rivals"].default:
            found.pop("rivals", None)
        unused = () if self.kind == "api" else ServerSettings.model_fields
        return {name: value for name, value in found.items() if name not in unused}


class DecodeConfig(Settings):
    """How synthetic texts are written."""

    strategy: Literal["greedy", "sample"] = "sample"
    """the likeliest token each time, or one that is drawn"""
    top_k: Count = 10
    """tokens that may be drawn, the likeliest; 0: no limit"""
    top_p: Share = 1.0
    """share of probability from which tokens are drawn, from the likeliest on"""
    temperature: Rate = 1.0
    """above 1 texts differ more, below 1 less"""
    repetition_penalty: Annotated[float, Field(ge=1), NUMBER, SIZE] = 1.0
    """what a token's logit is divided by once it has been written; 1: nothing"""
    contrast: Weight = 0.5
    """gamma of log p_l - gamma * mean log p_l', which turns a text from the other labels (paper: 0)"""
    max_new_tokens: Positive = 50
    """longest text that is written, in tokens (FewGen)"""
    first_texts: Literal["given", "shots", "written"] = "given"
    """where text1 of a new pair comes from: --unlabelled, the few shots, or the generator"""
    shard_texts: Positive = 32
    """first texts per shard, each offered to every label; fewer with many labels"""
    attempts: Positive = 20
    """candidates per requested example before the job gives up"""


class CurateConfig(Settings):
    """Which synthetic rows are dropped."""

    near_duplicate: Share = 0.9
    """from which Jaccard similarity of word 3-grams on two written rows of a label are one"""
    near_copy: Truth = True
    """whether pairs are dropped whose text2 takes more words from text1 than real rows of the label do"""
    echo: Share = 0.9
    """from which Jaccard similarity of word 3-grams on a written text repeats a real one"""
    posterior: Truth = True
    """whether rows are dropped that the generator itself gives another label"""
    posterior_margin: Real = 0.0
    """nats by which the own label must be likelier than the best other one"""
    judge: str | None = None
    """drops rows whose label a classifier of the few shots finds unlikely: target (its states) or a sentence encoder"""
    judge_least: Rate = 1.0
    """least probability of the own label by that judge, in units of chance (1 / number of labels)"""
    over: Annotated[float, Field(ge=1, le=100), NUMBER] = 1.0
    """how many times as many rows are to pass as are kept: of more, those that generator and judge hold likeliest"""

    @model_validator(mode="after")
    def _need_judge(self) -> Self:
        if self.over > 1 and self.judge is None:
            raise ValueError("over: expected a judge too, such as curate.judge=minilm: it says which rows are likely")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_judge(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys are those of before there was a judge."""
        off = [*(("judge", "judge_least") if self.judge is None else ()), *(("over",) if self.over == 1 else ())]
        return {name: value for name, value in dict[str, Any](dump(self)).items() if name not in off}


class TargetConfig(Settings):
    """The soft prompt on the frozen target (paper, Algorithm 2)."""

    model: str = "mini-t5"
    """the frozen language model that answers: a name of `dawgen models`, a folder, a GGUF file or a hub name"""
    prompt_length: Annotated[int, Field(ge=1, le=LONGEST_PROMPT), NUMBER] | Literal["auto"] = 20
    """vectors of the prompt (paper: 100); auto: as many as the task's question has tokens"""
    init: Annotated[str, Field(examples=list(INITS))] = "label_words"
    """where the prompt starts: label_words, question, vocabulary, random, or the folder of a bundle"""
    placement: Placement = "before"
    """the prompt stands before the text (paper), or behind it, in a decoder: texts are then read once"""
    optimizer: Literal["adafactor", "adamw"] = "adafactor"
    """what turns gradients into steps"""
    rate: Rate = 0.2
    """step size in standard deviations of the model's input embeddings, so that it fits all models"""
    lr: Rate | None = None
    """step size in the embeddings' own numbers; where it is given, rate is not used"""
    decay: Literal["cosine", "constant"] = "cosine"
    """how the step size goes down (optima)"""
    weight_decay: Weight = 1e-5
    """pull of each step towards zero (optima)"""
    steps: Positive = 150
    """steps of training"""
    batch_size: Positive = 16
    """rows of each source per step"""
    surgery: Surgery = "project"
    """what is done where the synthetic gradient opposes the real one; project is the paper's rule"""
    granularity: Granularity = "prompt"
    """what surgery compares: the whole prompt's gradient, each vector's, or each synthetic row's"""
    epsilon: Weight = 2.0
    """weight of the synthetic gradient (paper: not shown; 1 is a plain sum)"""
    label_smoothing: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.0
    """share of the aim that is spread over all labels"""
    clip: Rate = 1.0
    """largest norm of a gradient (optima)"""
    eval_every: Positive = 25
    """steps between evaluations on the dev set, if there is one"""
    patience: Count = 2
    """looks at the dev set without a better accuracy after which training ends, if it has nothing to learn; 0: never"""
    chat: Literal["auto"] | Truth = "auto"
    """the tokenizer's chat template around every text; auto: where it has one"""
    temperature: Tempering = "auto"
    """what label scores are divided by: auto finds it on dev rows, else held-out shots (one more training); none: 1"""
    max_tokens: Positive = 256
    """tokens of the template with its text; longer ones are cut, text1 first"""
    decoder_sentinel: Truth = False
    """[pad] <extra_id_0> instead of [pad] before the label word, for encoder-decoders"""
    dtype: Dtype = "float32"
    """numbers in which the target computes"""

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
        where no placement is said prompts stand before the text. A temperature changes no prompt."""
        found: dict[str, Any] = dump(self)
        if self.lr is not None:
            found.pop("rate", None)
        if self.placement == "before":
            found.pop("placement", None)
        if self.temperature == "auto":
            found.pop("temperature", None)
        return found


class BaselineConfig(Settings):
    """Settings of the baselines only: methods without a tuned generator."""

    tuning_lr: Rate = 3e-4
    """of fine_tuning: AdamW on all weights of the target (optima: 3e-5 for models 1,000 times the minis' size)"""
    lora_lr: Rate = 3e-3
    """of lora: the minis learn equally well from 1e-3 to 1e-2, and hardly with 3e-2"""
    lora_rank: Positive = 8
    """of lora: rank of the added matrices"""
    smoothing: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.15
    """of pooled_smoothed: label smoothing (FewGen)"""
    edits: Share = 0.1
    """of eda: share of a text's words that each of its edits changes"""
    pretraining_steps: Positive = 300
    """of ppt: steps of the prompt on the pseudo task"""
    encoder: str = "minilm"
    """of encoder_probe and setfit: a sentence-transformers folder, hub name or short name"""
    setfit_steps: Positive = 500
    """of setfit: at most so many steps of 16 pairs of rows; one pass over all pairs where they are fewer"""
    prompt_sources: tuple[str, ...] = ()
    """of spot: bundles of other tasks, of which the most similar is the start"""


class RunConfig(Settings):
    """One whole job: `dawgen run`."""

    name: str | None = None
    """what cards and tables call the task (default: its own name, else the training file's)"""
    task: str | None = None
    """what the labels are: a name of `dawgen tasks`, or a YAML file; none: read from the examples"""
    train: str | None = None
    """labelled examples: a file, a folder or a hub name"""
    dev: str | None = None
    """labelled examples that choose the best step"""
    test: str | None = None
    """labelled examples that measure the result"""
    unlabelled: str | None = None
    """texts without labels, the first texts of new pairs"""
    synthetic: str | None = None
    """a synthetic set to use instead of writing one"""
    columns: Columns = Columns()
    """how the files are read"""
    synthetic_columns: Columns = Columns()
    """how the synthetic set is read, where its columns are others"""
    label_words: dict[str, str] | None = None
    """the word that stands for each label (default: the task's, else the label itself)"""
    question: str | None = None
    """what a prompt asks that starts from a question (default: the task's)"""
    seed: Seed = SEED
    """of everything that is drawn"""
    shots: Positive = 16
    """real examples per label"""
    per_label: Positive = 500
    """synthetic examples kept per label"""
    compare_generators: tuple[TunedKind, ...] = ()
    """more kinds to tune, and to judge by an oracle if there is one"""
    # Names that `dawgen.methods.table` knows. It stands above this file: they are checked where settings are resolved.
    methods: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "prompt_tuning",
        "linear_probe",  # in seconds it says whether a simple probe would have done
        "dawgen",
    )
    """ways to a classifier that are trained and compared"""
    memory: Literal["refuse", "try"] = "refuse"
    """what to do with a job whose predicted memory is more than the machine has free"""
    leaks: Refusal = "refuse"
    """what to do with training rows that repeat dev or test rows"""
    conflicts: Refusal = "refuse"
    """what to do with texts that have two labels"""
    imbalance: Imbalance = "even"
    """where labels have unequal numbers of rows: as many of each train, or all up to shots and the loss is weighted"""
    threads: Threads | None = None
    """CPU threads (default: one for small models such as the minis, else the faster of one and all)"""
    generator: GeneratorConfig = GeneratorConfig()
    """tuning of the generator"""
    decode: DecodeConfig = DecodeConfig()
    """how synthetic texts are written"""
    curate: CurateConfig = CurateConfig()
    """which synthetic rows are dropped"""
    target: TargetConfig = TargetConfig()
    """training of the soft prompt on the frozen target"""
    baselines: BaselineConfig = BaselineConfig()
    """methods without a tuned generator"""
    tracking: tuple[Tracker, ...] = ()
    """where numbers of training are logged beside log.jsonl"""

    @model_serializer(mode="wrap")
    def _leave_out(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys are those of before there was a name to give, and a choice of what to do with few rows."""
        off: dict[str, Any] = {"name": None, "imbalance": "even", "synthetic_columns": {}}
        return {name: value for name, value in dump(self).items() if name not in off or value != off[name]}
