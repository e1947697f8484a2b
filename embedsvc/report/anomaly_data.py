"""What the page about scored images is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image and what was found.

    Attributes:
        name: as the user knows it, with forward slashes.
        folder: the folder it is counted under; "" for none.
        score: higher is more anomalous.
        p_value: how rare such a score is among normal images.
        is_anomaly: whether the score lies above the threshold.
        label: 0 normal, 1 anomalous, None unknown.
        defect: kind of defect, where known.
        baseline_score: of the HOG baseline.
        baseline_is_anomaly: verdict of the HOG baseline.
        picture: JPEG of the image itself; without it the image is listed in a table.
        map_picture: JPEG of its anomaly map.
        overlay_picture: JPEG of the map over the image.
    """

    name: str
    folder: str
    score: float
    p_value: float
    is_anomaly: bool
    label: int | None = None
    defect: str | None = None
    baseline_score: float | None = None
    baseline_is_anomaly: bool | None = None
    picture: bytes | None = None
    map_picture: bytes | None = None
    overlay_picture: bytes | None = None

    @property
    def is_misjudged(self) -> bool:
        """Whether the label is known and the verdict is another."""
        return self.label is not None and bool(self.label) != self.is_anomaly


@dataclass(frozen=True, slots=True)
class FolderCount:
    """What a folder held."""

    name: str
    n_images: int
    n_anomalous: int
    median_score: float


@dataclass(frozen=True, eq=False)
class Totals:
    """Counts over all images, where a report holds only the most anomalous of very many.

    Attributes:
        n_images: scored.
        n_anomalous: above the threshold.
        scores: of all images, or of a fair sample of them, for the histogram, shape (n,).
        folders: counts of each folder.
    """

    n_images: int
    n_anomalous: int
    scores: NDArray[np.floating]
    folders: Sequence[FolderCount] = ()


@dataclass(frozen=True, eq=False)
class AnomalyReport:
    """All that the page shows.

    Attributes:
        title: what was looked at.
        detector: its name.
        detector_about: one plain sentence how it works.
        settings: name to value, in the order shown.
        n_normal: normal images it learned from.
        normal_source: where they came from.
        trained_at: when, as text.
        fit_seconds: how long learning took.
        ms_per_image: how long scoring took.
        threshold: scores above it are anomalous.
        threshold_about: how it was chosen, as the end of a sentence: "at most 5 % false alarms,
            from 757 cross-fitted normal images".
        false_alarm_rate: the rate asked for, between 0 and 1; None if none was.
        calibration_scores: of normal images, float of shape (n,).
        images: the scored ones, in any order.
        failures: name and reason of each image that could not be read.
        warnings: what to know before trusting the result.
        metrics: name to value, such as image_auroc and pixel_auroc, where labels are known.
        baseline_metrics: the same of the HOG baseline.
        baseline_agreement: a sentence on how far the baseline agrees.
        totals: of all images, where `images` holds only some.
    """

    title: str
    detector: str
    detector_about: str
    settings: Mapping[str, str]
    n_normal: int
    normal_source: str
    trained_at: str
    fit_seconds: float
    ms_per_image: float
    threshold: float
    threshold_about: str
    false_alarm_rate: float | None
    calibration_scores: NDArray[np.floating]
    images: Sequence[ScoredImage]
    failures: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    metrics: Mapping[str, float | None] | None = None
    baseline_metrics: Mapping[str, float | None] | None = None
    baseline_agreement: str | None = None
    totals: Totals | None = None
