"""The table of methods: complete, and light to import."""

import subprocess
import sys
from typing import get_args

from dawgen.config import Method
from dawgen.methods.spec import METHODS


def test_every_method_has_its_row() -> None:
    assert tuple(METHODS) == get_args(Method)
    made = {"eda"}  # makes its second source itself
    assert all(
        spec.synthetic == (spec.schedule not in (None, "real")) for name, spec in METHODS.items() if name not in made
    )
    assert all((spec.trains is None) == (spec.schedule is None) for spec in METHODS.values())


def test_the_table_loads_without_torch() -> None:
    code = "import sys, dawgen.methods.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
