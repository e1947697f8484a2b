"""Descriptors of one picture: of points, from the views a network is shown, and of all of it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from embedsvc.images.homographies import scaled_points
from embedsvc.nets.descriptor import DescriptorNetwork, build_dense
from embedsvc.nets.image_pooling import unit_rows
from embedsvc.nets.layers import Tensor
from embedsvc.nets.runtime import prepare_images
from embedsvc.pairs.pair import Points
from embedsvc.pairs.patches import check_places
from embedsvc.pairs.views import Views

MAX_SIDE = 1024
"""Pixels of the longer side of a picture that is described as it is; larger ones are made smaller
first, which bounds memory and keeps what a network sees of a scene."""


class PointNetwork:
    """A network of `build_descriptor`, ready to describe points of pictures of any size.

    Args:
        describe: from {"image", "points"} to descriptors; later changes of its weights count.
        views: what it is shown of each picture.
    """

    def __init__(self, describe: keras.Model, views: Views) -> None:
        prepare_images()
        self.views = views
        self.dim = int(describe.output.shape[-1])

        def compute(pixels: Tensor, canvas: Tensor, transform: Tensor, points: Tensor) -> Tensor:
            seen = tf.raw_ops.ImageProjectiveTransformV3(
                images=tf.cast(pixels, tf.float32)[tf.newaxis],
                transforms=transform[tf.newaxis],
                output_shape=canvas,
                fill_value=0.0,
                interpolation="BILINEAR",
                fill_mode="REFLECT",
            )
            inputs = {"image": tf.ensure_shape(seen, [1, None, None, 3]), "points": points}
            return describe(inputs, training=False)[0]

        # One trace serves pictures and points of any number and size.
        self._compute = tf.function(
            compute,
            input_signature=[
                tf.TensorSpec([None, None, 3], tf.uint8),
                tf.TensorSpec([2], tf.int32),
                tf.TensorSpec([8], tf.float32),
                tf.TensorSpec([1, None, 2], tf.float32),
            ],
            autograph=False,
        )

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """See `Describer.describe`.

        Raises:
            InputError: no picture, or points outside of it.
        """
        places = check_places(image, points)
        if not len(places):
            return np.empty((0, self.dim), np.float32)
        image, moved = shrunk(image, places.astype(np.float32))
        total = np.zeros((len(moved), self.dim), np.float32)
        for view in self.views.of(*image.shape[:2]):
            back = np.linalg.inv(view.matrix)
            vectors = self._compute(
                tf.constant(image),
                tf.constant([view.height, view.width], tf.int32),
                tf.constant((back / back[2, 2]).reshape(-1)[:8], tf.float32),
                tf.constant(view.move(moved)[np.newaxis], tf.float32),
            )
            total += vectors.numpy()
        return unit_rows(total)


def dense_describer(
    network: DescriptorNetwork, *, stride: int
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A function from a picture to its dense map; see `PointDescriptor.dense`."""
    dense = build_dense(network, stride=stride)
    compute = tf.function(
        lambda pixels: dense(tf.cast(pixels, tf.float32)[tf.newaxis], training=False)["last"][0],
        input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)],
        autograph=False,
    )
    return lambda image: np.asarray(compute(tf.constant(image)))


def shrunk(image: NDArray[np.uint8], points: Points) -> tuple[NDArray[np.uint8], Points]:
    """A picture no larger than `MAX_SIDE`, and its points there.

    Args:
        image: uint8 array of shape (height, width, 3).
        points: float32 array of shape (n_points, 2).
    """
    height, width = image.shape[:2]
    factor = MAX_SIDE / max(height, width)
    if factor >= 1:
        return image, points
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    ratio = np.array([size[0] / width, size[1] / height])
    return small, scaled_points(points, ratio).astype(np.float32)
