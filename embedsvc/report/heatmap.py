"""Where a picture is unusual: anomaly maps as colours, laid over pictures, with outlines.

Use the same `low` and `high` for all pictures of a report, so that equal colours mean equal scores.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from embedsvc.errors import InputError, OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.files import atomic_write

# Ten even steps through "inferno", from which the table is interpolated. Source: matplotlib's
# colour map by Stéfan van der Walt and Nathaniel Smith, CC0, https://bids.github.io/colormap/.
# Its lightness rises evenly, so it reads right in grey and for every kind of colour vision.
_ANCHORS = "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4"

# Cyan is in no part of that map; the dark rim keeps it visible on bright pictures.
_OUTLINE, _RIM = (0, 229, 255), (8, 24, 32)
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


def colour_map(map: NDArray[np.float32], *, low: float, high: float) -> NDArray[np.uint8]:
    """An anomaly map as colours, from black (`low` and less) to pale yellow (`high` and more).

    Args:
        map: float32 of shape (height, width); what is not a number is shown as `low`.
        low: the score that is black.
        high: the score that is pale yellow.

    Returns:
        uint8 RGB of shape (height, width, 3).

    Raises:
        InputError: the map has another shape, or `low` is not below `high`.

    Example:
        >>> colour_map(np.float32([[0.0, 1.0]]), low=0.0, high=1.0).tolist()
        [[[0, 0, 4], [252, 255, 164]]]
    """
    colours: NDArray[np.uint8] = _table()[np.rint(255 * _level(map, low, high)).astype(np.uint8)]
    return colours


def css_gradient() -> str:
    """The colours of `colour_map` from low to high, as CSS for a legend."""
    return f"linear-gradient(90deg, {', '.join(f'#{colour}' for colour in _ANCHORS.split())})"


def overlay(
    image: NDArray[np.uint8],
    map: NDArray[np.float32],
    *,
    low: float,
    high: float,
    opacity: float = 0.6,
) -> NDArray[np.uint8]:
    """A picture under its anomaly map; where the map is low the picture shows through.

    Args:
        image: uint8 RGB of shape (height, width, 3).
        map: float32 of shape (height, width).
        low: scores up to this leave the picture as it is.
        high: scores from this on cover the picture with `opacity`.
        opacity: 0 shows the picture alone; at 1 the highest scores hide it.

    Returns:
        uint8 RGB of shape (height, width, 3).

    Raises:
        InputError: the shapes do not agree, or an option is out of range.
    """
    check_image(image)
    if image.shape[:2] != map.shape:
        raise InputError(
            f"Expected a map as large as its image {image.shape[:2]}, got {map.shape}. "
            "Bring it back to the size of the image first, with Preparation.restore_map."
        )
    _check_opacity(opacity)
    weight = opacity * _smoothstep(_level(map, low, high))[..., None]
    mixed = (1 - weight) * image + weight * colour_map(map, low=low, high=high)
    return np.rint(mixed).astype(np.uint8)


def overlay_png(
    map: NDArray[np.float32], *, low: float, high: float, opacity: float = 0.6
) -> bytes:
    """An anomaly map as a PNG to be laid over its picture, where it then looks like `overlay`.

    It has 256 colours, each with its own transparency: a quarter of the size of separate channels
    and several times as quick, and no level is off by more than one.

    Args:
        map: float32 of shape (height, width), as large as the picture is shown.
        low: scores up to this are transparent.
        high: scores from this on have `opacity`.
        opacity: of the highest scores.

    Raises:
        InputError: the map has another shape, or an option is out of range.
    """
    _check_opacity(opacity)
    image = Image.fromarray(np.rint(255 * _level(map, low, high)).astype(np.uint8))
    image.putpalette(_table().tobytes())
    alpha = np.rint(255 * opacity * _smoothstep(np.linspace(0, 1, 256, dtype=np.float32)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=alpha.astype(np.uint8).tobytes())
    return buffer.getvalue()


def outline(mask: NDArray[np.bool_], *, thickness: int = 1) -> NDArray[np.bool_]:
    """The contour around a mask, outside of it, so that what it marks stays visible.

    Args:
        mask: bool of shape (height, width).
        thickness: pixels.

    Returns:
        bool of shape (height, width).

    Raises:
        InputError: the mask has another shape or type, or the thickness is not positive.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise InputError(
            f"Expected a bool mask of shape (height, width), got {mask.dtype} of shape "
            f"{mask.shape}. Read it with decode_mask."
        )
    if thickness < 1:
        raise InputError(f"Expected a thickness of at least 1 pixel, got {thickness}.")
    square = np.ones((3, 3), bool)
    grown = ndimage.binary_dilation(mask, structure=square, iterations=thickness)
    return np.asarray(grown & ~mask, bool)


def draw_outline(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], *, thickness: int = 1
) -> NDArray[np.uint8]:
    """A copy of a picture with the contour of its ground truth drawn in cyan with a dark rim.

    Args:
        image: uint8 RGB of shape (height, width, 3).
        mask: bool of shape (height, width).
        thickness: of the cyan line, pixels.

    Returns:
        uint8 RGB of shape (height, width, 3).

    Raises:
        InputError: the shapes do not agree.
    """
    check_image(image)
    line = outline(mask, thickness=thickness)
    if image.shape[:2] != mask.shape:
        raise InputError(
            f"Expected a mask as large as its image {image.shape[:2]}, got {mask.shape}. "
            "Resize the mask, or name the mask of this image."
        )
    drawn = image.copy()
    drawn[outline(mask | line)] = _RIM
    drawn[line] = _OUTLINE
    return drawn


def write_overlay(
    path: Path,
    image: NDArray[np.uint8],
    map: NDArray[np.float32],
    *,
    low: float,
    high: float,
    opacity: float = 0.6,
    truth: NDArray[np.bool_] | None = None,
) -> None:
    """Write a picture under its anomaly map in full size, with the outline of the truth if given.

    Args:
        path: ends with .png, .jpg or .jpeg; its folder is made if need be.
        image: uint8 RGB of shape (height, width, 3).
        map: float32 of shape (height, width).
        low: scores up to this leave the picture as it is.
        high: scores from this on cover the picture with `opacity`.
        opacity: of the highest scores.
        truth: bool of shape (height, width).

    Raises:
        InputError: the shapes do not agree, an option is out of range, or the ending is unknown.
        OutputError: it cannot be written.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"Expected a name that ends with {', '.join(_FORMATS)}, got {path.name}.")
    drawn = overlay(image, map, low=low, high=high, opacity=opacity)
    if truth is not None:
        drawn = draw_outline(drawn, truth, thickness=max(1, max(image.shape) // 400))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            Image.fromarray(drawn).save(file, kind, quality=92)
    except OSError as err:
        raise OutputError(
            f"Expected to write {path}, but {reason_of(err)}. Cure that, or choose another folder."
        ) from err


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise an InputError unless the array is uint8 of shape (height, width, 3)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(
            f"Expected a uint8 image of shape (height, width, 3), got {image.dtype} of shape "
            f"{image.shape}. Read it with decode_image."
        )


def _check_opacity(opacity: float) -> None:
    if not 0 <= opacity <= 1:
        raise InputError(f"Expected an opacity between 0 and 1, got {opacity}. Try 0.6.")


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _ANCHORS.split()], float)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T]
    table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)  # (256, 3)
    table.setflags(write=False)
    return table


def _level(map: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    if map.ndim != 2:
        raise InputError(
            f"Expected a map of shape (height, width), got {map.shape}. Pass one map at a time."
        )
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(
            f"Expected finite low < high, got low={low} and high={high}. "
            "Take them from the maps of all images of the report."
        )
    level = (np.nan_to_num(map, nan=low, posinf=high, neginf=low) - low) / (high - low)
    clipped: NDArray[np.float32] = np.clip(level, 0, 1).astype(np.float32)
    return clipped


def _smoothstep(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 1 with no visible edge where the colour begins or is full."""
    return level**2 * (3 - 2 * level)
