"""The images of a page as columns for its script, within what a browser handles at ease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from embedsvc.report.anomaly_data import ScoredImage
from embedsvc.report.page import data_url

MOST_ROWS = 20_000
MOST_PICTURE_BYTES = 16_000_000  # a third more once written as text


def page_rows(images: Sequence[ScoredImage], threshold: float) -> dict[str, Any]:
    """The images as columns, one entry an image.

    All images with a picture are in it, and the most anomalous others.

    Args:
        images: most anomalous first.
        threshold: scores above it are anomalous.

    Returns:
        Columns of equal length, `pictures` by position in them, and the names of the folders.

    Raises:
        InputError: a picture is no JPEG or PNG.
    """
    shown = _affordable(images)
    kept = [i for i in range(len(images)) if i < MOST_ROWS or i in shown]
    rows = [images[i] for i in kept]
    folders = sorted({image.folder for image in rows})
    place = {name: i for i, name in enumerate(folders)}
    return {
        "threshold": threshold,
        "folders": folders,
        "rank": [i + 1 for i in kept],
        "name": [image.name for image in rows],
        "folder": [place[image.folder] for image in rows],
        "score": [_short(image.score) for image in rows],
        "p_value": [_short(image.p_value) for image in rows],
        "anomalous": [int(image.is_anomaly) for image in rows],
        "label": [_flag(image.label) for image in rows],
        "defect": [image.defect for image in rows],
        "baseline_score": [_short(image.baseline_score) for image in rows],
        "baseline": [_flag(image.baseline_is_anomaly) for image in rows],
        "pictures": {
            row: [
                _url(images[i].picture),
                _url(images[i].map_picture),
                _url(images[i].overlay_picture),
            ]
            for row, i in enumerate(kept)
            if i in shown
        },
    }


def _affordable(images: Sequence[ScoredImage]) -> set[int]:
    """Positions of the images whose pictures fit into the page; misjudged ones come first."""
    shown, size = set(), 0
    for i in sorted(range(len(images)), key=lambda i: not images[i].is_misjudged):
        image = images[i]
        views = (image.picture, image.map_picture, image.overlay_picture)
        size += sum(len(view) for view in views if view)
        if size > MOST_PICTURE_BYTES:
            break
        if image.picture:
            shown.add(i)
    return shown


def _url(picture: bytes | None) -> str | None:
    return None if picture is None else data_url(picture)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _flag(value: int | None) -> int | None:
    return None if value is None else int(value)
