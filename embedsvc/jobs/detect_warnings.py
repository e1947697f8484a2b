"""What to know before trusting the result."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import available_cores
from embedsvc.detectors.base import AnomalyDetector
from embedsvc.evaluation.scores import auroc
from embedsvc.images.loading import load_batches
from embedsvc.images.luminance import luminance
from embedsvc.images.near_duplicates import duplicated_between, thumbnail_descriptors
from embedsvc.jobs.detect_found import Found
from embedsvc.jobs.detect_learn import Fitted
from embedsvc.jobs.detect_pictures import path_of
from embedsvc.jobs.scoring import ScoredRow
from embedsvc.report.numbers import format_count, format_percent, plural

_FEW_NORMALS = 30
_SHOWN = 3
_CONFOUNDED = 0.8
_FEWEST_OF_EACH = 10
_FEWEST_FLAGGED = 10
_BORDER = 16
"""The border is one part in so many of a side: objects are in the middle, the lamp is not."""


def warnings_about(fitted: Fitted, found: Found) -> list[str]:
    """Everything worth a warning, the gravest first; some images are looked at again for it."""
    looked_at = found.looked_at
    descriptors, brightness, kept = _look(fitted.detector, looked_at)
    rows = [looked_at[i] for i in kept]
    return [
        *_shift(fitted.detector, found),
        *_known(found),
        *_duplicates(fitted.detector, found, rows, descriptors),
        *_contamination(fitted),
        *_brightness(rows, brightness),
        *_few_normals(fitted),
        *_unreadable(fitted),
    ]


def _look(
    detector: AnomalyDetector, rows: Sequence[ScoredRow]
) -> tuple[NDArray[np.float32], NDArray[np.float64], list[int]]:
    """Descriptors (n, dim), brightness of the border (n,), and positions of the readable rows."""
    descriptors, brightness, kept = [], [], []
    paths = [path_of(row) for row in rows]
    batches = load_batches(paths, detector.preparation, workers=available_cores(), on_error="skip")
    with closing(batches):
        for batch in batches:
            descriptors.append(thumbnail_descriptors(batch.pixels))
            brightness += [_border_brightness(one) for one in batch.pixels]
            kept += batch.indices.tolist()
    empty = np.empty((0, detector.descriptors_.shape[1]), np.float32)
    return np.concatenate([empty, *descriptors]), np.array(brightness), kept


def _border_brightness(pixels: NDArray[np.uint8]) -> float:
    """Mean luminance, 0 to 255, of the border of a picture of shape (height, width, 3)."""
    height, width = pixels.shape[:2]
    down, across = max(1, height // _BORDER), max(1, width // _BORDER)
    is_border = np.ones((height, width), np.bool_)
    is_border[down : height - down, across : width - across] = False
    return float(luminance(pixels[is_border]).mean())


def _shift(detector: AnomalyDetector, found: Found) -> list[str]:
    if found.n_anomalous < _FEWEST_FLAGGED or 2 * found.n_anomalous <= found.n_images:
        return []
    share = format_percent(found.n_anomalous / found.n_images)
    cure = (
        "Check that the normal images were taken in the same way."
        if detector.lighting == "normalize"
        else "Try --lighting normalize, and check that the normal images were taken in the same "
        "way."
    )
    return [
        f"{share} of the images are reported. Either most are bad, or they differ as a whole from "
        f"the normal images: another camera, lighting or position. {cure}"
    ]


def _known(found: Found) -> list[str]:
    if not found.n_known:
        return []
    verb = "is" if found.n_known == 1 else "are"
    return [
        f"{plural(found.n_known, 'image')} to score {verb} among the normal images, too: "
        f"{_names(found.known, found.n_known)}. The detector has learned that they are normal, so "
        "their scores say nothing."
    ]


def _duplicates(
    detector: AnomalyDetector,
    found: Found,
    rows: Sequence[ScoredRow],
    descriptors: NDArray[np.float32],
) -> list[str]:
    pairs = duplicated_between(detector.descriptors_, descriptors)
    if not pairs:
        return []
    names = [rows[i].name for i, _, _ in pairs]
    of = "" if len(rows) >= found.n_images else f" of {format_count(len(rows))} looked at"
    verb = "looks" if len(pairs) == 1 else "look"
    return [
        f"{plural(len(pairs), 'image')}{of} {verb} like a copy of a normal image: "
        f"{_names(names, len(names))}. If they show the same objects, all figures are better than "
        "they will be on new ones."
    ]


def _contamination(fitted: Fitted) -> list[str]:
    if not fitted.n_suspects:
        return []
    names = f": {_names(fitted.suspects, fitted.n_suspects)}" if fitted.suspects else ""
    verb = "looks like an anomaly itself" if fitted.n_suspects == 1 else "look like anomalies"
    return [
        f"{plural(fitted.n_suspects, 'normal image')} {verb}{names}. Look at them, and "
        "remove what is not normal."
    ]


def _brightness(rows: Sequence[ScoredRow], brightness: NDArray[np.float64]) -> list[str]:
    labelled = [i for i, row in enumerate(rows) if row.label is not None]
    labels = np.array([rows[i].label for i in labelled], np.int64)
    if min((labels == 0).sum(), (labels == 1).sum()) < _FEWEST_OF_EACH:
        return []
    area = auroc(brightness[labelled], labels)
    if max(area, 1 - area) < _CONFOUNDED:
        return []
    which = "brighter" if area > 0.5 else "darker"
    return [
        f"The labelled anomalies are {which} at their borders than the normal images: brightness "
        f"alone tells them apart with an AUROC of {max(area, 1 - area):.2f}. A difference in "
        "lighting can pass for a good detector; compare with --lighting normalize."
    ]


def _few_normals(fitted: Fitted) -> list[str]:
    n = len(fitted.detector.descriptors_)
    if n >= _FEW_NORMALS:
        return []
    return [
        f"There were only {n} normal images to learn from. Scores and threshold become much more "
        "reliable with 100 and more."
    ]


def _unreadable(fitted: Fitted) -> list[str]:
    if not fitted.n_unreadable:
        return []
    example = f", such as {fitted.unreadable[0]}" if fitted.unreadable else "."
    return [
        f"{plural(fitted.n_unreadable, 'normal image')} could not be read and "
        f"{'was' if fitted.n_unreadable == 1 else 'were'} left out{example}"
    ]


def _names(names: Sequence[str], count: int) -> str:
    more = count - min(len(names), _SHOWN)
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {format_count(more)} more" if more > 0 else shown
