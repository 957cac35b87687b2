"""Token rows: learned places, targets, cutting, and what tokenizers of other kinds need."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dawgen.generator.codec import Codec, TokenRow, collate
from dawgen.generator.prefix import take_turns
from dawgen.records import Example
from support.tiny import tiny_tokenizer


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of GPT-2's kind: a space belongs to the word after it."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["a man is a man\n\n", "a cat is a cat\n\n"] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def test_learned_places_and_targets_of_a_pair_and_of_a_single_text() -> None:
    codec = Codec(tiny_tokenizer(), 260)
    man, sleeping = codec.encode("man")[0], codec.encode("sleeping")[0]
    row, cut = codec.encode_row(Example("man", "sleeping"), 1, infix=2, limit=20)
    assert (row, cut) == (TokenRow(1, (-1, man, -2, -3), (sleeping, codec.end)), False)
    assert codec.encode_row(Example("man"), 0, infix=0, limit=20)[0] == TokenRow(0, (-1,), (man, codec.end))


def test_cutting_takes_text1_first_and_a_cut_text2_loses_its_end() -> None:
    codec = Codec(tiny_tokenizer(), 260)
    man, cat = codec.encode("man")[0], codec.encode("cat")[0]
    row, cut = codec.encode_row(Example("man " * 9, "cat " * 3), 0, infix=1, limit=8)
    assert (row.context, row.target, cut) == ((-1, man, man, -2), (cat, cat, cat, codec.end), True)
    row, cut = codec.encode_row(Example("man " * 9, "cat " * 9), 0, infix=1, limit=8)
    assert (row.context, row.target, cut) == ((-1, -2), (cat,) * 6, True)


def test_every_position_predicts_the_token_after_it() -> None:
    rows = [TokenRow(0, (-1, 7, -2), (8, 9, 1)), TokenRow(1, (-1,), (5, 1))]
    batch = collate(rows)
    assert batch.inputs.tolist() == [[-1, 7, -2, 8, 9], [-1, 5, 0, 0, 0]]
    assert batch.mask.sum(1).tolist() == [5, 2]
    assert list(zip(batch.rows.tolist(), batch.columns.tolist(), batch.targets.tolist(), strict=True)) == [
        (0, 2, 8),
        (0, 3, 9),
        (0, 4, 1),
        (1, 0, 5),
        (1, 1, 1),
    ]
    spread = batch.under(take_turns(3)[:, 1:])
    assert spread.labels.tolist() == [1, 2, 2, 0]
    assert torch.equal(spread.rows, torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3, 3]))


def test_byte_level_words_keep_their_space_and_line_breaks_are_banned() -> None:
    tokenizer = byte_level_tokenizer()
    codec = Codec(tokenizer, 310)
    assert codec.encode("man")[0] == tokenizer(" a man is")["input_ids"][1]
    assert codec.decode(codec.encode(" a  man\nis ")) == "a man is"
    breaks = {token for token in range(len(tokenizer)) if "\n" in tokenizer.decode([token])}
    assert len(breaks) > 1
    assert breaks <= set(codec.banned)
    assert set(range(len(tokenizer), 310)) <= set(codec.banned)
    assert codec.end not in codec.banned
