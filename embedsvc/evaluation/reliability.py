"""Whether a probability means what it says: of the texts with 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import as_array


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence against correctness, in bins of equal width.

    Attributes:
        edges: float64 of shape (n_bins + 1,), 0 to 1. A bin holds its upper edge and not its
            lower one; 0 lies in the first.
        counts: int64 of shape (n_bins,), the predictions in each bin.
        mean_confidence: float64 of shape (n_bins,), NaN for an empty bin.
        accuracy: float64 of shape (n_bins,), the share that was right, NaN for an empty bin.
        expected_calibration_error: the mean of |accuracy - mean confidence|, each bin weighing
            as many as it holds; 0 is perfect.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    mean_confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    expected_calibration_error: float


def reliability(confidences: ArrayLike, correct: ArrayLike, n_bins: int = 10) -> Reliability:
    """Compare how sure a classifier was with how often it was right.

    For one label a text give the probability of the label that was predicted and whether it was
    right; for independent labels the probability of each label and whether it applies.

    Args:
        confidences: numbers from 0 to 1, shape (n,).
        correct: 0 or 1, or bool, shape (n,).
        n_bins: how many bins.

    Returns:
        The bins and the expected calibration error.

    Raises:
        InputError: nothing to compare, confidences outside 0 to 1, other lengths, or no bin.

    Example:
        >>> found = reliability([0.95, 0.85, 0.85, 0.85], [1, 1, 1, 0], n_bins=2)
        >>> found.counts.tolist(), round(found.expected_calibration_error, 3)
        ([0, 4], 0.125)

    Source:
        Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017
        (https://arxiv.org/abs/1706.04599).
    """
    sure = _check_confidences(confidences)
    right = _check_correct(correct, len(sure))
    if n_bins < 1:
        raise InputError(f"Expected n_bins to be at least 1, got {n_bins}. Ten are usual.")
    if not len(sure):
        raise InputError("Expected predictions to compare, got none. Give labelled texts.")
    edges = np.linspace(0, 1, n_bins + 1)
    place = np.maximum(np.searchsorted(edges, sure, side="left") - 1, 0)
    counts = np.bincount(place, minlength=n_bins)
    filled = np.where(counts, counts, np.nan)  # 0 / NaN is NaN without a warning
    mean = np.bincount(place, weights=sure, minlength=n_bins) / filled
    accuracy = np.bincount(place, weights=right, minlength=n_bins) / filled
    error = float(np.nansum(counts * np.abs(accuracy - mean)) / len(sure))
    return Reliability(edges, counts, mean, accuracy, error)


def _check_confidences(confidences: ArrayLike) -> NDArray[np.float64]:
    values = as_array(confidences, name="confidences")
    if values.ndim != 1 or (values.size and values.dtype.kind not in "fiu"):
        raise InputError(
            f"Expected confidences to be numbers of shape (n,), got {values.dtype} of shape "
            f"{values.shape}. Give one number a prediction."
        )
    values = values.astype(np.float64)
    outside = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(outside):
        raise InputError(
            f"Expected confidences from 0 to 1, got {values[outside[0]]} at position "
            f"{outside[0]}. Give probabilities, not logits."
        )
    return values


def _check_correct(correct: ArrayLike, n: int) -> NDArray[np.int64]:
    values = as_array(correct, name="correct")
    right = values.shape == (n,) and (not n or values.dtype.kind in "biuf")
    if not right or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"Expected correct to be 0 or 1 for each of {n} predictions, got {values.dtype} of "
            f"shape {values.shape}. Write 1 where the prediction was right."
        )
    return values.astype(np.int64)
