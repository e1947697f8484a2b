"""What surrounds a point, cut out of the grey picture to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from embedsvc.errors import InputError
from embedsvc.images.homographies import inside
from embedsvc.images.luminance import luminance

_FLAT = 1e-4
"""Of a row's length: a patch in which one pixel differs by one grey level has 0.004."""


def check_places(image: NDArray[np.uint8], points: ArrayLike) -> NDArray[np.float64]:
    """Check a picture, and points of it.

    Args:
        image: uint8 array of shape (height, width, 3).
        points: numbers of shape (n_points, 2).

    Returns:
        The points as float64.

    Raises:
        InputError: other shapes or types, or a point that is not inside the picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(
            "Expected an image as uint8 of shape (height, width, 3), got "
            f"{image.dtype} of shape {image.shape}. Read it with embedsvc.images.decode_image."
        )
    found = np.asarray(points, np.float64)
    if found.ndim != 2 or found.shape[1] != 2:
        raise InputError(
            f"Expected points of shape (n_points, 2), x and y, got the shape {found.shape}."
        )
    height, width = image.shape[:2]
    outside = np.flatnonzero(~inside(found, height, width))
    if len(outside):
        x, y = found[outside[0]]
        raise InputError(
            f"Expected points inside the image of {width} x {height} pixels, got ({x:g}, {y:g}) in "
            f"row {outside[0]} (counted from 0; {len(outside)} of {len(found)} are outside). Leave "
            "them out."
        )
    return found


def grey(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luminance from 0 to 1, float32 of shape (height, width)."""
    return luminance(image) / np.float32(255)


def sample(
    values: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Values between pixels, bilinear; beyond the edges the picture is reflected.

    Args:
        values: float32 of shape (height, width).
        x: to the right, any shape; 0 is the middle of the leftmost pixel.
        y: down, of the same shape.

    Returns:
        Float32 of the shape of x.
    """
    found: NDArray[np.float32] = ndimage.map_coordinates(values, [y, x], order=1, mode="mirror")
    return found


def cut_patches(
    image: NDArray[np.uint8], points: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    """Upright squares around points, one sample a pixel.

    Returns:
        Luminance from 0 to 1, float32 of shape (n_points, size, size).
    """
    steps = np.arange(size) - (size - 1) / 2
    x = points[:, 0, np.newaxis, np.newaxis] + np.zeros((size, 1)) + steps
    y = points[:, 1, np.newaxis, np.newaxis] + steps[:, np.newaxis] + np.zeros(size)
    return sample(grey(image), x, y)


def unit_rows(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scaled to length 1; a row of zeros, which has no direction, becomes equal numbers."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    plain = rows.shape[1] ** -0.5
    scaled = np.where(lengths > _FLAT, rows / np.maximum(lengths, _FLAT), plain)
    return np.asarray(scaled, np.float32)
