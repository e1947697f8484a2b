"""Pictures small enough for a page: thumbnails, and the three views of an image as JPEG bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.report.heatmap import check_image, colour_map, draw_outline, overlay

_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Pictures:
    """The three views of one image for a report, as JPEG bytes of equal size."""

    picture: bytes
    map_picture: bytes
    overlay_picture: bytes


def draw_pictures(
    image: NDArray[np.uint8],
    map: NDArray[np.float32],
    *,
    low: float,
    high: float,
    opacity: float = 0.6,
    truth: NDArray[np.bool_] | None = None,
    max_side: int = 360,
) -> Pictures:
    """The three pictures a report shows of one image: itself, its map, and both.

    Args:
        image: uint8 RGB of shape (height, width, 3).
        map: float32 of shape (height, width).
        low: score that is black in the map and transparent over the picture.
        high: score that is brightest.
        opacity: of the highest scores over the picture.
        truth: where the defect is; its outline is drawn into the map and the overlay.
        max_side: longest side in pixels; larger images are made smaller.

    Raises:
        InputError: the shapes do not agree, or an option is out of range.
    """
    check_image(image)
    for name, plane in (("map", map), ("truth", truth)):
        if plane is not None and plane.shape != image.shape[:2]:
            raise InputError(
                f"Expected a {name} as large as its image {image.shape[:2]}, got {plane.shape}. "
                "Bring it to the size of the image first."
            )
    small = _shrink(image, max_side)
    map = _shrink_plane(map, small)
    covered = overlay(small, map, low=low, high=high, opacity=opacity)
    coloured = colour_map(map, low=low, high=high)
    if truth is not None:
        # Any part of a defect in a pixel counts, so that a thin scratch keeps its outline.
        truth = _shrink_plane(truth.astype(np.float32), small) > 0
        covered, coloured = draw_outline(covered, truth), draw_outline(coloured, truth)
    return Pictures(*(thumbnail_jpeg(view, max_side) for view in (small, coloured, covered)))


def thumbnail_jpeg(image: NDArray[np.uint8], max_side: int = 360) -> bytes:
    """A picture as JPEG bytes, made smaller where its longest side exceeds `max_side` pixels.

    Args:
        image: uint8 RGB of shape (height, width, 3).
        max_side: pixels; smaller pictures keep their size.

    Raises:
        InputError: the image has another shape or type, or `max_side` is not positive.
    """
    check_image(image)
    buffer = io.BytesIO()
    # Full colour resolution: halved, it would smear thin outlines and small bright spots.
    Image.fromarray(_shrink(image, max_side)).save(
        buffer, "JPEG", quality=_QUALITY, subsampling=0, optimize=True
    )
    return buffer.getvalue()


def _shrink(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    if max_side < 1:
        raise InputError(f"Expected a longest side of at least 1 pixel, got {max_side}.")
    height, width = image.shape[:2]
    if max(height, width) <= max_side:
        return image
    scale = max_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3))


def _shrink_plane(plane: NDArray[np.float32], like: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = like.shape[:2]
    if plane.shape == (height, width):
        return plane
    small = Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32)
