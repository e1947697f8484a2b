"""Outlines of the sample part: distances to circles and squares, and how edges face the lamp.

Coordinates are in "part" units: 1 is half the width of the picture, the origin is the middle of
the part, x points right and y down before the part is turned. Distances are negative inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Pose:
    """Where the part lies in a picture.

    Attributes:
        x: part coordinate of every pixel, float32 of shape (height, width).
        y: part coordinate of every pixel, float32 of shape (height, width).
        scale: pixels in one part unit.
        light: unit vector to the lamp, in part coordinates.
    """

    x: Floats
    y: Floats
    scale: float
    light: tuple[float, float]

    def cut(self, window: Window) -> Pose:
        """The same for a cut-out of the picture."""
        return Pose(self.x[window], self.y[window], self.scale, self.light)

    def moved(self, x: float, y: float) -> Pose:
        """The same for a part moved by (x, y)."""
        return Pose(self.x - np.float32(x), self.y - np.float32(y), self.scale, self.light)

    def around(self, x: float, y: float, reach: float) -> Window:
        """The cut-out with every pixel within `reach` of a point of the part."""
        near = (np.abs(self.x - np.float32(x)) < reach) & (np.abs(self.y - np.float32(y)) < reach)
        rows, columns = np.nonzero(near.any(axis=1))[0], np.nonzero(near.any(axis=0))[0]
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def circle(pose: Pose, x: float, y: float) -> tuple[Floats, Floats]:
    """Distance from a point, and the cosine between the way from it and the lamp."""
    right, down = pose.x - np.float32(x), pose.y - np.float32(y)
    distance = np.sqrt(right**2 + down**2) + np.float32(1e-6)
    towards = right * pose.light[0] + down * pose.light[1]
    return distance, np.asarray(towards / distance, np.float32)


def rounded_square(pose: Pose, half: float, corner: float) -> tuple[Floats, Floats]:
    """Distance to the outline, and the cosine between its nearest side and the lamp.

    Args:
        pose: where the part lies.
        half: half the width of the square.
        corner: radius of its corners.
    """
    right, down = np.abs(pose.x) - (half - corner), np.abs(pose.y) - (half - corner)
    out_x, out_y = np.maximum(right, 0), np.maximum(down, 0)
    beyond = np.sqrt(out_x**2 + out_y**2)
    distance = beyond + np.minimum(np.maximum(right, down), 0) - corner
    towards = np.sign(pose.x) * out_x * pose.light[0] + np.sign(pose.y) * out_y * pose.light[1]
    towards = towards / np.maximum(beyond, np.float32(1e-6))
    return distance, np.asarray(towards, np.float32)


def inside(distance: Floats, scale: float) -> Floats:
    """How much of each pixel lies inside an outline: 1 within, 0 without, soft over a pixel."""
    return np.asarray(np.clip(0.5 - distance * np.float32(scale * 0.8), 0, 1), np.float32)


def band(distance: Floats, width: float) -> Floats:
    """A soft line: 1 where the distance is 0, falling off over `width`."""
    return np.asarray(np.exp(-((distance / np.float32(width)) ** 2)), np.float32)
