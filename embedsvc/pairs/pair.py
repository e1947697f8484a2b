"""Two pictures of one thing, and which point of one is which point of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""Float32 array of shape (n_points, 2): x to the right and y down, in pixels of the picture as it
is seen (after its EXIF orientation); (0, 0) is the middle of the pixel at the top left."""


@dataclass(frozen=True)
class MatchedPair:
    """A pair of pictures with matching points.

    Attributes:
        name: what people call it, for messages.
        image_a: the first picture, as the bytes of its file.
        image_b: the second one.
        points_a: of the first picture; float32 array of shape (n_points, 2).
        points_b: of the second one, in the same order and of the same shape.
        sequence: what the pair was taken of. Pairs of one sequence are never split between
            training and evaluation, and are no negatives of each other.
    """

    name: str
    image_a: bytes
    image_b: bytes
    points_a: Points
    points_b: Points
    sequence: str


class Describer(Protocol):
    """Whatever gives points of a picture vectors to compare them by."""

    @property
    def name(self) -> str:
        """What people call it, such as "SIFT"."""
        ...

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Vectors of points, of length 1, so that their products are cosines.

        Args:
            image: uint8 array of shape (height, width, 3), RGB.
            points: float array of shape (n_points, 2); see `Points`.

        Returns:
            Float32 array of shape (n_points, dim); without points of shape (0, dim).
        """
        ...
