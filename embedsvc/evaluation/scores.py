"""How well image scores part the anomalous images from the normal ones.

Everywhere: a higher score is more anomalous, label 1 is anomalous, and an image is called
anomalous when its score is **strictly greater** than the threshold (`is_anomalous`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import check_both_classes, check_labels, check_scores

_DRAWN_POINTS = 200


def is_anomalous(scores: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Whether each score lies above the threshold; the one place of this comparison.

    Compared in double precision: NumPy would otherwise round the threshold to float32 first.

    Args:
        scores: numbers of shape (n,).
        threshold: a score equal to it is normal.

    Returns:
        bool array of shape (n,).

    Raises:
        InputError: scores that are not finite, or a threshold that is not a number.
    """
    if math.isnan(threshold):
        raise InputError("Expected a threshold, got nan. Learn one from normal images first.")
    return check_scores(scores) > float(threshold)


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """The chance that an anomalous image scores higher than a normal one; ties count half.

    Args:
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        The area under the ROC curve, 0 to 1; 0.5 is guessing.

    Raises:
        InputError: bad scores or labels, or one class only.

    Example:
        >>> auroc([0.1, 0.2, 0.9], [0, 0, 1])
        1.0
    """
    scores, labels = _checked(scores, labels, figure="AUROC")
    return float(roc_auc_score(labels, scores))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """The precision averaged over the anomalous images found, best score first.

    Args:
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        The area under the precision-recall curve, as steps; guessing gives the share of anomalies.

    Raises:
        InputError: bad scores or labels, or one class only.
    """
    scores, labels = _checked(scores, labels, figure="average precision")
    return float(average_precision_score(labels, scores))


def f1_at(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """The F1 score of `score > threshold`; 0 when nothing lies above it.

    Raises:
        InputError: bad scores, labels or threshold, or one class only.
    """
    scores, labels = _checked(scores, labels, figure="F1 score")
    return float(f1_score(labels, is_anomalous(scores, threshold), zero_division=0.0))


def precision(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """The share of anomalies among the images above the threshold; 0 when there are none.

    Raises:
        InputError: bad scores, labels or threshold, or one class only.
    """
    scores, labels = _checked(scores, labels, figure="precision")
    return float(precision_score(labels, is_anomalous(scores, threshold), zero_division=0.0))


def recall(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """The share of the anomalous images that lie above the threshold.

    Raises:
        InputError: bad scores, labels or threshold, or no anomalous image.
    """
    scores, labels = _checked(scores, labels)
    if not labels.any():
        raise InputError(
            f"Expected anomalous images for the recall, got {len(labels)} normal ones. "
            "Add labelled anomalies."
        )
    return float(recall_score(labels, is_anomalous(scores, threshold)))


def false_alarm_rate(scores: ArrayLike, labels: ArrayLike, threshold: float) -> float:
    """The share of the normal images that lie above the threshold.

    Raises:
        InputError: bad scores, labels or threshold, or no normal image.
    """
    scores, labels = _checked(scores, labels)
    if labels.all():
        raise InputError(
            f"Expected normal images for the false alarm rate, got {len(labels)} anomalous ones. "
            "Add images labelled normal."
        )
    return float(is_anomalous(scores[labels == 0], threshold).mean())


def best_f1_threshold(scores: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """The threshold with the highest F1 score, and that score.

    Choose it on a validation part, never on the images that are reported.

    Args:
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        The threshold, halfway between the two scores it parts (just below the lowest score where
        calling everything anomalous is best), and the F1 of `score > threshold`. Of equally good
        ones the highest, which gives the fewest alarms.

    Raises:
        InputError: bad scores or labels, or one class only.

    Example:
        >>> best_f1_threshold([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
        (1.5, 1.0)
    """
    scores, labels = _checked(scores, labels, figure="best F1 threshold")
    order = np.argsort(-scores, kind="stable")
    falling, hits = scores[order], np.cumsum(labels[order])
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # the last of each tie
    f1 = 2 * hits[ends] / (ends + 1 + hits[-1])  # 2 TP / (alarms + anomalies)
    best = int(np.argmax(f1))
    lowest_above = float(falling[ends[best]])
    if best == len(ends) - 1:
        return float(np.nextafter(lowest_above, -np.inf)), float(f1[best])
    return _halfway(float(falling[ends[best] + 1]), lowest_above), float(f1[best])


def roc_points(
    scores: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ROC curve with few enough points to draw.

    Args:
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        False and true positive rates, float64 of shape (n_points,) with n_points at most 200,
        both rising from 0 to 1. No corner of the whole curve is farther than 0.011 from one kept.

    Raises:
        InputError: bad scores or labels, or one class only.
    """
    scores, labels = _checked(scores, labels, figure="ROC curve")
    fpr, tpr, _ = roc_curve(labels, scores)
    if len(fpr) > _DRAWN_POINTS:
        # Even steps along the curve; both rates rise, so their sum does.
        steps = np.linspace(0, 2, _DRAWN_POINTS)
        kept = np.unique(np.searchsorted(fpr + tpr, steps).clip(max=len(fpr) - 1))
        fpr, tpr = fpr[kept], tpr[kept]
    return np.asarray(fpr, np.float64), np.asarray(tpr, np.float64)


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """The figures of one detector on labelled images.

    Attributes:
        auroc: area under the ROC curve.
        average_precision: area under the precision-recall curve.
        f1: at the threshold, like the next three.
        precision: share of anomalies among the images above it; 0 when there are none.
        recall: share of the anomalies above it.
        false_alarm_rate: share of the normal images above it.
        threshold: an image is anomalous if its score is greater.
        n_normal: how many normal images there were.
        n_anomalous: how many anomalous images there were.

    A figure is None where the class it needs is missing: normal images for the false alarm rate,
    anomalous ones for the recall, both for the others.
    """

    auroc: float | None
    average_precision: float | None
    f1: float | None
    precision: float | None
    recall: float | None
    false_alarm_rate: float | None
    threshold: float
    n_normal: int
    n_anomalous: int


def image_metrics(scores: ArrayLike, labels: ArrayLike, threshold: float) -> ImageMetrics:
    """Every figure that the labels allow.

    Args:
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,); one class, or no image at all, is allowed.
        threshold: where an image is called anomalous.

    Raises:
        InputError: bad scores, labels or threshold.
    """
    scores, labels = _checked(scores, labels)
    is_anomalous(scores, threshold)  # refuses a bad threshold even where no figure needs it
    n_anomalous = int(labels.sum())
    n_normal = len(labels) - n_anomalous
    both = n_normal > 0 and n_anomalous > 0
    return ImageMetrics(
        auroc=auroc(scores, labels) if both else None,
        average_precision=average_precision(scores, labels) if both else None,
        f1=f1_at(scores, labels, threshold) if both else None,
        precision=precision(scores, labels, threshold) if both else None,
        recall=recall(scores, labels, threshold) if n_anomalous else None,
        false_alarm_rate=false_alarm_rate(scores, labels, threshold) if n_normal else None,
        threshold=float(threshold),
        n_normal=n_normal,
        n_anomalous=n_anomalous,
    )


def _checked(
    scores: ArrayLike, labels: ArrayLike, *, figure: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Both as arrays; `figure` names one that needs both classes."""
    checked = check_scores(scores)
    marks = check_labels(labels, len(checked))
    if figure is not None:
        check_both_classes(marks, figure=figure)
    return checked, marks


def _halfway(low: float, high: float) -> float:
    middle = low / 2 + high / 2  # the sum of two large ones would overflow
    # Between neighbouring floats there is nothing, and a score equal to the threshold is normal.
    return middle if low <= middle < high else low
