"""A network that gives points of a picture vectors to compare them by.

    picture -> tower -> maps at several strides -> sampled at the points -> head -> unit vectors

The tower is any fully-convolutional network. What its maps hold at a point, interpolated, is
brought to one scale by a layer normalization for each map, joined, and projected. A pair's two
pictures go through one tower and one head (a siamese network; Bromley et al. 1993).
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from embedsvc.nets.feature_maps import MapShape
from embedsvc.nets.layers import Tensor
from embedsvc.nets.map_sampling import sample_map

DIM, HIDDEN = 128, 512


class SampleMaps(keras.layers.Layer):
    """The values of maps at points: by name float tensors of shape (n, n_points, channels).

    Args:
        strides: pixels of a picture a position, by the maps' names.
    """

    def __init__(self, strides: Mapping[str, int], name: str = "sample") -> None:
        super().__init__(name=name, trainable=False)
        self.strides = dict(strides)

    def call(self, maps: Mapping[str, Tensor], points: Tensor) -> dict[str, Tensor]:
        """Sample each map at the points, float of shape (n, n_points, 2) in pixels."""
        return {
            name: sample_map(maps[name], points, stride=stride)
            for name, stride in self.strides.items()
        }

    def compute_output_spec(
        self, maps: Mapping[str, keras.KerasTensor], points: keras.KerasTensor
    ) -> dict[str, keras.KerasTensor]:
        """Shapes, for the functional API."""
        return {
            name: keras.KerasTensor((*points.shape[:2], maps[name].shape[-1]), "float32")
            for name in self.strides
        }


def build_head(shapes: Mapping[str, MapShape], *, hidden: int, dim: int) -> keras.Model:
    """The head, from what maps hold at points to descriptors.

    Args:
        shapes: of the maps, by name; the channels count.
        hidden: width of the layer between.
        dim: components of a descriptor.

    Returns:
        A model from a dict of float tensors of shape (n, n_points, channels) by the maps' names to
        a float tensor of shape (n, n_points, dim) whose vectors have length 1.
    """
    # Layers
    inputs = {
        name: keras.Input((None, shape.channels), name=name) for name, shape in shapes.items()
    }
    norms = {
        name: keras.layers.LayerNormalization(epsilon=1e-3, name=f"norm_{name}") for name in shapes
    }
    join = keras.layers.Concatenate(name="join")
    wide = keras.layers.Dense(hidden, activation="relu", name="hidden")
    project = keras.layers.Dense(dim, name="project")
    unit = keras.layers.UnitNormalization(name="descriptor")

    # Wiring
    normal = [norms[name](inputs[name]) for name in shapes]
    joined = join(normal) if len(normal) > 1 else normal[0]
    return keras.Model(inputs, unit(project(wide(joined))), name="head")


def build_descriptor(
    tower: keras.Model, head: keras.Model, shapes: Mapping[str, MapShape]
) -> keras.Model:
    """Tower and head as one: from pictures and points to descriptors.

    Returns:
        A model from {"image": (n, height, width, 3), "points": (n, n_points, 2)} to a float tensor
        of shape (n, n_points, dim).
    """
    image = keras.Input((None, None, 3), name="image")
    points = keras.Input((None, 2), name="points")
    sampled = SampleMaps(_strides(shapes))(tower(image), points)
    return keras.Model({"image": image, "points": points}, head(sampled), name="descriptor")


def build_siamese(descriptor: keras.Model) -> keras.Model:
    """Both pictures of pairs through one descriptor network, for training.

    Args:
        descriptor: of `build_descriptor`.

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
    stack = keras.layers.Concatenate(axis=0, name="both")
    image = stack([inputs["image_a"], inputs["image_b"]])
    points = keras.layers.Concatenate(axis=0, name="both_points")(
        [inputs["points_a"], inputs["points_b"]]
    )
    first, second = keras.ops.split(descriptor({"image": image, "points": points}), 2, axis=0)
    return keras.Model(inputs, {"descriptors_a": first, "descriptors_b": second}, name="siamese")


def _strides(shapes: Mapping[str, MapShape]) -> dict[str, int]:
    return {name: shape.stride for name, shape in shapes.items()}
