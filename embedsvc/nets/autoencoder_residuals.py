"""What an autoencoder could not draw: maps of its mistakes, and scores out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from embedsvc.errors import InputError
from embedsvc.nets.autoencoder import (
    AutoencoderConfig,
    Tensor,
    build_autoencoder,
    check_pixels,
    load_weights,
)
from embedsvc.nets.ssim import ssim_map

Maps = NDArray[np.float32]

KINDS = ("absolute", "absolute and structural")
"""The two residuals: `|difference|`, and the same plus `0.5 (1 - SSIM)`."""

# Half the sides of the SSIM window and of the box filters, in pixels of a picture of 128. Small
# boxes find a scratch, large ones a stain that differs a little everywhere.
_HALF_WINDOW = 2
_HALF_BOXES = (1, 4, 10)
_FLOOR = 0.6  # of the mean standard deviation over all positions
_LOW_PEAKS = 0.5  # weight of places drawn too well, against those drawn too badly
_BATCH = 16
_EPSILON = 1e-6


def reconstruct(
    weights: Mapping[str, NDArray[np.float32]],
    config: AutoencoderConfig,
    pixels: NDArray[np.uint8],
) -> Maps:
    """Residuals of pictures; see `reconstructor`, which is faster when called again."""
    return reconstructor(weights, config)(pixels)


def reconstructor(
    weights: Mapping[str, NDArray[np.float32]], config: AutoencoderConfig
) -> Callable[[NDArray[np.uint8]], Maps]:
    """Build the network once, for many pictures.

    Args:
        weights: of `train_autoencoder`.
        config: the one they were trained with.

    Returns:
        A function from pixels, uint8 of shape (n_images, height, width, channels), to residuals,
        float32 of shape (n_images, 2, height, width), one for each of `KINDS`: means over the
        channels, 0 where the network drew the picture as it is. A picture's residual does not
        depend on the pictures beside it.

    Raises:
        ArtifactError: weights and configuration do not belong together.
        InputError: by the function, where pictures do not fit the configuration.

    Example:
        >>> residuals = reconstructor(weights, config)(pixels)
        >>> statistics = residual_statistics(residuals)
        >>> scores = residual_scores(residuals, statistics)
    """
    network = build_autoencoder(config)
    load_weights(network, weights)
    window = _box(_HALF_WINDOW, config.height, config.width)
    signature = tf.TensorSpec([None, *network.input_shape[1:]], tf.uint8)

    def residual(pixels: Tensor) -> Tensor:
        pictures = tf.cast(pixels, tf.float32) / 255
        drawn = network(pictures, training=False)
        structure = 0.5 * (1 - ssim_map(pictures, drawn, window=window))
        absolute = tf.abs(pictures - drawn)
        return tf.reduce_mean(tf.stack([absolute, absolute + structure], axis=1), axis=-1)

    compute = tf.function(residual, input_signature=[signature], autograph=False)

    def residuals(pixels: NDArray[np.uint8]) -> Maps:
        check_pixels(pixels, config)
        maps = np.empty((len(pixels), len(KINDS), *pixels.shape[1:3]), np.float32)
        for start in range(0, len(pixels), _BATCH):
            maps[start : start + _BATCH] = compute(pixels[start : start + _BATCH]).numpy()
        return maps

    return residuals


@dataclass(frozen=True)
class ResidualStatistics:
    """What residuals normal pictures have, after smoothing with each of three boxes.

    Attributes:
        mean: of each position, float32 of shape (2 kinds, 3 boxes, height, width).
        deviation: standard deviation of each position with a floor, of the same shape.
        peak_mean: of the highest and of the lowest z-score of a picture, the latter with its sign
            turned, float32 of shape (2 kinds, 3 boxes, 2).
        peak_deviation: standard deviation of the same, of the same shape.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    peak_mean: NDArray[np.float32]
    peak_deviation: NDArray[np.float32]


def residual_statistics(residuals: Maps) -> ResidualStatistics:
    """Learn what is usual: edges are drawn badly on normal pictures too.

    Args:
        residuals: of normal pictures, float32 of shape (n_images, 2, height, width).

    Raises:
        InputError: there is no picture, or the shape is another.
    """
    _check_residuals(residuals)
    if len(residuals) == 0:
        raise InputError("Expected residuals of a normal picture, got none. Give at least one.")
    shape = (len(KINDS), len(_HALF_BOXES))
    mean = np.empty((*shape, *residuals.shape[2:]), np.float32)
    deviation = np.empty_like(mean)
    peaks = np.empty((len(residuals), *shape, 2), np.float32)
    for (kind, box), smooth in _smoothed(residuals):
        mean[kind, box] = smooth.mean(axis=0)
        spread = smooth.std(axis=0)
        # Where normal pictures happen to agree exactly, a trifle is no anomaly.
        deviation[kind, box] = spread + _FLOOR * spread.mean() + _EPSILON
        peaks[:, kind, box] = _peaks((smooth - mean[kind, box]) / deviation[kind, box])
    return ResidualStatistics(mean, deviation, peaks.mean(axis=0), peaks.std(axis=0) + _EPSILON)


def anomaly_maps(residuals: Maps, statistics: ResidualStatistics) -> Maps:
    """How much worse than on normal pictures each pixel's surroundings are drawn.

    Args:
        residuals: float32 of shape (n_images, 2, height, width).
        statistics: of normal pictures.

    Returns:
        The mean of the z-scores of both kinds and all boxes, float32 of shape (n_images, height,
        width), higher = more anomalous.

    Raises:
        InputError: the shapes do not fit.
    """
    maps = np.zeros((len(residuals), *residuals.shape[2:]), np.float32)
    for _, z_scores in _z_scores(residuals, statistics):
        maps += z_scores
    return np.asarray(maps / (len(KINDS) * len(_HALF_BOXES)), np.float32)


def residual_scores(residuals: Maps, statistics: ResidualStatistics) -> NDArray[np.float64]:
    """One anomaly score a picture.

    For each kind and box the highest z-score of the picture counts, and with half the weight the
    lowest: blurred or missing texture is drawn better than it should be. Each peak is compared
    with the peaks of normal pictures, and the score is the mean.

    Args:
        residuals: float32 of shape (n_images, 2, height, width).
        statistics: of normal pictures.

    Returns:
        Float64 of shape (n_images,), higher = more anomalous.

    Raises:
        InputError: the shapes do not fit.
    """
    scores = np.zeros(len(residuals))
    for place, z_scores in _z_scores(residuals, statistics):
        peaks = _peaks(z_scores) - statistics.peak_mean[place]
        scores += (peaks / statistics.peak_deviation[place]) @ np.array([1.0, _LOW_PEAKS])
    return scores / (len(KINDS) * len(_HALF_BOXES))


def _z_scores(
    residuals: Maps, statistics: ResidualStatistics
) -> Iterator[tuple[tuple[int, int], Maps]]:
    _check_residuals(residuals)
    if residuals.shape[2:] != statistics.mean.shape[2:]:
        raise InputError(
            f"Expected residuals of height and width {statistics.mean.shape[2:]} as the "
            f"statistics, got {residuals.shape[2:]}. Use statistics of the same network."
        )
    for place, smooth in _smoothed(residuals):
        yield place, (smooth - statistics.mean[place]) / statistics.deviation[place]


def _smoothed(residuals: Maps) -> Iterator[tuple[tuple[int, int], Maps]]:
    """Each kind of residual under each box filter, over the root of its picture's median.

    A picture of rougher grain or under brighter light is drawn worse everywhere. Dividing by the
    whole median would also take away anomalies that fill the picture; the root is between.
    """
    height, width = residuals.shape[2:]
    for kind in range(len(KINDS)):
        for i, half in enumerate(_HALF_BOXES):
            box = _box(half, height, width)
            smooth = uniform_filter(residuals[:, kind], size=(1, box, box), mode="reflect")
            medians = np.median(smooth.reshape(len(smooth), height * width), axis=1)
            roots = np.sqrt(medians + _EPSILON)[:, np.newaxis, np.newaxis]
            yield (kind, i), np.asarray(smooth / roots, np.float32)


def _peaks(z_scores: Maps) -> NDArray[np.float32]:
    """The highest z-score of each picture, and the lowest with its sign turned, (n_images, 2)."""
    return np.stack([z_scores.max(axis=(1, 2)), -z_scores.min(axis=(1, 2))], axis=1)


def _box(half: int, height: int, width: int) -> int:
    """The odd side of a window that has `2 half + 1` pixels where a picture has 128."""
    side = min(height, width)
    return min(2 * max(1, round(half * side / 128)) + 1, (side - 1) // 2 * 2 + 1)


def _check_residuals(residuals: Maps) -> None:
    if residuals.ndim != 4 or residuals.shape[1] != len(KINDS) or 0 in residuals.shape[2:]:
        raise InputError(
            f"Expected residuals of shape (n_images, {len(KINDS)}, height, width), got "
            f"{residuals.shape}. Use those of `reconstruct`."
        )
