"""The minis' tokenizer: a lower-cased Unigram model that keeps every word of the scenes world whole."""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SENTINELS = 20


def build_tokenizer(texts: Iterable[str], whole_words: Iterable[str], *, size: int) -> PreTrainedTokenizerFast:
    """Train on `texts`, give every whole word a piece of its own, and order the pieces by frequency.

    Special tokens are T5's: <pad> 0, </s> 1, <unk> 2, and the sentinels <extra_id_0>... at the end.
    """
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    learner = _wrap(models.Unigram())
    learner.train_from_iterator(texts, trainer)
    pieces = {piece: learner.token_to_id(piece) for piece in learner.get_vocab()}
    scores = dict(_read_scores(learner))
    # A whole word must beat any split of it: the best split of two pieces scores below -6.
    for word in whole_words:
        scores[f"▁{word}"] = max(scores.get(f"▁{word}", -6.0), -6.0)
    special = [piece for piece in pieces if piece.startswith("<") and piece.endswith(">")]
    ordered = sorted((p for p in scores if p not in special), key=lambda piece: (-scores[piece], piece))
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, scores[piece]) for piece in ordered)]
    tokenizer = _wrap(models.Unigram(vocabulary, unk_id=2))
    tokenizer.add_special_tokens([f"<extra_id_{i}>" for i in range(SENTINELS)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens=[f"<extra_id_{i}>" for i in range(SENTINELS)],
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )


def _wrap(model: models.Model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _read_scores(tokenizer: Tokenizer) -> Iterable[tuple[str, float]]:
    return ((piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"])
