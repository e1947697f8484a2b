"""What describes points without having learned anything: what a trained descriptor has to beat.

All are `Describer`s, take points anywhere in a picture of any size, and give the same vectors each
time. Beyond the edges a picture is reflected.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import ORB, corner_orientations

from embedsvc.errors import InputError
from embedsvc.images.hog import hog_features
from embedsvc.pairs.pair import Describer, Points
from embedsvc.pairs.patches import check_places, cut_patches, grey, unit_rows
from embedsvc.pairs.sift import SiftDescriptors

_ORB_BLUR = 2.0
_ORB_MARGIN = 24
"""scikit-image leaves out points that are nearer than 20 pixels to an edge."""
_ORB_RADIUS = 15


class RawPatches:
    """Grey levels around each point, less their mean: the product is their correlation.

    Args:
        size: side of the patch in pixels.

    Raises:
        InputError: a patch of less than 2 pixels.
    """

    def __init__(self, size: int = 32) -> None:
        if size < 2:
            raise InputError(f"Expected patches of 2 pixels or more, got {size}.")
        self.size = size

    @property
    def name(self) -> str:
        """Such as "raw patch, 32 px"."""
        return f"raw patch, {self.size} px"

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Float32 of shape (n_points, size * size), rows of length 1; see `Describer`."""
        places = check_places(image, points)
        flat = cut_patches(image, places, self.size).reshape(len(places), self.size**2)
        return unit_rows(flat - flat.mean(axis=1, keepdims=True))


class HogPatches:
    """Histograms of oriented gradients around each point, in cells of 8 pixels.

    Args:
        size: side of the patch in pixels.

    Raises:
        InputError: a patch of less than 16 pixels, which is one block.

    Source: see `embedsvc.images.hog.hog_features`.
    """

    def __init__(self, size: int = 32) -> None:
        if size < 16:
            raise InputError(f"Expected patches of 16 pixels or more, got {size}.")
        self.size = size

    @property
    def name(self) -> str:
        """Such as "HOG patch, 32 px"."""
        return f"HOG patch, {self.size} px"

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Float32 of shape (n_points, dim), rows of length 1; see `Describer`."""
        places = check_places(image, points)
        levels = np.rint(255 * cut_patches(image, places, self.size)).astype(np.uint8)
        colours = np.broadcast_to(levels[..., np.newaxis], (*levels.shape, 3))
        return unit_rows(hog_features(colours, cell=8))


class OrbDescriptors:
    """256 comparisons of brightness around each point, turned with the patch.

    The bits are written as 1 and -1, so that the cosine is 1 - 2 * (Hamming distance) / 256. The
    direction is that from the point to the centre of brightness around it. The picture is blurred
    first, as its authors do it and scikit-image does not; all points are described at full size,
    for a given point has no scale of detection.

    Source: E. Rublee et al.: ORB: an efficient alternative to SIFT or SURF, 2011; the comparisons
        are made by scikit-image.
    """

    @property
    def name(self) -> str:
        """Its name, "ORB"."""
        return "ORB"

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Float32 of shape (n_points, 256), rows of length 1; see `Describer`."""
        places = check_places(image, points)
        if not len(places):
            return np.empty((0, 256), np.float32)
        pixels = np.pad(grey(image), _ORB_MARGIN, mode="symmetric")
        pixels = ndimage.gaussian_filter(pixels, _ORB_BLUR)
        corners = np.rint(places[:, ::-1]).astype(np.int64) + _ORB_MARGIN
        steps = np.arange(-_ORB_RADIUS, _ORB_RADIUS + 1)
        disc = np.hypot(steps[:, np.newaxis], steps) <= _ORB_RADIUS + 0.5
        angles = corner_orientations(pixels, corners, disc)
        orb = ORB(n_scales=1)
        orb.extract(pixels, corners.astype(np.float64), np.ones(len(corners)), angles)
        length_one = np.float32(1 / 16)  # the root of 256 numbers
        return np.where(orb.descriptors, length_one, -length_one)


BASELINES: dict[str, Callable[[], Describer]] = {
    "raw": RawPatches,
    "hog": HogPatches,
    "orb": OrbDescriptors,
    "sift": SiftDescriptors,
    # Scales that differ from picture to picture cost more than they give at points not found by
    # SIFT: with one scale it finds more, and without turning more still if no picture is turned.
    "rootsift": partial(SiftDescriptors, scale=4.0, root=True),
    "upright-rootsift": partial(SiftDescriptors, scale=4.0, upright=True, root=True),
}
"""By name: what makes a baseline."""
