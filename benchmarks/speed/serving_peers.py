"""What a user would do with many prompts instead: one PEFT model that switches between them, request by request."""

from collections.abc import Sequence

import torch
from peft import PeftModel
from torch import Tensor

from benchmarks.speed.peft_prompts import find_prompt, score, wrap
from benchmarks.speed.serving_traffic import Request
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.models.load import Backbone


def wrap_all(backbone: Backbone, prompts: Sequence[LoadedPrompt]) -> PeftModel:
    """Return a PEFT model with an adapter for every prompt, by its name; it shares the backbone's weights."""
    model = wrap(backbone, prompts[0].prompt)
    for loaded in prompts:
        model.add_adapter(loaded.name, model.peft_config["default"])
        with torch.no_grad():
            find_prompt(model, loaded.name).copy_(loaded.prompt)
    model.set_adapter(prompts[0].name)
    model.delete_adapter("default")
    return model.eval()


@torch.inference_mode()
def ask_peft(model: PeftModel, prompts: Sequence[LoadedPrompt], traffic: Sequence[Request]) -> list[Tensor]:
    """Return the answers [K] of all requests in turn: a batch of PEFT has one adapter, and neighbours differ in theirs.

    Label words are picked from the logits of the whole vocabulary.
    """
    answers = []
    for request in traffic:
        loaded = prompts[request.prompt]
        model.set_adapter(loaded.name)
        answers.append(score(model, [request.ids], words=loaded.scorer.words.single)[0].cpu())
    return answers
