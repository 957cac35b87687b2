"""Which function does which method; what each trains, and on what, is in `dawgen.target.methods`."""

from functools import partial

from dawgen.baselines.eda import fit_eda
from dawgen.baselines.fine_tuning import fit_fine_tuning
from dawgen.baselines.in_context import fit_in_context
from dawgen.baselines.interface import Fit
from dawgen.baselines.lora import fit_lora
from dawgen.baselines.pooled_smoothed import fit_pooled_smoothed
from dawgen.baselines.ppt import fit_ppt
from dawgen.baselines.prompt_fine_tuning import fit_prompt_fine_tuning
from dawgen.baselines.prompts import fit_prompt
from dawgen.baselines.soft_fine_tuning import fit_soft_fine_tuning
from dawgen.baselines.spot import fit_spot
from dawgen.baselines.zero_shot import fit_zero_shot
from dawgen.config import Method
from dawgen.target.methods import METHODS

_OWN: dict[Method, Fit] = {
    "zero_shot": fit_zero_shot,
    "in_context": fit_in_context,
    "in_context_calibrated": partial(fit_in_context, calibrate=True),
    "fine_tuning": fit_fine_tuning,
    "prompt_fine_tuning": fit_prompt_fine_tuning,
    "soft_fine_tuning": fit_soft_fine_tuning,
    "lora": fit_lora,
    "ppt": fit_ppt,
    "spot": fit_spot,
    "eda": fit_eda,
    "pooled_smoothed": fit_pooled_smoothed,
}


def find_fit(method: Method) -> Fit:
    """Return the method's function; those without one of their own train a prompt in their schedule."""
    if method in _OWN:
        return _OWN[method]
    spec = METHODS[method]
    return partial(fit_prompt, schedule=spec.schedule or "real", surgery=spec.surgery)
