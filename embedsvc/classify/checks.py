"""Checks of a classifier's settings, before anything is loaded."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from embedsvc.classify.labels import TASKS
from embedsvc.errors import InputError
from embedsvc.nets.losses import LOSSES
from embedsvc.nets.penalties import Penalty, parse_penalty
from embedsvc.nets.pooling import POOLINGS

_COUNTS = (
    ("epochs", 1, "a whole number from 1 or None"),
    ("batch_size", 1, "a whole number from 1 or None"),
    ("patience", 1, "a whole number from 1 or None"),
    ("max_tokens", 3, "a whole number from 3 or None"),
    ("seed", 0, "a whole number from 0"),
)
_NUMBERS: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("dropout", lambda x: 0 <= x < 1, "from 0 to below 1 or None"),
    ("warmup", lambda x: 0 <= x < 1, "from 0 to below 1"),
    ("validation_fraction", lambda x: 0 <= x < 1, "from 0 to below 1"),
    ("learning_rate", lambda x: 0 < x <= 3e38, "above 0 and at most 3e38 or None"),
    ("clip_norm", lambda x: x > 0, "above 0 or None"),
    ("weight_decay", lambda x: x >= 0, "of at least 0"),
    ("focal_gamma", lambda x: x >= 0, "of at least 0"),
)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check what needs neither texts nor a model.

    Args:
        settings: all of a `TextClassifier`, by name.

    Raises:
        InputError: a setting that cannot be; the message names it.
    """
    _check_choice("task", settings["task"], ("auto", *TASKS))
    _check_choice("loss", settings["loss"], LOSSES)
    if settings["pooling"] is not None:
        _check_choice("pooling", settings["pooling"], POOLINGS)
    unfreeze = settings["unfreeze"]
    if unfreeze != "all" and not (_is_whole(unfreeze) and int(unfreeze) >= 0):
        raise InputError(
            f"Expected unfreeze to be 'all' or a number of layers from 0, got {unfreeze!r}."
        )
    for name, low, words in _COUNTS:
        value = settings[name]
        if not (value is None and "None" in words) and not (_is_whole(value) and value >= low):
            raise InputError(f"Expected {name} to be {words}, got {value!r}.")
    for name, fits, words in _NUMBERS:
        value = settings[name]
        if not (value is None and "None" in words) and not (_is_number(value) and fits(value)):
            raise InputError(f"Expected {name} {words}, got {value!r}.")
    penalties_of(settings)


def penalties_of(settings: Mapping[str, Any]) -> tuple[dict[str, Penalty], Penalty | None]:
    """The penalties asked for, on activations by layer and on weights.

    Raises:
        InputError: one that is neither a known name nor callable.
    """
    asked: Mapping[str, Any] = settings["activity_penalties"] or {}
    activity = {layer: _penalty(value) for layer, value in asked.items()}
    on_weights = settings["weight_penalty"]
    return activity, None if on_weights is None else _penalty(on_weights)


def _penalty(value: Any) -> Penalty:
    if isinstance(value, str):
        return parse_penalty(value)
    if not callable(value):
        raise InputError(
            f"Expected a penalty such as 'l2:1e-4' or a function of activations, got {value!r}."
        )
    penalty: Penalty = value
    return penalty


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_real and math.isfinite(float(value))  # type: ignore[arg-type]


def _check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    choices = list(choices)
    if value not in choices:
        raise InputError(f"Expected {name} to be one of {', '.join(choices)}, got {value!r}.")
