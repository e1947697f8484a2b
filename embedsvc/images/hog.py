"""Histograms of oriented gradients: the classical features every detector is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog

from embedsvc.errors import InputError
from embedsvc.images.luminance import luminance


def hog_features(
    pixels: NDArray[np.uint8], *, cell: int = 16, orientations: int = 9, block: int = 2
) -> NDArray[np.float32]:
    """HOG of each picture's luminance, blocks normalized by L2-Hys.

    Args:
        pixels: uint8 array of shape (n_images, height, width, 3).
        cell: side of a cell in pixels.
        orientations: bins of gradient direction, over 180 degrees.
        block: side of a block in cells.

    Returns:
        Float32 array of shape (n_images, dim); dim is orientations * block * block for each
        position of a block.

    Raises:
        InputError: the shape is another, or a picture is smaller than a block.

    Source: N. Dalal, B. Triggs: Histograms of oriented gradients for human detection, 2005;
        computed by scikit-image.
    """
    if pixels.ndim != 4 or pixels.shape[3] != 3:
        raise InputError(
            f"Expected pixels of shape (n_images, height, width, 3), got {pixels.shape}."
        )
    if min(cell, orientations, block) < 1:
        raise InputError(
            "Expected cell, orientations and block to be at least 1, got "
            f"{cell}, {orientations} and {block}."
        )
    rows, columns = (side // cell - block + 1 for side in pixels.shape[1:3])
    if min(rows, columns) < 1:
        raise InputError(
            f"Expected images of at least {cell * block} x {cell * block} pixels, got "
            f"{pixels.shape[1]} x {pixels.shape[2]}. Take smaller cells or larger images."
        )
    features = np.empty((len(pixels), rows * columns * block * block * orientations), np.float32)
    for row, image in zip(features, pixels, strict=True):
        row[:] = hog(
            luminance(image),
            orientations=orientations,
            pixels_per_cell=(cell, cell),
            cells_per_block=(block, block),
            block_norm="L2-Hys",
            feature_vector=True,
        )
    return features
