"""One detector: it learns, it scores the test, and what it found is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedsvc.evaluation.checks import check_scores
from embedsvc.evaluation.pixels import PixelMetrics
from embedsvc.images.decode import decode_mask
from embedsvc.images.prepare import Preparation
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_survey import Survey
from embedsvc.progress import progress_bar

if TYPE_CHECKING:
    from embedsvc.detectors.base import AnomalyDetector

MAP_RANGE = (0.0, 64.0)
"""What maps are kept in: 0 is the normal median, 64 what hardly any normal cell exceeds."""

_MAP_SIDE = 96
_TIMED = 64


@dataclass(frozen=True, eq=False)
class Measured:
    """What one detector found.

    Attributes:
        scores: of the test images, float64 array of shape (n_test,).
        threshold: a score above it is an anomaly.
        allowed_rate: of false alarms; None where labelled anomalies chose the threshold.
        n_calibration: normal images that the threshold rests on.
        suspects: names of training images that are probably anomalies.
        fit_seconds: how long learning took.
        ms_per_image: how long scoring took, without maps.
        model_bytes: size of what was learned.
        settings: of the detector, as JSON values.
        pixel_auroc: None without masks or maps.
        aupro: None without masks or maps.
        preparation: how its images were prepared.
        maps: small maps of the test images in `MAP_RANGE`, uint8 array of shape (n_test, height',
            width'); None without maps.
    """

    scores: NDArray[np.float64]
    threshold: float
    allowed_rate: float | None
    n_calibration: int
    suspects: list[str]
    fit_seconds: float
    ms_per_image: float
    model_bytes: int
    settings: dict[str, Any]
    pixel_auroc: float | None
    aupro: float | None
    preparation: Preparation
    maps: NDArray[np.uint8] | None


def measure(detector: AnomalyDetector, survey: Survey, *, show_progress: bool = False) -> Measured:
    """Fit a detector and test it.

    Args:
        detector: one that has learned nothing yet.
        survey: the images.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: images or settings that the detector refuses, or scores that are not finite.
    """
    train = [*survey.normals, *(survey.labelled if detector.needs_anomalies else ())]
    described = detector.describe()  # Loads the backbone: no part of learning.
    start = time.perf_counter()
    detector.fit(
        [record.path for record in train],
        [int(record.label == 1) for record in train] if detector.needs_anomalies else None,
        groups=known_groups(train),
        show_progress=show_progress,
    )
    fit_seconds = time.perf_counter() - start
    ms_per_image = _time_scoring(detector, survey.test)
    with progress_bar(
        "Scoring", total=len(survey.test), unit="images", show=show_progress
    ) as advance:
        scores, maps, pixels = _score(detector, survey.test, advance)
    summary = pixels.result()
    return Measured(
        scores=check_scores(scores),
        threshold=float(detector.threshold_),
        allowed_rate=detector.calibration_.false_alarm_rate,
        n_calibration=len(detector.calibration_scores_),
        suspects=[train[i].name for i in detector.suspects_.tolist()],
        fit_seconds=fit_seconds,
        ms_per_image=ms_per_image,
        model_bytes=sum(array.nbytes for array in detector.state_.values()),
        settings=_plain({**described, **detector.get_params()}),
        pixel_auroc=summary.pixel_auroc,
        aupro=summary.aupro,
        preparation=detector.preparation,
        maps=maps,
    )


def known_groups(records: Sequence[ImageRecord]) -> list[str | None] | None:
    """The group of each image; None where none is known, so that look-alikes are found instead."""
    groups = [record.group for record in records]
    return groups if any(group is not None for group in groups) else None


def _time_scoring(detector: AnomalyDetector, test: Sequence[ImageRecord]) -> float:
    """Milliseconds an image, of images spread over the test."""
    chosen = [record.path for record in test[:: max(1, len(test) // _TIMED)]]
    seconds = []
    for _ in range(2):  # The first round may have to compile.
        start = time.perf_counter()
        for _batch in detector.score_stream(chosen):
            pass
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / len(chosen)


def _score(
    detector: AnomalyDetector, test: Sequence[ImageRecord], advance: Any
) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None, PixelMetrics]:
    """Scores, small maps, and the pixel figures where there are maps and masks."""
    scores, small = np.empty(len(test)), []
    pixels = PixelMetrics()
    has_masks = any(record.mask is not None for record in test)
    for batch in detector.score_stream(
        [record.path for record in test], with_maps=detector.has_maps, advance=advance
    ):
        scores[batch.indices] = batch.scores
        if batch.maps is None:
            continue
        for i, found, size in zip(
            batch.indices.tolist(), batch.maps, batch.sizes.tolist(), strict=True
        ):
            small.append(_small(found, detector.map_range_))
            if has_masks:
                _count_pixels(pixels, test[i], detector.preparation, found, (size[0], size[1]))
    return scores, np.stack(small) if small else None, pixels


def _count_pixels(
    pixels: PixelMetrics,
    record: ImageRecord,
    preparation: Preparation,
    anomaly_map: NDArray[np.float32],
    size: tuple[int, int],
) -> None:
    """Compare a map with the truth, on the original picture; without a truth there is no use."""
    if record.label == 1 and record.mask is None:
        return
    mask = np.zeros(size, np.bool_) if record.mask is None else decode_mask(record.mask)
    pixels.add(preparation.restore_map(anomaly_map, size), mask)


def _small(
    anomaly_map: NDArray[np.float32], map_range: tuple[float, float] | None
) -> NDArray[np.uint8]:
    """A map for a page: few cells, 8 bits."""
    low, high = map_range or (float(anomaly_map.min()), float(anomaly_map.max()))
    levels = MAP_RANGE[1] * (anomaly_map - low) / max(high - low, 1e-12)
    height, width = anomaly_map.shape
    scale = min(1.0, _MAP_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = Image.fromarray(np.asarray(levels, np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(np.clip(np.rint(np.asarray(resized)), 0, 255), np.uint8)


def _plain(value: Any) -> Any:
    """A setting as JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value
