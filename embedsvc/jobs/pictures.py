"""Pictures of images and their anomaly maps for the pages: small JPEGs of equal colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedsvc.images.decode import array_image, decode_image
from embedsvc.images.loading import ImageLike
from embedsvc.images.prepare import Preparation
from embedsvc.report.pictures import draw_pictures, thumbnail_jpeg

_STRETCH = 1.25


def picture_of(source: ImageLike, *, max_side: int = 360) -> bytes:
    """An image as a small JPEG.

    Args:
        source: a file, the bytes of one, or an array.
        max_side: longest side in pixels; larger images are made smaller.

    Raises:
        InputError: the image is not readable.
    """
    return thumbnail_jpeg(_read(source), max_side)


def map_pictures(
    source: ImageLike,
    anomaly_map: NDArray[np.float32],
    preparation: Preparation,
    map_range: tuple[float, float],
    *,
    truth: NDArray[np.bool_] | None = None,
    max_side: int = 360,
) -> tuple[bytes, bytes]:
    """The anomaly map of an image in its own aspect, alone and over the image, as small JPEGs.

    Args:
        source: a file, the bytes of one, or an array.
        anomaly_map: float32 of shape (height', width'), as a detector gives it.
        preparation: the detector's, which knows where on the image the map lies.
        map_range: the detector's `map_range_`: what is normal on its maps, and what hardly any
            cell of a normal image exceeds.
        truth: where the defect is, bool of the shape of the image; its outline is drawn.
        max_side: longest side in pixels; larger images are made smaller.

    Returns:
        The map and the overlay.

    Raises:
        InputError: the image is not readable, or the truth has another shape.
    """
    image = _read(source)
    height, width = image.shape[:2]
    low, high = shown_range(map_range)
    pictures = draw_pictures(
        image,
        preparation.restore_map(anomaly_map, (height, width)),
        low=low,
        high=high,
        truth=truth,
        max_side=max_side,
    )
    return pictures.map_picture, pictures.overlay_picture


def shown_range(map_range: tuple[float, float]) -> tuple[float, float]:
    """The scores that are black and brightest, the same for all pictures of a detector.

    Black is what half of all normal cells exceed. The brightest lies a quarter farther than the
    highest thousandth of them, so that normal images stay dark and defects do not.

    Args:
        map_range: a detector's `map_range_`.

    Returns:
        Low and high, low < high.
    """
    low, high = map_range
    # Of constant maps the two are one number.
    reach = max(high - low, 1e-6 * max(abs(low), 1.0))
    return low, low + _STRETCH * reach


def _read(source: ImageLike) -> NDArray[np.uint8]:
    if isinstance(source, np.ndarray):
        return array_image(source)
    if isinstance(source, bytes):
        return decode_image(source)
    return decode_image(Path(source))
