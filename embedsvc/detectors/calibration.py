"""From scores of images a detector did not learn from to its threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.evaluation.conformal import conformal_threshold, default_rate
from embedsvc.evaluation.scores import best_f1_threshold

_FEWEST_ANOMALIES = 5
"""Fewer say nothing reliable about where the best F1 lies."""


@dataclass(frozen=True)
class Calibration:
    """A threshold and how it came about.

    Attributes:
        threshold: a score above it is an anomaly.
        scores: the normal images' scores it rests on, ascending, float64 of shape (n,).
        false_alarm_rate: the share of normal images that may lie above it; None where labelled
            anomalies chose the threshold.
        about: the same in words.
    """

    threshold: float
    scores: NDArray[np.float64]
    false_alarm_rate: float | None
    about: str


def calibrate(
    normal: NDArray[np.float64],
    anomalous: NDArray[np.float64],
    *,
    false_alarm_rate: float | None,
) -> Calibration:
    """Choose a threshold.

    Args:
        normal: scores of normal images that were not learned from, shape (n,).
        anomalous: scores of labelled anomalies, shape (m,); may be empty.
        false_alarm_rate: the share of false alarms allowed; None takes the best F1 where there
            are at least 5 labelled anomalies, otherwise 0.05 or the smallest rate so few images
            can vouch for.

    Returns:
        The threshold and its story.

    Raises:
        InputError: too few normal images for the rate.
    """
    scores = np.sort(normal)
    if false_alarm_rate is None and len(anomalous) >= _FEWEST_ANOMALIES:
        labels = np.repeat([0, 1], [len(normal), len(anomalous)])
        threshold, f1 = best_f1_threshold(np.concatenate([normal, anomalous]), labels)
        about = (
            f"best F1 ({f1:.2f}) on {len(normal)} normal and {len(anomalous)} anomalous images "
            "the detector had not seen"
        )
        return Calibration(threshold, scores, None, about)
    rate = default_rate(len(scores)) if false_alarm_rate is None else false_alarm_rate
    threshold = conformal_threshold(scores, rate)
    about = (
        f"at most {rate:.3g} of normal images lie above it, judging by {len(scores)} normal "
        "images the detector had not learned from"
    )
    return Calibration(threshold, scores, rate, about)
