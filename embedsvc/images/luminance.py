"""How bright a colour looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue.

Source: ITU-R BT.601; Pillow's conversion to grey has the same.
"""


def luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey levels of RGB pixels, 0 to 255.

    Args:
        pixels: uint8 array of shape (..., 3).

    Returns:
        Float32 array of shape (...).
    """
    return np.asarray(pixels.astype(np.float32) @ LUMINANCE, np.float32)
