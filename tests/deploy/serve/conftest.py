"""What the tests of the service share."""

from pathlib import Path

import pytest

from support.services import save_bundles
from support.targets import make_backbone


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundles(make_backbone(), tmp_path_factory.mktemp("bundles"))
