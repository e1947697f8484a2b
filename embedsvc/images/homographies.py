"""Homographies: how points of one picture of a plane lie in another picture of it.

A homography is a 3 x 3 matrix H. A point (x, y) lies at (u / w, v / w), where (u, v, w) is the
product of H and (x, y, 1). Points with w = 0 are the horizon, and those with w < 0 lie behind the
camera: formulas without regard to it show them mirrored, in the middle of the picture.

Source: R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision, 2nd edition, 2004,
chapters 2.3 and 21 (which points are in front of the cameras).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError

Size = tuple[int, int]
"""Height and width."""

_LATTICE = 128  # points a side that find what two pictures share
_SURPLUS = 1.2
_MOST_CELLS = 4_000_000
# Matrices whose parts differ more than this tell points apart no longer.
_LARGEST_CONDITION = 1e12


def check_homography(values: ArrayLike, *, name: str = "the homography") -> NDArray[np.float64]:
    """Check that a matrix is a homography, and bring it to the usual scale.

    Args:
        values: 3 x 3 or nine numbers, row by row.
        name: what messages call it.

    Returns:
        A new float64 array of shape (3, 3). Its last number is 1; where that is nearly nothing, the
        largest number has the size 1 and no sign is changed.

    Raises:
        InputError: there are not 3 x 3 numbers, one is not finite, or the matrix is singular.

    Example:
        >>> check_homography([[2, 0, 0], [0, 2, 0], [0, 0, 2]])[0, 0]
        1.0
    """
    matrix = _matrix(values, name)
    if matrix.shape not in ((3, 3), (9,)):
        raise InputError(
            f"Expected 3 x 3 numbers in {name}, got shape {matrix.shape}. Write three rows of "
            "three numbers."
        )
    matrix = matrix.reshape(3, 3)
    if not np.isfinite(matrix).all():
        raise InputError(f"Expected finite numbers in {name}, got NaN or infinity. Correct it.")
    largest = np.abs(matrix).max()
    if largest > 0:
        matrix = matrix / largest
        # A picture's side is thousands of pixels: shifts are brought to the size of the rest.
        singular = np.linalg.svd(_balanced(matrix), compute_uv=False)
    if largest == 0 or singular[-1] * _LARGEST_CONDITION <= singular[0]:
        raise InputError(
            f"Expected a homography that can be inverted in {name}, got a singular matrix, which "
            "maps the whole picture onto a line or a point. Estimate it again."
        )
    return np.asarray(matrix / matrix[2, 2] if abs(matrix[2, 2]) > 1e-9 else matrix)


def apply_homography(h: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float32]:
    """Where points of one picture lie in the other.

    Args:
        h: float array of shape (3, 3).
        points: float array of shape (n_points, 2), as x and y.

    Returns:
        Float32 array of shape (n_points, 2); NaN for points at the horizon or beyond it (w <= 0).

    Example:
        >>> apply_homography(np.diag([2.0, 2.0, 1.0]), np.array([[3.0, 4.0]]))
        array([[6., 8.]], dtype=float32)
    """
    mapped = _mapped(np.asarray(h, np.float64), np.asarray(points, np.float64))
    with np.errstate(over="ignore"):  # Beside the horizon points lie as far away as one likes.
        return mapped.astype(np.float32)


def scaled_points(points: NDArray[Any], ratio: NDArray[Any] | float) -> NDArray[Any]:
    """Where points are in a picture that was resized.

    Args:
        points: numbers of shape (n_points, 2).
        ratio: new size by old size, of both sides or of width and height.

    Returns:
        Numbers of the same shape: the edges of the picture, half a pixel outside of the middles of
        its outermost pixels, stay its edges.
    """
    return (points + 0.5) * ratio - 0.5


def inside(points: NDArray[Any], height: int, width: int, margin: float = 0) -> NDArray[np.bool_]:
    """Which points lie in a picture.

    Args:
        points: float array of shape (n_points, 2). (0, 0) is the middle of the first pixel, so
            that a picture reaches from -0.5 to width - 0.5 and height - 0.5.
        height: of the picture, in pixels.
        width: of the picture.
        margin: pixels that points have to keep from its edges.

    Returns:
        Bool array of shape (n_points,); NaN lies nowhere.
    """
    low = margin - 0.5
    high = np.array([width, height]) - 0.5 - margin
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def points_from_homography(
    h: NDArray[Any], size_a: Size, size_b: Size, n: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points spread evenly over what two pictures share, and where they lie in both.

    The points stand in the cells of a grid over the first picture, each at random in its cell.
    A matrix and its negative are the same homography, and only one of them has what the camera
    sees in front of it: the one that shares more of the pictures is taken.

    Args:
        h: float array of shape (3, 3), from the first picture to the second.
        size_a: height and width of the first picture.
        size_b: those of the second one.
        n: how many points are wanted.
        seed: of the random places.

    Returns:
        Points of the first picture and of the second one: float32 arrays of shape (n_points, 2),
        where n_points is n or somewhat less, and 0 where the pictures share nothing.
    """
    h = np.asarray(h, np.float64)
    generator = np.random.default_rng(seed)
    sides = [(side, _shared(side, size_a, size_b)) for side in (h, -h)]
    h, shared = max(sides, key=lambda one: len(one[1]))
    if n < 1 or not len(shared):
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    points = _jittered(shared, size_a, n, generator)
    found = apply_homography(h, points)
    usable = np.flatnonzero(inside(points, *size_a) & inside(found, *size_b))
    if len(usable) > n:
        usable = np.sort(generator.choice(usable, n, replace=False))
    return points[usable], found[usable]


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.array(values, np.float64)
    except (TypeError, ValueError) as err:
        raise InputError(
            f"Expected 3 x 3 numbers in {name}, got: {err}. Write three rows of three numbers."
        ) from err


def _balanced(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same homography in units in which rows and columns are of a size, or nearly."""
    balanced = matrix.copy()
    for _ in range(3):
        for axis in (0, 1):
            sizes = np.abs(balanced).max(axis=axis, keepdims=True)
            balanced = balanced / np.where(sizes > 0, sizes, 1)
    return balanced


def _mapped(h: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = points @ h[:, :2].T + h[:, 2]
    w = mapped[:, 2:]
    # Closer to the horizon than rounding can tell, a point has no place.
    before = w > 1e-12 * np.abs(h[2]).max()
    nowhere = np.full(points.shape, np.nan)
    return np.asarray(np.divide(mapped[:, :2], w, out=nowhere, where=before))


def _shared(h: NDArray[np.float64], size_a: Size, size_b: Size) -> NDArray[np.float64]:
    """Those points of a lattice over the first picture that lie in the second."""
    high = np.array([size_a[1], size_a[0]]) - 0.5
    lattice = _cells(np.array([-0.5, -0.5]), high, (_LATTICE, _LATTICE))
    return lattice[inside(_mapped(h, lattice), *size_b)]


def _jittered(
    shared: NDArray[np.float64], size: Size, n: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Points of a grid around some points of the lattice, more than n of them where these are."""
    spacing = np.array([size[1], size[0]]) / _LATTICE
    low, high = shared.min(axis=0) - spacing / 2, shared.max(axis=0) + spacing / 2
    area = max(len(shared) * spacing.prod() / (_SURPLUS * n), (high - low).prod() / _MOST_CELLS)
    columns, rows = np.ceil((high - low) / np.sqrt(area)).astype(int)
    cells = _cells(low, high, (rows, columns))
    jitter = generator.uniform(-0.5, 0.5, cells.shape) * (high - low) / (columns, rows)
    return np.asarray(cells + jitter, np.float32)


def _cells(
    low: NDArray[np.float64], high: NDArray[np.float64], counts: Size
) -> NDArray[np.float64]:
    """The middles of the cells of a grid of rows and columns."""
    rows, columns = counts
    x = low[0] + (np.arange(columns) + 0.5) * (high[0] - low[0]) / columns
    y = low[1] + (np.arange(rows) + 0.5) * (high[1] - low[1]) / rows
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
