"""One picture seen turned and enlarged; a point's descriptor is the mean over what is seen.

A network is hardly invariant to turns and to sizes it rarely saw. Averaged over a few of them, a
descriptor changes less when the camera moves (as in ASIFT, Morel & Yu 2009,
https://doi.org/10.1137/080732730, which compares all views instead of averaging them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError

_MOST_VIEWS = 64


@dataclass(frozen=True)
class Views:
    """How often and in which ways a picture is looked at.

    Attributes:
        rotations: turns in degrees.
        scales: sizes, as factors from 0.25 to 4; every turn at every size.

    Raises:
        InputError: none, more than 64 in all, or one out of range.

    Example:
        >>> Views().n, Views((0.0,), (1.0,)).n
        (6, 1)
    """

    rotations: tuple[float, ...] = (-30.0, 0.0, 30.0)
    scales: tuple[float, ...] = (1.0, 1.41)

    def __post_init__(self) -> None:
        if not 1 <= self.n <= _MOST_VIEWS:
            raise InputError(
                f"Expected 1 to {_MOST_VIEWS} views, each turn at each size, got {self.n} from "
                f"rotations {list(self.rotations)} and scales {list(self.scales)}."
            )
        for name, values, low, high in (
            ("rotations", self.rotations, -360, 360),
            ("scales", self.scales, 0.25, 4),
        ):
            for value in values:
                if not low <= value <= high:
                    raise InputError(f"Expected {name} from {low} to {high}, got {value!r}.")

    @property
    def n(self) -> int:
        """How many views there are."""
        return len(self.rotations) * len(self.scales)

    def of(self, height: int, width: int) -> Iterator[View]:
        """The views of a picture of this size."""
        for scale in self.scales:
            for turn in self.rotations:
                yield _view(height, width, turn=turn, scale=scale)


ONE_VIEW = Views((0.0,), (1.0,))


@dataclass(frozen=True)
class View:
    """A picture turned about its middle and enlarged, on a canvas that holds all of it.

    Attributes:
        height: of the canvas.
        width: of the canvas.
        matrix: from pixels of the picture to those of the canvas; float64 of shape (3, 3).
    """

    height: int
    width: int
    matrix: NDArray[np.float64]

    def move(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the picture on the canvas; both of shape (n_points, 2)."""
        moved = points.astype(np.float64) @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        return moved.astype(np.float32)


def _view(height: int, width: int, *, turn: float, scale: float) -> View:
    if turn == 0 and scale == 1:
        return View(height, width, np.eye(3))
    angle = math.radians(turn)
    linear = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    corners = np.array([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    moved = corners @ linear.T
    low, high = moved.min(axis=0), moved.max(axis=0)
    # To the thousandth, so that rounding makes no canvas a pixel larger.
    columns, rows = np.ceil(np.round(high - low, 3)).astype(int)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = -low - 0.5
    return View(int(rows), int(columns), matrix)
