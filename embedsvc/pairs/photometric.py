"""Random light, colour, blur and noise, each crop of a pair its own; TensorFlow, for `tf.data`."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor

# Enough for the widest blur, whose deviation is 2.5 pixels.
_BLUR_RADIUS = 6


@dataclass(frozen=True)
class PhotometricOptions:
    """How strongly light and camera differ between the crops of a pair.

    Attributes:
        strength: 1 as the defaults were tried, 0 for none at all; brightness, contrast, gamma and
            colour follow it.
        blur: share of crops that are blurred, by a Gaussian of up to 2.5 pixels.
        noise: share of crops with noise, of up to 8 grey levels.
        grey: share of crops without colour.
    """

    strength: float = 1.0
    blur: float = 0.4
    noise: float = 0.5
    grey: float = 0.2

    def __post_init__(self) -> None:
        for name, high in (("strength", 2), ("blur", 1), ("noise", 1), ("grey", 1)):
            value = getattr(self, name)
            if not 0 <= value <= high:
                raise InputError(f"Expected {name} from 0 to {high}, got {value!r}.")


def random_light(image: Tensor, seed: Tensor, options: PhotometricOptions) -> Tensor:
    """Change a crop's light, colour and sharpness.

    Args:
        image: float32 tensor of shape (height, width, 3), from 0 to 255.
        seed: int tensor of shape (2,).
        options: how strongly.

    Returns:
        Float32 tensor of the same shape, from 0 to 255.
    """
    seeds = tf.unstack(tf.random.split(seed, 3))
    draw = tf.random.stateless_uniform([10], seeds[0], -1.0, 1.0)
    chance = tf.random.stateless_uniform([5], seeds[1])
    strength = options.strength
    image = image * tf.exp(0.4 * strength * draw[0]) + 40 * strength * draw[1]
    mean = tf.reduce_mean(image)
    image = (image - mean) * tf.exp(0.45 * strength * draw[2]) + mean
    tint = tf.where(chance[0] < 0.5, tf.exp(0.15 * strength * draw[3:6]), tf.ones([3]))
    image = tf.clip_by_value(image * tint, 0.0, 255.0)
    gamma = tf.where(chance[1] < 0.5, tf.exp(0.5 * strength * draw[6]), 1.0)
    image = 255.0 * tf.pow(image / 255.0, gamma)
    image = tf.cond(chance[2] < options.grey, lambda: _grey(image), lambda: image)
    width = 0.3 + 2.2 * (draw[7] + 1) / 2
    image = tf.cond(chance[3] < options.blur, lambda: _blurred(image, width), lambda: image)
    deviation = tf.where(chance[4] < options.noise, 1 + 7 * (draw[8] + 1) / 2, 0.0)
    noise = tf.random.stateless_normal(tf.shape(image), seeds[2]) * deviation
    return tf.clip_by_value(image + noise, 0.0, 255.0)


def _grey(image: Tensor) -> Tensor:
    return tf.repeat(tf.reduce_mean(image, axis=-1, keepdims=True), 3, axis=-1)


def _blurred(image: Tensor, deviation: Tensor) -> Tensor:
    """A Gaussian blur, one direction after the other; borders are mirrored."""
    reach = tf.range(-_BLUR_RADIUS, _BLUR_RADIUS + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(reach / deviation))
    weights = tf.reshape(weights / tf.reduce_sum(weights), [-1, 1, 1, 1]) * tf.ones([1, 1, 3, 1])
    pad = [_BLUR_RADIUS, _BLUR_RADIUS]
    blurred = tf.pad(image, [pad, pad, [0, 0]], mode="REFLECT")[tf.newaxis]
    for kernel in (weights, tf.transpose(weights, [1, 0, 2, 3])):
        blurred = tf.nn.depthwise_conv2d(blurred, kernel, [1, 1, 1, 1], "VALID")
    return blurred[0]
