"""SIFT descriptors of given points, by scikit-image.

SIFT finds its own points, each with the scale at which it stands out and with the direction of the
gradients around it, and describes these. Here the points are given, and scale and direction are
found for them in Lowe's way: the scale at which the difference of Gaussians is largest at the
point, and there the peak of the histogram of directions. Lowe describes a point once for every
peak of 80 % of the highest; here a point has one descriptor, that of the highest peak.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import SIFT

from embedsvc.errors import InputError
from embedsvc.pairs.pair import Points
from embedsvc.pairs.patches import check_places, grey, sample, unit_rows

_FINEST, _PER_OCTAVE, _N_SCALES, _N_OCTAVES = 1.6, 3, 10, 4
_SCALES = _FINEST * 2.0 ** (np.arange(_N_SCALES) / _PER_OCTAVE)
"""Pixels of the Gaussians, 1.6 to 12.8."""
_IN_PICTURE = 0.5
"""The blur that a picture comes with, as scikit-image and Lowe assume it."""
_MARGIN = 48
"""Pixels added at each edge: four octaves need 96 of them, and points at an edge need gradients."""
_BINS, _SMOOTHINGS, _WINDOW = 36, 6, 1.5


class SiftDescriptors:
    """Describes points by 4 x 4 histograms of 8 directions of gradients around them.

    It takes about 200 bytes of memory a pixel of the picture.

    Args:
        scale: pixels of the Gaussian, 1.6 to 12.8, the same for all points; None finds it for each
            point. A descriptor sees about 15 times as many pixels across.
        upright: take every picture as upright instead of finding a direction for each point.
        root: the roots of the numbers, which are more alike where the pictures are (RootSIFT).

    Raises:
        InputError: a scale that there is not.

    Example:
        >>> SiftDescriptors().describe(image, points).shape
        (500, 128)

    Source: D. Lowe: Distinctive image features from scale-invariant keypoints, 2004. RootSIFT:
        R. Arandjelovic, A. Zisserman: Three things everyone should know to improve object
        retrieval, 2012.
    """

    def __init__(
        self, *, scale: float | None = None, upright: bool = False, root: bool = False
    ) -> None:
        if scale is not None and not _SCALES[0] <= scale <= _SCALES[-1] * 1.001:
            raise InputError(f"Expected a scale of 1.6 to 12.8 pixels, got {scale}.")
        self.scale = scale
        self.upright = upright
        self.root = root

    @property
    def name(self) -> str:
        """Such as "SIFT" or "upright RootSIFT, scale 4"."""
        kind = f"{'upright ' if self.upright else ''}{'RootSIFT' if self.root else 'SIFT'}"
        return kind if self.scale is None else f"{kind}, scale {self.scale:g}"

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Float32 of shape (n_points, 128), rows of length 1; see `Describer`."""
        places = check_places(image, points)
        if not len(places):
            return np.empty((0, 128), np.float32)
        pixels = np.pad(grey(image), _MARGIN, mode="symmetric")
        places = places + _MARGIN
        if self.scale is None:
            blurred = dict(enumerate(_blur(pixels)))
            levels = _best_levels(blurred, places)
            scales = _SCALES[levels]
        else:
            level = int(np.abs(np.log(_SCALES / self.scale)).argmin())
            blurred = {} if self.upright else {level: _blurred_once(pixels, level)}
            levels, scales = np.full(len(places), level), np.full(len(places), self.scale)
        angles = np.zeros(len(places)) if self.upright else _directions(blurred, places, levels)
        histograms = _histograms(pixels, places, levels, scales, angles)
        return unit_rows(np.sqrt(histograms) if self.root else histograms)


def _blur(pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The picture at each scale, and at the one after the last."""
    found, last = [pixels], _IN_PICTURE
    for scale in (*_SCALES, _SCALES[-1] * 2 ** (1 / _PER_OCTAVE)):
        found.append(ndimage.gaussian_filter(found[-1], np.sqrt(scale**2 - last**2)))
        last = scale
    return found[1:]


def _blurred_once(pixels: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    """The picture at one scale."""
    added = np.sqrt(_SCALES[level] ** 2 - _IN_PICTURE**2)
    return np.asarray(ndimage.gaussian_filter(pixels, added), np.float32)


def _best_levels(
    blurred: Mapping[int, NDArray[np.float32]], places: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Where among the scales the difference of Gaussians is largest; shape (n_points,)."""
    responses = [
        np.abs(sample(blurred[level + 1] - blurred[level], *places.T)) for level in range(_N_SCALES)
    ]
    return np.asarray(np.argmax(responses, axis=0), np.int64)


def _directions(
    blurred: Mapping[int, NDArray[np.float32]],
    places: NDArray[np.float64],
    levels: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The angle of most gradients around each point, from down to the right; shape (n_points,)."""
    angles = np.empty(len(places))
    for level in np.unique(levels):
        chosen = levels == level
        down, right = (np.gradient(blurred[level], axis=axis) for axis in (0, 1))
        width = _WINDOW * _SCALES[level]
        steps = np.arange(-9, 10) * width / 3  # three deviations to each side
        x, y = (grid.ravel() for grid in np.meshgrid(steps, steps))
        within = np.hypot(x, y) <= 3 * width
        x, y = x[within], y[within]
        at = places[chosen, 0, np.newaxis] + x, places[chosen, 1, np.newaxis] + y
        along, across = sample(down, *at), sample(right, *at)
        weights = np.hypot(along, across) * np.exp(-(x**2 + y**2) / (2 * width**2))
        angles[chosen] = _peaks(np.arctan2(across, along), weights)
    return angles


def _peaks(angles: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """The peak of each row's histogram of angles, by a parabola; (n, n_samples) to (n,).

    From -pi to pi: scikit-image's histograms take no others.
    """
    bins = np.rint(angles / (2 * np.pi) * _BINS).astype(np.int64) % _BINS
    rows = np.arange(len(bins))
    flat = (rows[:, np.newaxis] * _BINS + bins).ravel()
    summed = np.asarray(np.bincount(flat, weights.ravel(), len(bins) * _BINS), np.float64)
    counts = summed.reshape(-1, _BINS)
    for _ in range(_SMOOTHINGS):
        counts = (np.roll(counts, 1, axis=1) + counts + np.roll(counts, -1, axis=1)) / 3
    top = counts.argmax(axis=1)
    before, peak, after = (counts[rows, (top + step) % _BINS] for step in (-1, 0, 1))
    bend = 2 * peak - before - after
    offset = np.where(bend > 0, (after - before) / (2 * np.where(bend > 0, bend, 1)), 0)
    turns = (top + offset) / _BINS
    return np.asarray((turns - np.rint(turns)) * 2 * np.pi)


def _histograms(
    pixels: NDArray[np.float32],
    places: NDArray[np.float64],
    levels: NDArray[np.int64],
    scales: NDArray[np.float64],
    angles: NDArray[np.float64],
) -> NDArray[np.float64]:
    """By scikit-image, which describes the key points that its public attributes hold.

    Returns:
        Numbers of shape (n_points, 128), all equal where the picture is flat.
    """
    sift = SIFT(upsampling=1, n_octaves=_N_OCTAVES, sigma_min=_FINEST, n_scales=_PER_OCTAVE)
    sift.positions = places[:, ::-1]
    sift.octaves = np.maximum(levels - 1, 0) // _PER_OCTAVE
    sift.scales = levels - _PER_OCTAVE * sift.octaves
    sift.sigmas = scales
    sift.orientations = angles
    # Without gradients it divides 0 by 0, and casts what comes of it: equal numbers.
    with np.errstate(divide="ignore", invalid="ignore"):
        sift.extract(pixels)
    return np.asarray(sift.descriptors, np.float64)
