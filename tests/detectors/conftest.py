"""What tests of detectors share."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.errors import OfflineError


@pytest.fixture(scope="session")
def lite0_folder() -> Path:
    """The real weights of the backbone, in the user's own cache."""
    try:
        return pull(get_model("efficientnet-lite0"))
    except OfflineError as err:
        pytest.skip(str(err))
