"""A network that gives points of a picture vectors to compare them by.

    picture -> tower -> maps at several strides -> sampled at the points -> joined -> projected

The tower is fully convolutional. What each of its maps holds at a point is interpolated and brought
to length 1, so that no map outweighs the others; joined, it is projected to a descriptor of length
1. Both pictures of a pair go through the same weights (a siamese network; Bromley et al. 1993,
https://doi.org/10.1142/S0218001493000339).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

from embedsvc.nets.efficientnet_lite import TAPS, build_efficientnet_lite0
from embedsvc.nets.feature_maps import MapShape, output_shapes
from embedsvc.nets.layers import Tensor
from embedsvc.nets.map_sampling import sample_map
from embedsvc.nets.small_cnn import SMALL_TAPS, build_small_cnn

LITE0, SMALL = "efficientnet-lite0", "small"
TOWERS: dict[str, tuple[str, ...]] = {
    LITE0: tuple(tap for tap in TAPS if tap != "logits"),
    SMALL: SMALL_TAPS,
}
"""The maps of each tower, by its name."""
# Early maps know where, late ones what; tried on warped photographs.
DEFAULT_TAPS: dict[str, tuple[str, ...]] = {
    LITE0: ("stem", "block2", "block4", "block7", "block10", "block12"),
    SMALL: SMALL_TAPS,
}


@dataclass(frozen=True)
class DescriptorNetwork:
    """A descriptor in its parts, which share their weights.

    Attributes:
        tower: from pictures, float32 of shape (n, height, width, 3) from 0 to 255, to maps by name.
        head: from what the maps hold at points to descriptors.
        shapes: of the maps.
        describe: both as one, from {"image", "points"} to float32 of shape (n, n_points, dim).
    """

    tower: keras.Model
    head: keras.Model
    shapes: Mapping[str, MapShape]
    describe: keras.Model

    @property
    def dim(self) -> int:
        """Components of a descriptor."""
        return int(self.head.output.shape[-1])


def build_descriptor(
    tower_name: str, taps: tuple[str, ...], *, dim: int | None
) -> DescriptorNetwork:
    """Build a descriptor with weights that are yet to be loaded or learned.

    Args:
        tower_name: one of `TOWERS`.
        taps: maps of it.
        dim: components of a descriptor; None joins the maps and projects nothing.

    Raises:
        ValueError: no such tower or map.
    """
    if tower_name == LITE0:
        tower = build_efficientnet_lite0(taps)
    elif tower_name == SMALL:
        tower = build_small_cnn(taps)
    else:
        raise ValueError(f"Expected a tower out of {', '.join(TOWERS)}, got {tower_name!r}.")
    shapes = output_shapes(tower)
    head = build_head(shapes, dim=dim)
    image = keras.Input((None, None, 3), name="image")
    points = keras.Input((None, 2), name="points")
    sampled = SampleMaps(shapes)(tower(image), points)
    describe = keras.Model({"image": image, "points": points}, head(sampled), name="descriptor")
    return DescriptorNetwork(tower, head, shapes, describe)


class SampleMaps(keras.layers.Layer):
    """The values of maps at points.

    Args:
        shapes: of the maps, by their names.
    """

    def __init__(self, shapes: Mapping[str, MapShape], name: str = "sample") -> None:
        super().__init__(name=name)
        self._strides = {name: shape.stride for name, shape in shapes.items()}

    def call(self, maps: Mapping[str, Tensor], points: Tensor) -> dict[str, Tensor]:
        """By name, float of shape (n, n_points, channels); points of shape (n, n_points, 2)."""
        return {
            name: sample_map(maps[name], points, stride=stride)
            for name, stride in self._strides.items()
        }

    def compute_output_spec(
        self, maps: Mapping[str, keras.KerasTensor], points: keras.KerasTensor
    ) -> dict[str, keras.KerasTensor]:
        """Shapes, for the functional API."""
        return {
            name: keras.KerasTensor((*points.shape[:2], maps[name].shape[-1]), "float32")
            for name in self._strides
        }


class Grid(keras.layers.Layer):
    """The middles of a picture's cells as points, row by row.

    Args:
        stride: side of a cell in pixels.
    """

    def __init__(self, stride: int, name: str = "grid") -> None:
        super().__init__(name=name)
        self._stride = stride

    def call(self, image: Tensor) -> Tensor:
        """Float32 of shape (n, rows * columns, 2)."""
        n, rows, columns = grid_shape(image, self._stride)
        middle = (self._stride - 1) / 2
        x = tf.cast(tf.range(columns), tf.float32) * self._stride + middle
        y = tf.cast(tf.range(rows), tf.float32) * self._stride + middle
        points = tf.reshape(tf.stack(tf.meshgrid(x, y), axis=-1), [1, -1, 2])
        return tf.tile(points, [n, 1, 1])

    def compute_output_spec(self, image: keras.KerasTensor) -> keras.KerasTensor:
        """Shapes, for the functional API."""
        return keras.KerasTensor((image.shape[0], None, 2), "float32")


class AsMap(keras.layers.Layer):
    """Rows of descriptors, one a cell, as a map of the picture."""

    def __init__(self, stride: int, name: str = "map") -> None:
        super().__init__(name=name)
        self._stride = stride

    def call(self, descriptors: Tensor, image: Tensor) -> Tensor:
        """Float32 of shape (n, rows, columns, dim)."""
        n, rows, columns = grid_shape(image, self._stride)
        return tf.reshape(descriptors, [n, rows, columns, descriptors.shape[-1]])

    def compute_output_spec(
        self, descriptors: keras.KerasTensor, image: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Shapes, for the functional API."""
        return keras.KerasTensor((image.shape[0], None, None, descriptors.shape[-1]), "float32")


def grid_shape(image: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """How many pictures, rows and columns of cells; a cell at the edge may be cut off."""
    shape = tf.shape(image)
    return shape[0], -(-shape[1] // stride), -(-shape[2] // stride)


def build_head(shapes: Mapping[str, MapShape], *, dim: int | None) -> keras.Model:
    """From what maps hold at points to descriptors.

    Args:
        shapes: of the maps, by name.
        dim: components of a descriptor; None projects nothing.

    Returns:
        A model from a dict of float tensors of shape (n, n_points, channels) by the maps' names to
        a float tensor of shape (n, n_points, dim) whose vectors have length 1.
    """
    # Layers
    inputs = {
        name: keras.Input((None, shape.channels), name=name) for name, shape in shapes.items()
    }
    even = {name: keras.layers.UnitNormalization(name=f"unit_{name}") for name in shapes}
    join = keras.layers.Concatenate(name="join")
    joined = keras.layers.UnitNormalization(name="joined")
    project = keras.layers.Dense(dim, name="project") if dim is not None else None
    unit = keras.layers.UnitNormalization(name="descriptor")

    # Wiring
    maps = [even[name](inputs[name]) for name in shapes]
    x = joined(join(maps)) if len(maps) > 1 else maps[0]
    return keras.Model(inputs, x if project is None else unit(project(x)), name="head")


def build_joined(network: DescriptorNetwork) -> keras.Model:
    """The same as `describe`, up to what the head projects: float of (n, n_points, channels)."""
    head = network.head
    joined = keras.Model(head.input, head.get_layer("project").input, name="joined_maps")
    image, points = network.describe.input["image"], network.describe.input["points"]
    sampled = network.describe.get_layer("sample")(network.tower(image), points)
    return keras.Model({"image": image, "points": points}, joined(sampled))


def build_dense(network: DescriptorNetwork, *, stride: int) -> keras.Model:
    """Descriptors of a whole picture.

    Returns:
        A model from pictures, float32 of shape (n, height, width, 3), to {"last": float32 of shape
        (n, ceil(height / stride), ceil(width / stride), dim)}.
    """
    image = keras.Input((None, None, 3), name="image")
    described = network.describe({"image": image, "points": Grid(stride)(image)})
    return keras.Model(image, {"last": AsMap(stride)(described, image)}, name="dense_descriptor")


def build_siamese(network: DescriptorNetwork) -> keras.Model:
    """Both pictures of pairs through one network, for training.

    Returns:
        A model from a dict of "image_a", "image_b" of one shape (n, height, width, 3) and
        "points_a", "points_b" of shape (n, n_points, 2) to a dict of "descriptors_a" and
        "descriptors_b" of shape (n, n_points, dim).
    """
    inputs = {
        "image_a": keras.Input((None, None, 3), name="image_a"),
        "image_b": keras.Input((None, None, 3), name="image_b"),
        "points_a": keras.Input((None, 2), name="points_a"),
        "points_b": keras.Input((None, 2), name="points_b"),
    }
    images = keras.layers.Concatenate(axis=0, name="images")
    places = keras.layers.Concatenate(axis=0, name="places")
    described = network.describe(
        {
            "image": images([inputs["image_a"], inputs["image_b"]]),
            "points": places([inputs["points_a"], inputs["points_b"]]),
        }
    )
    first, second = keras.ops.split(described, 2, axis=0)
    return keras.Model(inputs, {"descriptors_a": first, "descriptors_b": second}, name="siamese")
