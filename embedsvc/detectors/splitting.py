"""Which images a detector learns from and which it is judged on, while it is fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.conformal import conformal_threshold
from embedsvc.evaluation.splits import Indices, grouped_folds, grouped_holdout

HOLDOUT = 0.2


def learnable(labels: NDArray[np.int64], *, needs_anomalies: bool) -> Indices:
    """Positions of the images that a detector may learn from at all."""
    return np.arange(len(labels)) if needs_anomalies else np.flatnonzero(labels == 0)


def fitting_splits(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    n_folds: int,
    needs_anomalies: bool,
    false_alarm_rate: float | None,
    seed: int,
) -> list[tuple[Indices, Indices]]:
    """Part images into those to learn from and those held out.

    Args:
        labels: 0 or 1, shape (n_images,).
        groups: kept together, shape (n_images,).
        n_folds: so many such pairs, in which each image is held out once; with 1 a fifth is held
            out for good.
        needs_anomalies: whether anomalous images are learned from; otherwise they are in no part.
        false_alarm_rate: that the images held out have to vouch for.
        seed: equal seeds give equal parts.

    Returns:
        Positions to learn from and positions held out, for each fold.

    Raises:
        InputError: too few images or groups, or too few normal ones for the false alarm rate: told
            here, before anything is learned.
    """
    own = learnable(labels, needs_anomalies=needs_anomalies)
    n, marks, names = len(own), labels[own], groups[own]
    if n_folds == 1:
        parts = [grouped_holdout(n, fraction=HOLDOUT, groups=names, labels=marks, seed=seed)]
    else:
        folds = grouped_folds(n, n_folds=n_folds, groups=names, labels=marks, seed=seed)
        parts = [(np.setdiff1d(np.arange(n), fold), fold) for fold in folds]
    splits = [(own[learned], own[held_out]) for learned, held_out in parts]
    if false_alarm_rate is not None:
        n_held_out = sum(int((labels[held_out] == 0).sum()) for _, held_out in splits)
        conformal_threshold(np.zeros(n_held_out), false_alarm_rate)
    if needs_anomalies:
        _check_classes([labels[learned] for learned, _ in splits])
    return splits


def _check_classes(parts: list[NDArray[np.int64]]) -> None:
    for part in parts:
        if len(np.unique(part)) < 2:
            raise InputError(
                "Expected normal images and labelled anomalies of at least 2 groups each, as the "
                "threshold is chosen on groups that were not learned from, got all of one kind in "
                "one group. Label pictures of more objects."
            )
