"""SmolLM2 for tests that are marked `real`: skipped where it is not on the machine."""

import os

import pytest

from dawgen.models.known import SMOLLM2, find_known


def require_smollm2() -> str:
    """Return the name under which SmolLM2 is loaded; skips the test where its weights are not on the machine.

    DAWGEN_REAL=required fails the test instead, DAWGEN_REAL=skip skips it in any case.
    """
    wanted = os.environ.get("DAWGEN_REAL")
    if wanted == "skip":
        pytest.skip("DAWGEN_REAL=skip: another run has the tests on real weights")
    if find_known(SMOLLM2, check=False) is None:
        reason = f"no weights of {SMOLLM2.hub}: {' and '.join(SMOLLM2.needs)}"
        if wanted == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return SMOLLM2.name
