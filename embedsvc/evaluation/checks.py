"""What every figure asks of its input: finite scores, labels 0 and 1, groups."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError

Groups = Iterable[object]


def check_scores(scores: ArrayLike, *, name: str = "scores") -> NDArray[np.float64]:
    """The scores as float64, shape (n,).

    Double precision matters: a threshold halfway between two neighbouring float32 scores is no
    float32.

    Raises:
        InputError: not one row of numbers, or some of them are not finite.
    """
    values = _array(scores, name=name)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise InputError(
            f"Expected {name} to be numbers of shape (n,), got {values.dtype} of shape "
            f"{values.shape}. Give one number an image."
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise InputError(
            f"Expected finite {name}, got {values[wrong[0]]} at position {wrong[0]} "
            f"({len(wrong)} of {len(values)} are not finite). Leave out the images that could "
            "not be scored."
        )
    return values.astype(np.float64)


def check_labels(labels: ArrayLike, n: int) -> NDArray[np.int64]:
    """The labels as int64, shape (n,): 0 normal, 1 anomalous.

    Raises:
        InputError: not n labels, or one of them is neither 0 nor 1.
    """
    values = _array(labels, name="labels")
    if values.shape != (n,):
        raise InputError(
            f"Expected as many labels as images, got labels of shape {values.shape} for {n} "
            "images. Give one label, 0 or 1, an image."
        )
    if n and not (values.dtype.kind in "biuf" and np.isin(values, (0, 1)).all()):
        other = next((v for v in values.tolist() if v not in (0, 1)), values.tolist()[0])
        raise InputError(
            f"Expected labels 0 (normal) and 1 (anomalous), got {other!r}. "
            "Leave out the images whose label is unknown."
        )
    return values.astype(np.int64)


def check_both_classes(labels: NDArray[np.int64], *, figure: str) -> None:
    """Raise InputError unless there are normal and anomalous images.

    Args:
        labels: 0 or 1, shape (n,).
        figure: what cannot be computed otherwise, for the message.
    """
    n_anomalous = int(labels.sum())
    n_normal = len(labels) - n_anomalous
    if not (n_normal and n_anomalous):
        raise InputError(
            f"Expected normal and anomalous images for the {figure}, got {n_normal} normal and "
            f"{n_anomalous} anomalous. Add labelled images of the other kind."
        )


def check_share(value: float, *, name: str) -> float:
    """The value, if it lies between 0 and 1, both excluded.

    Raises:
        InputError: it does not.
    """
    if not 0 < value < 1:
        raise InputError(
            f"Expected {name} to be more than 0 and less than 1, got {value}. "
            "Write 5 % as 0.05, for example."
        )
    return float(value)


def number_groups(groups: Groups | None, n: int) -> NDArray[np.int64]:
    """Numbers 0, 1, ... for the groups of n images, in the order of their first image.

    Args:
        groups: the group of each image: names, numbers, anything hashable; None among them is an
            image that stands alone. Without groups every image stands alone.
        n: how many images there are.

    Returns:
        int64 array of shape (n,); images with the same number belong together.

    Raises:
        InputError: not n groups.
    """
    if groups is None:
        return np.arange(n)
    names = list(groups.tolist()) if isinstance(groups, np.ndarray) else list(groups)
    if len(names) != n:
        raise InputError(
            f"Expected as many groups as images, got {len(names)} for {n}. Give one group an "
            "image, None for an image that stands alone."
        )
    # A pair holds the position, so that no name can be taken for an image that stands alone.
    keys = [(i, None) if name is None else (-1, name) for i, name in enumerate(names)]
    numbers: dict[tuple[int, object], int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _array(values: ArrayLike, *, name: str) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(
            f"Expected {name} to be one flat row, got nested rows of different lengths. "
            "Give one value an image."
        ) from error
