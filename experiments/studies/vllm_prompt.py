"""A causal bundle on vLLM: prompt and text go in as prompt embeds, the label words' log-probabilities come out.

    python -m experiments.studies.vllm_prompt BUNDLE --in texts.jsonl

vLLM has no soft prompts (such adapters were removed in 0.10), but takes a request as embeddings [P+T,H] in place of
token ids: those of the prompt, then those of the rendered text. Encoder-decoders are gone from vLLM: for a T5 there is
`dawgen serve`. `enable_prompt_embeds` trusts whoever sends tensors with the engine's memory; here they are our own.
Needs `pip install vllm` and what vLLM needs; 0.10 is the first with `logprobs_mode`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from dawgen.classifier.estimator import PromptClassifier
from dawgen.data import read
from dawgen.errors import ConfigError
from dawgen.models.resolve import resolve_model
from dawgen.prompt.soft_prompt import join
from dawgen.records import Example


def embed_requests(classifier: PromptClassifier, examples: Sequence[Example]) -> list[Tensor]:
    """Return what stands before each answer, [P+T,H] in the model's dtype on the CPU: the prompt and the text.

    Raises:
        ConfigError: the base model is an encoder-decoder, or a label has words of several tokens.
    """
    backbone, prompt = classifier.backbone_, classifier.prompt_
    if backbone.kind != "causal":
        raise ConfigError(
            f"{backbone.name}: expected a causal model, vLLM runs no encoder-decoder; see `dawgen serve`."
        )
    if classifier.label_words_.single is None:
        raise ConfigError("expected label words of one token each: vLLM is asked for one token; see `dawgen serve`.")
    rows = classifier.scorer_.render(examples).ids
    table = backbone.model.get_input_embeddings()
    requests = []
    for row in rows:
        ids = torch.tensor([row], device=backbone.model.device)
        with torch.no_grad():
            inputs, _ = join(prompt, table(ids), torch.ones_like(ids))
        requests.append(inputs[0].cpu())
    return requests


def read_answer(logprobs: Mapping[int, Any], words: Sequence[int]) -> list[float]:
    """Return the label words' probabilities [K] from what vLLM says of one position: {token: Logprob}.

    They are scaled to sum to 1 over the words, as dawgen has it.
    """
    shares = [math.exp(logprobs[word].logprob) for word in words]
    return [share / sum(shares) for share in shares]


def start_engine(classifier: PromptClassifier, **options: Any) -> Any:
    """Return vLLM's engine of the bundle's base model; options: more of its settings."""
    from vllm import LLM

    backbone = classifier.backbone_
    settings = {
        "model": resolve_model(backbone.name),
        "revision": backbone.revision,
        "dtype": classifier.dtype,
        "enable_prompt_embeds": True,
        "enable_prefix_caching": False,  # vllm#56655: wrong hits where embeds and tokens are mixed
        "logprobs_mode": "processed_logprobs",  # of the allowed tokens alone, so that all words are among the likeliest
        "max_logprobs": max(20, len(classifier.label_words_.ids)),
    }
    return LLM(**settings | options)


def classify(engine: Any, classifier: PromptClassifier, examples: Sequence[Example]) -> list[list[float]]:
    """Return label probabilities [N,K] by the engine: one new token each, of which only the label words are allowed."""
    from vllm import SamplingParams

    words = list(classifier.label_words_.single or ())
    params = SamplingParams(max_tokens=1, temperature=1.0, logprobs=len(words), allowed_token_ids=words)
    requests = [{"prompt_embeds": embeds} for embeds in embed_requests(classifier, examples)]
    outputs = engine.generate(requests, params)
    return [read_answer(output.outputs[0].logprobs[0], words) for output in outputs]


def main() -> None:
    """Classify the rows of a file by vLLM and by dawgen, and say how far they are apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--in", dest="source", required=True, help="examples; labels are not needed")
    arguments = parser.parse_args()
    classifier = PromptClassifier.load(arguments.bundle)
    examples = read(arguments.source, task=classifier.task_, need_label=False)
    found = torch.tensor(classify(start_engine(classifier), classifier, examples))
    own = torch.from_numpy(classifier.scorer_.score_examples(examples, classifier.prompt_)).exp()
    for row in found:
        print(classifier.task_.labels[int(row.argmax())], [round(float(share), 4) for share in row])
    print(f"largest difference from dawgen: {float((found - own).abs().max()):.2g} over {len(examples)} rows")


if __name__ == "__main__":
    main()
