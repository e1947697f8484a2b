"""What the page that compares detectors is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector, measured.

    Attributes:
        detector: its name.
        image_auroc: between 0 and 1; 0.5 is guessing.
        image_auroc_interval: the ends of its 95 % interval.
        average_precision: area under the precision-recall curve.
        f1: at the automatic threshold.
        false_alarm_rate: share of normal test images above that threshold.
        false_alarm_interval: the ends of its 95 % interval.
        fit_seconds: how long learning took.
        ms_per_image: how long scoring took.
        model_bytes: size of what was learned.
        pixel_auroc: None without masks or maps.
        aupro: area under the per-region overlap; None without masks or maps.
        is_baseline: whether this is what the others are compared with.
        note: a remark shown below its name.
    """

    detector: str
    image_auroc: float
    image_auroc_interval: tuple[float, float]
    average_precision: float
    f1: float
    false_alarm_rate: float
    false_alarm_interval: tuple[float, float]
    fit_seconds: float
    ms_per_image: float
    model_bytes: int
    pixel_auroc: float | None = None
    aupro: float | None = None
    is_baseline: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one detector said of one image.

    Attributes:
        rank: among all test images; 1 is the most anomalous.
        is_anomaly: its verdict.
        overlay: JPEG of its anomaly map over the image; None without a map.
    """

    rank: int
    is_anomaly: bool
    overlay: bytes | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """An image that detectors judged wrongly.

    Attributes:
        name: of the image.
        label: 0 normal, 1 anomalous.
        defect: kind of defect, where known.
        picture: JPEG of the image.
        judgements: by detector.
    """

    name: str
    label: int
    defect: str | None
    picture: bytes | None
    judgements: Mapping[str, Judgement]


@dataclass(frozen=True, eq=False)
class ComparisonReport:
    """All that the page shows.

    Attributes:
        title: of the page.
        dataset: what was measured on.
        n_train: normal images learned from.
        n_normal: normal test images.
        n_anomalous: anomalous test images.
        rows: one a detector, in any order.
        roc: detector to false- and true-positive rates, float of shape (n_points,) each.
        verdict: which detector to use and whether it was worth it, in a plain sentence.
        warnings: what to know before trusting the figures.
        misses: the worst, in the order shown.
    """

    title: str
    dataset: str
    n_train: int
    n_normal: int
    n_anomalous: int
    rows: Sequence[DetectorRow]
    roc: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]]
    verdict: str
    warnings: Sequence[str] = ()
    misses: Sequence[Miss] = ()
