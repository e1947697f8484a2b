"""Values of a map at points of its picture."""

from __future__ import annotations

import tensorflow as tf

from embedsvc.nets.layers import Tensor


def sample_map(maps: Tensor, points: Tensor, *, stride: int) -> Tensor:
    """Interpolate bilinearly between the four positions around each point.

    Position i of a map of stride s stands for pixels i * s to (i + 1) * s - 1, so that its middle
    lies at i * s + (s - 1) / 2. Points beyond the outermost middles take the value there.

    Args:
        maps: float tensor of shape (n_images, height, width, channels).
        points: float tensor of shape (n_images, n_points, 2): x and y in pixels of the pictures;
            (0, 0) is the middle of the pixel at the top left.
        stride: pixels of a picture a position of the map.

    Returns:
        Float tensor of shape (n_images, n_points, channels).

    Example:
        >>> ramp = tf.reshape(tf.range(4.0), (1, 1, 4, 1))
        >>> float(sample_map(ramp, tf.constant([[[5.5, 0.0]]]), stride=4)[0, 0, 0])
        1.0
    """
    places = (points + 0.5) / stride - 0.5
    last = tf.cast(tf.stack([tf.shape(maps)[2], tf.shape(maps)[1]]) - 1, places.dtype)
    places = tf.clip_by_value(places, 0.0, last)
    low = tf.floor(places)
    high = tf.minimum(low + 1.0, last)
    right, down = tf.split(tf.cast(places - low, maps.dtype), 2, axis=-1)  # (n, n_points, 1) each

    def at(x: Tensor, y: Tensor) -> Tensor:
        return tf.gather_nd(maps, tf.cast(tf.stack([y, x], axis=-1), tf.int32), batch_dims=1)

    top = at(low[..., 0], low[..., 1]) * (1 - right) + at(high[..., 0], low[..., 1]) * right
    bottom = at(low[..., 0], high[..., 1]) * (1 - right) + at(high[..., 0], high[..., 1]) * right
    return top * (1 - down) + bottom * down
