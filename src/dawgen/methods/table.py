"""Which function does which method; what each trains, and on what, is in `dawgen.methods.spec`."""

from functools import partial

from dawgen.config import Method
from dawgen.methods.eda import fit_eda
from dawgen.methods.fine_tuning import fit_fine_tuning
from dawgen.methods.in_context import fit_in_context
from dawgen.methods.interface import Fit
from dawgen.methods.lora import fit_lora
from dawgen.methods.pooled_smoothed import fit_pooled_smoothed
from dawgen.methods.ppt import fit_ppt
from dawgen.methods.prompt_fine_tuning import fit_prompt_fine_tuning
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.soft_fine_tuning import fit_soft_fine_tuning
from dawgen.methods.spec import METHODS
from dawgen.methods.spot import fit_spot
from dawgen.methods.zero_shot import fit_zero_shot

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
