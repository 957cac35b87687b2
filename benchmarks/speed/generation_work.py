"""What the generation benchmark writes with: model, prefix and first texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CTRLConfig, CTRLLMHeadModel, PreTrainedTokenizerFast

from dawgen.config import DecodeConfig
from dawgen.generator.codec import Codec
from dawgen.generator.prefix import read_prefix
from dawgen.generator.write.writer import Writer
from dawgen.rng import python_rng

SPECIAL = ("<pad>", "</s>", "<unk>")
END = 1
# FewGen's published sets have texts of 10 (MNLI) to 23 words (MRPC), 15 on average over its tasks: about 20 tokens.
MEAN_LENGTH = 20
PROMPT_WORDS = 9  # "Sentence 1 implies Sentence 2 . Sentence 1 :"
INFIX_WORDS = 3  # "Sentence 2 :"
TINY = {"vocab_size": 300, "n_embd": 32, "n_head": 2, "dff": 64, "n_layer": 2}  # for tests


@dataclass(frozen=True)
class Work:
    """What is written: every first text under every label of the writer, in its shards.

    openings: the last token of each label's prompt; infix: ids of the words between the texts. The prefix is not tuned,
    so that these ids are the same to the model as the writer's learned inputs.
    """

    writer: Writer
    texts: Sequence[str]
    openings: Sequence[int]
    infix: Sequence[int]


def make_work(
    size: dict[str, int], device: str, dtype: torch.dtype, *, texts: int, shard_texts: int, new_tokens: int = 50
) -> Work:
    """Return work for a CTRL of random weights whose words are numbers: text1 has 5 to 40 tokens, labels are three."""
    model = make_model(size, device, dtype)
    words = size["vocab_size"] - len(SPECIAL)
    codec = Codec(make_tokenizer(words), size["vocab_size"])
    rng = python_rng(0, "benchmark/generation")
    lengths = [1, INFIX_WORDS, *[PROMPT_WORDS] * 3, *(rng.randint(5, 40) for _ in range(texts))]
    code, infix, *drawn = (" ".join(str(rng.randrange(words)) for _ in range(length)) for length in lengths)
    prompts, first = drawn[:3], drawn[3:]
    prefix = read_prefix(model, codec, prompts, control_code=code, infix=infix)
    decode = DecodeConfig(strategy="greedy", contrast=0.0, shard_texts=shard_texts, max_new_tokens=new_tokens)
    writer = Writer(prefix, codec, ("a", "b", "c"), INFIX_WORDS, 128, pair=True, decode=decode, seed=0)
    return Work(writer, first, [codec.encode(prompt)[-1] for prompt in prompts], codec.encode(infix))


def make_model(size: dict[str, int], device: str, dtype: torch.dtype) -> Any:
    """Return a frozen CTRL of random weights made on its device, whose greedy texts end at mixed lengths.

    A tied head of random weights repeats the token it has just read, and small weights soon run in circles: so the head
    has weights of its own, and all weights are large.
    """
    with torch.random.fork_rng(devices=[device] if device.startswith("cuda") else []), torch.device(device):
        torch.manual_seed(0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = CTRLLMHeadModel(CTRLConfig(**size, tie_word_embeddings=False, initializer_range=0.3))
        finally:
            torch.set_default_dtype(before)
    model.eval().requires_grad_(False)
    spread_ends(model)
    return model


@torch.no_grad()
def spread_ends(model: Any, *, rows: int = 16, tokens: int = 24) -> None:
    """Set the end token's output bias so that it is the best token of one greedy step in MEAN_LENGTH.

    Each row's end is then about as likely at every step: lengths spread from 1 to the limit, which some never reach.
    """
    vocabulary = model.config.vocab_size
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(len(SPECIAL), vocabulary, (rows, tokens), generator=generator).to(model.device)
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=0,
        suppress_tokens=list(range(len(SPECIAL))),
        output_logits=True,
        return_dict_in_generate=True,
    )
    logits = torch.stack(output.logits).float()
    missing = logits[..., len(SPECIAL) :].amax(-1) - logits[..., END]
    model.lm_head.bias[END] = missing.flatten().quantile(1 / MEAN_LENGTH)


def make_tokenizer(words: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows the numbers below `words`, one token each."""
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *map(str, range(words))])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
