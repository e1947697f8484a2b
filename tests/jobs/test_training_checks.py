"""What both trainings check of their settings."""

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.training_checks import (
    check_continuing,
    check_known_settings,
    check_on_error,
)


def test_what_can_be_passes():
    for on_error in ("error", "skip"):
        check_on_error(on_error)
    check_continuing(resume=True, overwrite=False)
    check_known_settings({"epochs": 3}, ("epochs", "seed"), functions="Elsewhere.")


def test_what_cannot_be_is_named():
    with pytest.raises(InputError, match="on_error to be one of .* got 'stop'"):
        check_on_error("stop")
    with pytest.raises(InputError, match="resume or overwrite, got both"):
        check_continuing(resume=True, overwrite=True)
    with pytest.raises(InputError, match="out of epochs, seed, got 'epoch'.*mean 'epochs'"):
        check_known_settings({"epoch": 3}, ("epochs", "seed"), functions="")
    with pytest.raises(InputError, match="that JSON can hold, got: .* Take the class instead."):
        check_known_settings({"seed": print}, ("seed",), functions="Take the class instead.")
