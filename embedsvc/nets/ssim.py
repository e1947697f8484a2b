"""Structural similarity of pictures, in TensorFlow, so that a network can learn by it.

Source: Wang, Bovik, Sheikh, Simoncelli 2004, https://doi.org/10.1109/TIP.2003.819861, with a
uniform window instead of a Gaussian one and population variances. At the border the picture is
mirrored with its edge pixel repeated. These are the numbers of scikit-image's
`structural_similarity(..., use_sample_covariance=False)`.

A window mean is a product with a banded matrix from either side. On a CPU that is far faster than
average pooling with stride 1, and the gradient is two matrix products again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import InputError

Tensor = Any

# (0.01 L)^2 and (0.03 L)^2 with L = 1, the range of the values.
_C1, _C2 = 0.01**2, 0.03**2


def ssim_map(x: Tensor, y: Tensor, *, window: int = 11, stride: int = 1) -> Tensor:
    """Structural similarity around every pixel.

    Args:
        x: pictures with values 0 to 1, float32 of shape (n_images, height, width, channels);
            height and width are known when the graph is built.
        y: pictures of the same shape.
        window: height and width of the neighbourhood; odd, and not beyond the picture's.
        stride: 2 computes every second row and column, a quarter of the work.

    Returns:
        Float32 of shape (n_images, height / stride, width / stride, channels), rounded up;
        1 where the pictures agree, down to -1.

    Raises:
        InputError: the window does not fit, or the stride is below 1.

    Example:
        >>> float(tf.reduce_min(ssim_map(tf.ones([1, 16, 16, 3]), tf.ones([1, 16, 16, 3]))))
        1.0
    """
    height, width = int(x.shape[1]), int(x.shape[2])
    if window < 1 or window % 2 == 0 or window > min(height, width) or stride < 1:
        raise InputError(
            f"Expected an odd window of at most {min(height, width)} pixels and a stride of at "
            f"least 1, got window={window}, stride={stride}. Choose a smaller odd window, or "
            "larger pictures."
        )
    rows = tf.constant(_window_means(height, window)[::stride])
    columns = tf.constant(_window_means(width, window)[::stride])
    x, y = tf.transpose(x, [0, 3, 1, 2]), tf.transpose(y, [0, 3, 1, 2])  # channels first

    def mean(values: Tensor) -> Tensor:
        return tf.matmul(tf.matmul(rows, values), columns, transpose_b=True)

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x + y * y) - mean_x * mean_x - mean_y * mean_y  # their sum
    covariance = mean(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _C1) * (variances + _C2)
    )
    return tf.transpose(similarity, [0, 2, 3, 1])


def ssim_loss(x: Tensor, y: Tensor, *, window: int = 11, stride: int = 1) -> Tensor:
    """`0.5 (1 - SSIM)` of each picture, 0 for equal pictures and at most 1.

    Arguments are those of `ssim_map`; the result is float32 of shape (n_images,).
    """
    similarity = ssim_map(x, y, window=window, stride=stride)
    return 0.5 * (1 - tf.reduce_mean(similarity, axis=[1, 2, 3]))


def _window_means(size: int, window: int) -> NDArray[np.float32]:
    """The matrix (size, size) that takes the mean over a window around every place of a line."""
    places = np.arange(size)[:, None] + np.arange(window) - window // 2  # (size, window)
    places = np.where(places < 0, -places - 1, places)
    places = np.where(places >= size, 2 * size - 1 - places, places)
    means = np.zeros((size, size), np.float32)
    np.add.at(means, (np.arange(size)[:, None], places), np.float32(1 / window))
    return means
