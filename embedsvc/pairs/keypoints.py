"""Where to look: points of a picture that are found again in another picture of the same thing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from embedsvc.errors import InputError
from embedsvc.images.decode import array_image
from embedsvc.images.homographies import scaled_points
from embedsvc.images.luminance import luminance
from embedsvc.pairs.pair import Points

Method = Literal["corners", "grid"]
METHODS: tuple[Method, ...] = get_args(Method)

MAX_SIDE = 1600
"""Pixels; in a picture with a longer side corners are as coarse as in one of that side."""

_SCALE = 1.5
"""Pixels of the Gaussian; of 1.2 to 4, alone and together, the one that finds most again."""
_APART = 4.0
"""Pixels between two points at least."""
_BORDER = 8
"""Pixels along the edges without points: what surrounds those is unknown."""
_FAINT = 0.25
"""The response of a spot of two grey levels; rounding gives less."""
_WEAK = 1e-4
"""Of the strongest response."""
_CELLS, _SHARE = 6, 3.0
"""Cells along the longer side, and how many times its fair share a cell may have."""


def find_keypoints(
    image: NDArray[Any], method: Method = "corners", *, n: int = 2000, max_side: int = MAX_SIDE
) -> Points:
    """Find points worth describing; the same picture gives the same points.

    "corners" are the peaks of the determinant of the Hessian of brightness: corners, spots and
    saddles, where brightness bends in both directions, and never edges. They lie at least 4 pixels
    apart, and no part of the picture gets more than three times its share while others have
    points left. Found to a fraction of a pixel. A picture without structure has none.

    "grid" are points at equal distances, whatever the picture shows.

    Args:
        image: as `embedsvc.images.decode.array_image` takes it, such as uint8 of shape
            (height, width, 3).
        method: "corners" or "grid".
        n: how many points at most.
        max_side: corners of a picture with a longer side are looked for in a smaller copy, where
            noise and fine grain are gone; the points are those of the picture given.

    Returns:
        Float32 array of shape (n_points, 2), x and y; the strongest first, apart from each cell's
        share; a grid row by row.

    Raises:
        InputError: no picture, an unknown method, or a number below 1.

    Example:
        >>> find_keypoints(np.zeros((480, 640, 3), np.uint8)).shape
        (0, 2)
        >>> find_keypoints(np.zeros((480, 640, 3), np.uint8), "grid", n=12)[0].tolist()
        [79.5, 79.5]

    Source:
        Determinant of the Hessian: P. R. Beaudet, "Rotationally invariant image operators", 1978;
        normalized by scale: T. Lindeberg, "Feature detection with automatic scale selection", 1998.
    """
    check_method(method)
    if n < 1 or max_side < 1:
        raise InputError(f"Expected n and max_side to be at least 1, got {n} and {max_side}.")
    return _FINDERS[method](array_image(image), n, max_side)


def check_method(method: str) -> None:
    """Raise InputError unless there is such a method."""
    if method not in METHODS:
        raise InputError(f"Expected keypoints to be {' or '.join(METHODS)}, got {method!r}.")


def _corners(image: NDArray[np.uint8], n: int, max_side: int) -> Points:
    grey = luminance(image)
    height, width = grey.shape
    factor = max(1.0, max(height, width) / max_side)
    if factor > 1:
        size = (max(1, round(width / factor)), max(1, round(height / factor)))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    response = _response(grey)
    points, strength = _peaks(response)
    kept = _apart(points)
    points, strength = points[kept], strength[kept]
    points = points[_shared_out(points, grey.shape, n)]
    points += _offsets(response, points)
    scale = np.array([width / grey.shape[1], height / grey.shape[0]])
    return np.asarray(scaled_points(points, scale), np.float32)


def _grid(image: NDArray[np.uint8], n: int, max_side: int) -> Points:
    del max_side
    height, width = image.shape[:2]
    step = math.sqrt(height * width / n)
    columns = max(1, min(n, width, round(width / step)))
    rows = max(1, min(n // columns, height))
    x = (np.arange(columns) + 0.5) * width / columns - 0.5
    y = (np.arange(rows) + 0.5) * height / rows - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


_FINDERS: dict[str, Callable[[NDArray[np.uint8], int, int], Points]] = {
    "corners": _corners,
    "grid": _grid,
}


def _response(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Determinant of the Hessian, of spots and of saddles alike; of shape (height, width)."""
    smooth = ndimage.gaussian_filter(grey, _SCALE, mode="nearest")

    def along(values: NDArray[np.float32], weights: list[float], axis: int) -> NDArray[np.float32]:
        return np.asarray(ndimage.correlate1d(values, weights, axis, mode="nearest"))

    # Not derivatives of the Gaussian: cut off, these do not add up to 0, and edges would have some.
    xx, yy = (along(smooth, [1, -2, 1], axis) for axis in (1, 0))
    xy = along(along(smooth, [-0.5, 0, 0.5], 0), [-0.5, 0, 0.5], 1)
    return np.asarray(_SCALE**4 * np.abs(xx * yy - xy * xy), np.float32)


def _peaks(response: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Pixels above all around them, strongest first: points and responses."""
    border = min(_BORDER, min(response.shape) // 8)
    least = max(_FAINT, _WEAK * float(response.max()))
    is_peak = (response == ndimage.maximum_filter(response, 3)) & (response > least)
    inside = np.zeros_like(is_peak)
    inside[border : len(inside) - border, border : inside.shape[1] - border] = True
    y, x = np.nonzero(is_peak & inside)
    order = np.argsort(-response[y, x], kind="stable")
    return np.stack([x, y], axis=1)[order].astype(np.float64), response[y, x][order]


def _apart(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which to keep, so that none is near a stronger one that is kept."""
    kept = np.ones(len(points), np.bool_)
    if len(points) < 2:
        return kept
    pairs = cKDTree(points).query_pairs(_APART, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    for strong, weak in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tolist():
        if kept[strong]:
            kept[weak] = False
    return kept


def _shared_out(points: NDArray[np.float64], shape: tuple[int, ...], n: int) -> NDArray[np.int64]:
    """The n strongest of a sorted list, but those beyond a cell's share only after all others."""
    side = max(shape) / _CELLS
    share = math.ceil(_SHARE * n * side * side / (shape[0] * shape[1]))
    cells = np.floor(points / side).astype(np.int64)
    cell = cells[:, 1] * (_CELLS + 1) + cells[:, 0]
    order = np.argsort(cell, kind="stable")
    _, starts, counts = np.unique(cell[order], return_index=True, return_counts=True)
    rank = np.empty(len(points), np.int64)
    rank[order] = np.arange(len(points)) - np.repeat(starts, counts)
    return np.argsort(rank // share, kind="stable")[:n]


def _offsets(response: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each peak to the top of the parabola through it and its neighbours, along each axis."""
    padded = np.pad(response, 1, mode="edge")
    x, y = points.astype(np.int64).T + 1
    middle = padded[y, x]
    offsets = np.zeros_like(points)
    for axis, (before, after) in enumerate(
        (
            (padded[y, x - 1], padded[y, x + 1]),
            (padded[y - 1, x], padded[y + 1, x]),
        )
    ):
        bend = 2 * middle - before - after
        slope = (after - before) / 2
        offsets[:, axis] = np.divide(slope, bend, out=np.zeros_like(bend), where=bend > 0)
    return np.clip(offsets, -0.5, 0.5)
