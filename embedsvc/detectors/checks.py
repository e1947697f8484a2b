"""What is checked of every detector: its settings, its images, and what it has learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError, InputError
from embedsvc.settings import fits, in_words, setting_types


def check_types(detector: object) -> None:
    """Compare settings with what the constructor declares.

    Raises:
        InputError: a setting is of another type; the message names it.
    """
    for name, hint in setting_types(type(detector)).items():
        value = getattr(detector, name)
        if not fits(value, hint):
            raise InputError(f"Expected {name} to be {in_words(hint)}, got {value!r}.")


def check_at_least(detector: object, least: Mapping[str, int]) -> None:
    """Compare settings with the least that each may be, by name.

    Raises:
        InputError: a setting is less; the message names it.
    """
    for name, number in least.items():
        value = getattr(detector, name)
        if value < number:
            raise InputError(f"Expected {name} to be at least {number}, got {value!r}.")


def check_counts(labels: NDArray[np.int64], *, kind: str, needs_anomalies: bool) -> None:
    """Check that there is something to learn from.

    Raises:
        InputError: fewer than 2 normal images, or than 2 anomalous ones where they are needed.
    """
    n_normal, n_anomalous = int((labels == 0).sum()), int((labels == 1).sum())
    if n_normal < 2:
        raise InputError(
            f"Expected at least 2 normal images to learn from, got {n_normal}. "
            "Give more pictures of good parts."
        )
    if needs_anomalies and n_anomalous < 2:
        raise InputError(
            f"Expected at least 2 labelled anomalies for {kind!r}, got {n_anomalous}. "
            "Label some, or choose a detector that learns from normal images alone."
        )


def check_scoring(
    score: Callable[[NDArray[np.uint8]], NDArray[Any]], size: tuple[int, int], *, kind: str
) -> None:
    """Score a black picture, as arrays of fitting shapes may still be of no use.

    Args:
        score: pixels of shape (n, height, width, 3) to scores of shape (n,).
        size: (height, width) of the picture.
        kind: of the detector, for the message.

    Raises:
        ArtifactError: there is no score, or it is not finite.
    """
    try:
        with np.errstate(all="ignore"):
            found = score(np.zeros((1, *size, 3), np.uint8))
    except (ValueError, TypeError, LookupError, ArithmeticError, tf.errors.OpError) as err:
        raise ArtifactError(
            f"Expected a {kind} detector that can score, but a black picture gave: {err}"
        ) from err
    if found.shape != (1,) or not np.isfinite(found).all():
        raise ArtifactError(
            f"Expected a {kind} detector that can score, but a black picture gave "
            f"{found.tolist()}. Save the detector again."
        )
