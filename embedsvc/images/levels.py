"""Grey levels of any depth, palettes and transparency to 8 bits of red, green and blue.

The scale is fixed by the type, never by what one picture holds: two pictures of one camera stay
comparable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ROUNDING = 1e-6


def eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Levels from 0 to 255.

    Of 16 bits the high byte is kept, as Pillow does where it reads colours of 16 bits: 65535
    becomes 255, and files that hold 8 bits times 256 or times 257 come back exactly.

    Args:
        values: bool, uint8, uint16, or float from 0 to 1; an array of any shape.

    Returns:
        A new uint8 array of the same shape.

    Raises:
        ValueError: the type is another, or values lie outside its range; the text says what was
            found.
    """
    if values.dtype == np.bool_:
        return np.asarray(np.where(values, 255, 0), np.uint8)
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return np.asarray(values >> 8, np.uint8)
    if values.dtype.kind != "f":
        raise ValueError(f"values of type {values.dtype}")
    _check_range(values, 1)
    return np.asarray(np.rint(np.clip(values, 0, 1) * np.float32(255)), np.uint8)


def rgb(image: Image.Image, *, ground: int = 255, bits: int = 16) -> Image.Image:
    """A picture of any Pillow mode as RGB.

    Args:
        image: the picture, loaded.
        ground: grey level behind what is transparent.
        bits: how many of the 16 bits of a grey picture were used, as its file states.

    Raises:
        ValueError: levels lie outside of what the mode allows; the text says what was found.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(eight_bits(_deep_levels(image, bits))).convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (ground, ground, ground, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_levels(image: Image.Image, bits: int) -> NDArray[Any]:
    levels = np.asarray(image)
    if image.mode == "I":
        # Some files of 16 bits arrive as 32.
        _check_range(levels, 65535)
        levels = levels.astype(np.uint16)
    return levels << (16 - bits) if bits < 16 else levels


def _check_range(values: NDArray[Any], largest: int) -> None:
    # Written so that NaN fails, too.
    if not (values.min() >= -_ROUNDING and values.max() <= largest + _ROUNDING):
        raise ValueError(f"values from {values.min():g} to {values.max():g}")
