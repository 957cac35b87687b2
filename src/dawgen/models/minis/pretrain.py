"""Train the minis from scratch: `python -m dawgen.models.minis.pretrain mini-t5 --out FOLDER [--english FILE...]`.

Resumable and seeded: the batch of a step is a function of (seed, mini, step); the log has loss and tokens per second.
"""

import json
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import save_file
from torch import Tensor
from transformers import (
    Adafactor,
    CTRLConfig,
    CTRLLMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from dawgen.files import write_with
from dawgen.models.minis.card import write_card
from dawgen.models.minis.corpus import Mixture, Text, read_english, scenes_words
from dawgen.models.minis.objectives import draw_rows
from dawgen.models.minis.tokenizer import build_tokenizer
from dawgen.rng import derive_seed, python_rng

OPEN_SOURCES = ("wikisplit", "nq-open", "webquestions")
SAVE_EVERY = 200  # steps
LOG_EVERY = 50


def find_tokenizer(folder: Path, english: Sequence[Text], size: int) -> PreTrainedTokenizerFast:
    """Return the tokenizer that a mini in the folder has, else a new one."""
    if (folder / "tokenizer.json").is_file():
        return PreTrainedTokenizerFast.from_pretrained(folder)
    return train_tokenizer(english, size)


def train_tokenizer(english: Sequence[Text], size: int) -> PreTrainedTokenizerFast:
    """Train the shared tokenizer on the English texts, or on scenes alone where there are none."""
    rng = python_rng(0, "pretrain/tokenizer")
    rows = draw_rows("mini-ctrl", 2000, rng, (), Mixture())
    texts = [target for _, target in rows] + [text.plain for text in english[:40_000]]
    template = (
        "hypothesis premise answer sentence question 1 2 yes no maybe text implies contradicts supplements equivalent"
    )
    template += (
        " different relevant irrelevant from to is and are paragraph the : . , ? entailment neutral contradiction"
    )
    return build_tokenizer(texts, (scenes_words() + " " + template).split(), size=size if english else 600)


def build_model(mini: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Return the untrained mini: CTRL 160 wide with 4 layers, or T5 128 wide with 4 + 2."""
    ids: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    if mini == "mini-ctrl":
        sizes = {"n_positions": 256, "n_embd": 160, "dff": 640, "n_layer": 4, "n_head": 5}
        return CTRLLMHeadModel(CTRLConfig(**sizes, **ids, resid_pdrop=0.0, embd_pdrop=0.0, bos_token_id=None))
    sizes = {"d_model": 128, "d_kv": 32, "num_heads": 4, "d_ff": 512, "num_layers": 4, "num_decoder_layers": 2}
    return T5ForConditionalGeneration(T5Config(**sizes, **ids, dropout_rate=0.0, decoder_start_token_id=0))


def build_optimizer(mini: str, model: PreTrainedModel) -> tuple[torch.optim.Optimizer, float]:
    """Return the optimizer and its peak rate: AdamW for CTRL, Adafactor with steps in proportion to weights for T5.

    T5's matrices differ in scale by two orders of magnitude: with one absolute step size its attention does not learn
    to compare texts (measured: at chance after 150,000 rows, against 60 % with Adafactor).
    """
    if mini == "mini-ctrl":
        return torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01), 2e-3
    rate = 2e-2
    scaled = Adafactor(model.parameters(), lr=rate, scale_parameter=True, relative_step=False, warmup_init=False)
    return scaled, rate


def make_batch(tokenizer: PreTrainedTokenizerFast, rows: list[tuple[str, str]], seq2seq: bool) -> dict[str, Tensor]:
    """Tokenise rows to right-padded tensors [B,T]; labels are -100 at padding."""
    target = tokenizer([t for _, t in rows], padding=True, return_tensors="pt", truncation=True, max_length=64)
    labels = target.input_ids.masked_fill(target.attention_mask == 0, -100)
    if not seq2seq:
        return {"input_ids": target.input_ids, "attention_mask": target.attention_mask, "labels": labels}
    source = tokenizer([s for s, _ in rows], padding=True, return_tensors="pt", truncation=True, max_length=64)
    return {"input_ids": source.input_ids, "attention_mask": source.attention_mask, "labels": labels}


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 200 steps, then linear decay to a twentieth."""
    return peak * min((step + 1) / 200, max(0.05, 1 - step / steps))


def train(
    mini: Annotated[str, typer.Argument(help="mini-ctrl, mini-t5 or mini-flan")],
    out: Annotated[Path, typer.Option(help="folder for the model, its log and its checkpoint")],
    english: Annotated[list[Path] | None, typer.Option(help="JSONL files of unlabelled English")] = None,
    english_share: Annotated[float, typer.Option(help="batches of English")] = Mixture.english,
    english_pairs: Annotated[float, typer.Option(help="English texts with a connective")] = Mixture.english_pairs,
    agreement: Annotated[float, typer.Option(help="connectives that go with the relation")] = Mixture.agreement,
    init_from: Annotated[Path | None, typer.Option(help="a mini whose weights to start from")] = None,
    tokenizer_from: Annotated[Path | None, typer.Option(help="a mini whose tokenizer to share")] = None,
    steps: int = 4000,
    batch: int = 64,
    seed: int = 1,
    vocabulary: int = 2000,
    threads: int = 1,
) -> None:
    """Train one mini; run again with the same arguments to resume."""
    torch.set_num_threads(threads)
    mixture = Mixture(agreement=agreement, english=english_share if english else 0.0, english_pairs=english_pairs)
    texts = read_english(english or [], OPEN_SOURCES)
    random.Random(0).shuffle(texts)
    tokenizer = find_tokenizer(tokenizer_from or out / mini, texts, vocabulary)
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, f"pretrain/{mini}/init"))
        model = build_model(mini, tokenizer)
    optimizer, lr = build_optimizer(mini, model)
    checkpoint, step = out / "checkpoint.pt", 0
    if init_from is not None:
        started = type(model).from_pretrained(init_from, dtype=torch.float32)
        model.load_state_dict(started.state_dict())
    out.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    model.train()
    seconds, tokens, total = time.perf_counter(), 0, 0.0
    while step < steps:
        rng = python_rng(seed, f"pretrain/{mini}", step)
        rows = draw_rows(mini, batch, rng, texts, mixture)
        inputs = make_batch(tokenizer, rows, seq2seq=mini != "mini-ctrl")
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, lr)
        # bf16 matrix products halve the time on CPUs that have them; weights and optimiser stay in fp32.
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**inputs).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        tokens, total = tokens + int((inputs["input_ids"] != 0).sum()), total + loss.item()
        if step % LOG_EVERY == 0:
            elapsed = time.perf_counter() - seconds
            row = {"step": step, "loss": round(total / LOG_EVERY, 4), "tokens_per_second": round(tokens / elapsed)}
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            seconds, tokens, total = time.perf_counter(), 0, 0.0
        if step % SAVE_EVERY == 0 or step == steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            write_with(checkpoint, partial(torch.save, state))
            save_mini(model, tokenizer, out / mini)
    facts = {"steps": step, "batch": batch, "seed": seed}
    facts |= {"parameters": model.num_parameters(), "vocabulary": len(tokenizer)}
    write_card(out, mini, english or [], mixture, facts, init_from)


def save_mini(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save config, tokenizer and bf16 weights so that `from_pretrained` loads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    model.config.save_pretrained(folder)
    # Tied weights are stored once; loading ties them again.
    tied = _tied(model)
    kept = {n: t.to(torch.bfloat16).contiguous() for n, t in model.state_dict().items() if n not in tied}
    write_with(folder / "model.safetensors", lambda path: save_file(kept, path, metadata={"format": "pt"}))


def _tied(model: PreTrainedModel) -> set[str]:
    seen: dict[int, str] = {}
    tied = set()
    for name, tensor in model.state_dict().items():
        if seen.setdefault(tensor.data_ptr(), name) != name:
            tied.add(name)
    return tied


if __name__ == "__main__":
    typer.run(train)
