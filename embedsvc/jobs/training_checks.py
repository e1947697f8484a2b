"""What both trainings check of their settings, before TensorFlow is loaded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from embedsvc.errors import InputError
from embedsvc.extract.missing import ON_ERROR


def check_on_error(on_error: str) -> None:
    """Raise InputError unless it says what to do about defects."""
    if on_error not in ON_ERROR:
        raise InputError(f"Expected on_error to be one of {ON_ERROR}, got {on_error!r}.")


def check_continuing(*, resume: bool, overwrite: bool) -> None:
    """Raise InputError where an earlier run is to be continued and replaced at once."""
    if resume and overwrite:
        raise InputError(
            "Expected resume or overwrite, got both. --resume continues what is there, "
            "--overwrite replaces it."
        )


def check_known_settings(
    settings: Mapping[str, Any], known: Sequence[str], *, functions: str
) -> None:
    """Check the names of settings, and that they can be written down.

    Args:
        settings: by name.
        known: the names there are.
        functions: a sentence that says where functions are taken, which JSON cannot hold.

    Raises:
        InputError: an unknown name, or a value that JSON cannot hold.
    """
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise InputError(f"Expected settings out of {', '.join(known)}, got {name!r}.{guess}")
    try:
        orjson.dumps(settings)
    except TypeError as err:
        raise InputError(f"Expected settings that JSON can hold, got: {err}. {functions}") from err
