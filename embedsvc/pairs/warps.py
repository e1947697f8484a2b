"""Random views of a picture, and how points move with them; TensorFlow, for `tf.data`.

A view is a 3 x 3 matrix from pixels of the crop to pixels of the picture, which is the direction
in which a crop is filled. All randomness comes from a seed of two numbers that is handed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor

_MARGIN = 4.0
# A view that leaves fewer of the crop's points in sight is drawn again, at most that often.
_ENOUGH_SHARED, _DRAWS = 0.35, 8


@dataclass(frozen=True)
class WarpOptions:
    """How strongly views differ.

    Attributes:
        rotation: largest turn between the views of a pair, in degrees.
        scale: largest change of size, as a factor; at least 1.
        stretch: largest factor by which one direction is stretched and the other one shrunk.
        perspective: how much nearer one border may be than the middle, from 0 to below 1.
        any_upright: share of pairs of which both views are turned by any angle beforehand.
    """

    rotation: float = 60.0
    scale: float = 2.0
    stretch: float = 2.0
    perspective: float = 0.7
    any_upright: float = 0.25

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rotation", 0, 180),
            ("scale", 1, 8),
            ("stretch", 1, 4),
            ("perspective", 0, 0.9),
            ("any_upright", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"Expected {name} from {low} to {high}, got {value!r}.")


def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Move points by a homography.

    Args:
        matrix: float tensor of shape (..., 3, 3).
        points: float tensor of shape (..., n_points, 2).

    Returns:
        Float tensor of the shape of `points`; NaN beyond the horizon.
    """
    homogeneous = tf.concat([points, tf.ones_like(points[..., :1])], axis=-1)
    moved = tf.matmul(homogeneous, matrix, transpose_b=True)
    depth = moved[..., 2:]
    return tf.where(depth > 1e-3, moved[..., :2] / tf.maximum(depth, 1e-3), math.nan)


def are_inside(points: Tensor, height: Tensor, width: Tensor, *, margin: float = 0.0) -> Tensor:
    """Which points lie in a picture; bool tensor of shape (..., n_points)."""
    last = tf.cast(tf.stack([width, height]) - 1, points.dtype)
    # Written so that NaN is outside.
    return tf.reduce_all((points >= margin) & (points <= last - margin), axis=-1)


def crop_view(image: Tensor, view: Tensor, size: int) -> Tensor:
    """Fill a square crop; outside of the picture its mirror image goes on.

    Args:
        image: float32 tensor of shape (height, width, 3).
        view: float32 tensor of shape (3, 3), from pixels of the crop to those of the picture.
        size: side of the crop.

    Returns:
        Float32 tensor of shape (size, size, 3).
    """
    # Where a pixel of the crop covers several of the picture, those are averaged first.
    zoom = tf.sqrt(tf.abs(tf.linalg.det(view[:2, :2] / view[2, 2])))
    image, view = tf.cond(zoom > 1.3, lambda: _shrunk(image, view, zoom), lambda: (image, view))
    view = tf.reshape(view / view[2, 2], [1, 9])[:, :8]
    filled = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=view,
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.reshape(filled, [size, size, 3])


def random_warps(seed: Tensor, options: WarpOptions, *, n: int, size: int) -> Tensor:
    """Homographies of crop coordinates about the middle; float32 tensor of shape (n, 3, 3)."""
    draw = tf.random.stateless_uniform([n, 6], seed, -1.0, 1.0)
    scale = tf.exp(draw[:, 0] * math.log(options.scale))
    stretch = tf.exp(draw[:, 1] * math.log(options.stretch))
    along = rotation(draw[:, 2] * math.pi)
    stretched = along @ tf.linalg.diag(tf.stack([stretch, 1 / stretch], axis=-1))
    stretched = stretched @ tf.linalg.matrix_transpose(along)
    turned = rotation(draw[:, 3] * math.radians(options.rotation)) @ stretched
    tilted = draw[:, 4:6] * options.perspective / (size / 2)
    bottom = tf.concat([tilted, tf.ones([n, 1])], axis=1)[:, tf.newaxis]
    top = tf.concat([turned * scale[:, tf.newaxis, tf.newaxis], tf.zeros([n, 2, 1])], axis=2)
    return tf.concat([top, bottom], axis=1)


def rotation(angle: Tensor) -> Tensor:
    """The matrix of a turn in radians; of shape (..., 2, 2)."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([cos, -sin], axis=-1), tf.stack([sin, cos], axis=-1)], axis=-2)


def about_middle(size: int) -> Tensor:
    """From pixels of a crop to the same seen from its middle; float32 tensor of shape (3, 3)."""
    middle = (size - 1) / 2
    return tf.constant([[1, 0, -middle], [0, 1, -middle], [0, 0, 1]], tf.float32)


def placed(linear: Tensor, at: Tensor) -> Tensor:
    """From coordinates about a crop's middle to a picture: a linear map, then a shift to `at`."""
    top = tf.concat([linear, at[..., tf.newaxis]], axis=-1)
    bottom = tf.zeros_like(top[..., :1, :]) + tf.constant([0.0, 0.0, 1.0])
    return tf.concat([top, bottom], axis=-2)


def warped_pair(
    image: Tensor, seed: Tensor, options: WarpOptions, *, size: int, n_points: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Two views of one picture, with points that match by construction.

    Args:
        image: float32 tensor of shape (height, width, 3).
        seed: int tensor of shape (2,).
        options: how strongly the views differ.
        size: side of the crops.
        n_points: points drawn.

    Returns:
        Both crops of shape (size, size, 3), both sets of points of shape (n_points, 2), and which
        of the points are in sight in both crops and in the picture, float32 of shape (n_points,).
    """
    seeds = tf.random.split(seed, 5)
    base = _base_view(image, seeds[0], options, size=size)
    shifts = tf.random.stateless_uniform([_DRAWS, 2], seeds[2], -size / 12, size / 12)
    warps = random_warps(seeds[1], options, n=_DRAWS, size=size)
    warps = warps @ placed(tf.eye(2, batch_shape=[_DRAWS]), shifts)
    middle = about_middle(size)
    first = tf.random.stateless_uniform([], seeds[3])
    # Some pairs are two warps of the picture, most are the picture and a warp.
    view_a = tf.where(first < 0.3, base @ warps[-1] @ middle, base @ middle)
    views_b = tf.matmul(base @ warps[:-1], middle)
    points = tf.random.stateless_uniform([6 * n_points, 2], seeds[4], _MARGIN, size - 1 - _MARGIN)
    in_picture = transform_points(view_a, points)
    moved = transform_points(tf.linalg.inv(views_b), in_picture[tf.newaxis])
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    seen = are_inside(in_picture, height, width) & are_inside(moved, size, size, margin=_MARGIN)
    chosen = _first_enough(tf.reduce_mean(tf.cast(seen, tf.float32), axis=1))
    # Points in sight come first, so that as many as possible are real.
    order = tf.argsort(tf.cast(seen[chosen], tf.int32), direction="DESCENDING", stable=True)
    order = order[:n_points]
    mask = tf.cast(tf.gather(seen[chosen], order), tf.float32)
    points_b = tf.where(mask[:, tf.newaxis] > 0, tf.gather(moved[chosen], order), 0.0)
    return (
        crop_view(image, view_a, size),
        crop_view(image, views_b[chosen], size),
        tf.gather(points, order),
        points_b,
        mask,
    )


def matched_crops(
    images: tuple[Tensor, Tensor],
    points: tuple[Tensor, Tensor],
    seed: Tensor,
    options: WarpOptions,
    *,
    size: int,
    n_points: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Crops of a matched pair around one of its matches, each seen anew; points follow.

    Args:
        images: float32 tensors of shape (height, width, 3), of any two sizes.
        points: float32 tensors of shape (n, 2), matching, at least one.
        seed: int tensor of shape (2,).
        options: how strongly each crop differs from its picture; half of the turn and of the
            stretch for each.
        size: side of the crops.
        n_points: points drawn of those in sight.

    Returns:
        As `warped_pair`.
    """
    seeds = tf.random.split(seed, 6)
    count = tf.shape(points[0])[0]
    centre = tf.random.stateless_uniform([], seeds[0], 0, count, dtype=tf.int32)
    crops, moved, seen = [], [], tf.ones([count], tf.bool)
    share = tf.random.stateless_uniform([], seeds[1], 0.5, 1.1)
    gentle = WarpOptions(
        options.rotation / 2,
        math.sqrt(options.scale),
        math.sqrt(options.stretch),
        options.perspective / 4,
        options.any_upright,
    )
    upright = _any_upright(seeds[2], options)
    for image, matches, one in zip(images, points, (seeds[3], seeds[4]), strict=True):
        shorter = tf.cast(tf.minimum(tf.shape(image)[0], tf.shape(image)[1]), tf.float32)
        warp = random_warps(one, gentle, n=1, size=size)[0]
        offset = tf.random.stateless_uniform([2], one + 1, -size / 4, size / 4)
        # The chosen match lies somewhere in the middle half of the crop.
        view = placed(upright * (share * shorter / size), matches[centre]) @ warp
        view = view @ placed(tf.eye(2), offset) @ about_middle(size)
        there = transform_points(tf.linalg.inv(view), matches)
        seen &= are_inside(there, size, size, margin=_MARGIN)
        crops.append(crop_view(image, view, size))
        moved.append(there)
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds[5])
    order = tf.gather(order, tf.argsort(tf.cast(tf.gather(seen, order), tf.int32), stable=True))
    order = tf.reverse(order, [0])[:n_points]
    kept = tf.gather(seen, order)
    missing = n_points - tf.shape(order)[0]
    places = [
        tf.pad(tf.where(kept[:, tf.newaxis], tf.gather(one, order), 0.0), [[0, missing], [0, 0]])
        for one in moved
    ]
    mask = tf.pad(tf.cast(kept, tf.float32), [[0, missing]])
    return crops[0], crops[1], places[0], places[1], mask


def _base_view(image: Tensor, seed: Tensor, options: WarpOptions, *, size: int) -> Tensor:
    """Where in the picture a pair of views lies, how large, and which way up."""
    seeds = tf.random.split(seed, 3)
    sides = tf.cast(tf.stack([tf.shape(image)[1], tf.shape(image)[0]]), tf.float32)
    zoom = tf.exp(tf.random.stateless_uniform([], seeds[0], math.log(0.6), math.log(1.6)))
    zoom = tf.minimum(zoom, 0.95 * tf.reduce_min(sides) / size)
    half = zoom * size / 2
    at = half + tf.random.stateless_uniform([2], seeds[1]) * (sides - 2 * half)
    return placed(_any_upright(seeds[2], options) * zoom, at)


def _any_upright(seed: Tensor, options: WarpOptions) -> Tensor:
    """A mirroring or not, and for a share of the pairs a turn by any angle."""
    draw = tf.random.stateless_uniform([3], seed)
    mirror = tf.linalg.diag(tf.stack([tf.where(draw[0] < 0.5, -1.0, 1.0), 1.0]))
    angle = tf.where(draw[1] < options.any_upright, (draw[2] - 0.5) * 2 * math.pi, 0.0)
    return mirror @ rotation(angle)


def _first_enough(shares: Tensor) -> Tensor:
    enough = tf.cast(shares >= _ENOUGH_SHARED, tf.int32)
    return tf.where(tf.reduce_any(enough > 0), tf.argmax(enough), tf.argmax(shares))


def _shrunk(image: Tensor, view: Tensor, zoom: Tensor) -> tuple[Tensor, Tensor]:
    """The picture at the resolution of the crop, and the view of that."""
    sides = tf.cast(tf.shape(image)[:2], tf.float32)
    small = tf.maximum(tf.round(sides / zoom), 1.0)
    ratio = tf.reverse(small / sides, [0])
    shift = (ratio - 1) / 2  # x' = (x + 0.5) * ratio - 0.5
    resized = tf.image.resize(image, tf.cast(small, tf.int32), antialias=True)
    return resized, placed(tf.linalg.diag(ratio), shift) @ view
