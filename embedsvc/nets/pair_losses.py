"""Losses over matching points of pairs of images, none of which knows a `y_true`.

A batch holds `n_pairs` pairs of images with `n_points` points each. Point i of image a and point i
of image b show the same place; their descriptors should be alike, and unlike those of all other
places. With s_ij the cosine of the descriptors of point i in one image and point j in the other,
every loss compares the match s_ii with the negatives s_ij, from a to b and from b to a.

The negatives of a point are the other points of the other image which lie outside a radius around
its true match, and the points of the other images of the batch, if these show another scene. (Two
pairs of one scene may hold the same place twice.) Padded points are nothing at all: neither
anchors nor matches nor negatives.

The batch has:
    points_a, points_b: float32 of shape (n_pairs, n_points, 2), in pixels of the image.
    mask: float32 of shape (n_pairs, n_points), 1 where a match is real, 0 for padding.
    scene: int64 of shape (n_pairs,).
The outputs have:
    descriptors_a, descriptors_b: float32 of shape (n_pairs, n_points, dim), rows of length 1.

A loss is the mean over the real points of the batch, those without any negative included; without
real points it is 0. With m = n_pairs * n_points, a few matrices of shape (m, m) are in memory at a
time: 10 MB each at 1,600 points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.batch_training import Batch, Outputs
from embedsvc.nets.layers import Tensor

# The cosine of what is no negative: so low that no softmax and no margin sees it.
_NEVER = -1e9
# Of distances. At 0 the square root has no gradient, and below this one float32 holds only noise.
_LEAST_SQUARE = 1e-6


@dataclass(frozen=True)
class InfoNCE:
    """Cross-entropy of finding the match among it and all its negatives, by softmax.

    For each real point, with N its negatives,

        -log( exp(s_ii / t) / (exp(s_ii / t) + sum over j in N of exp(s_ij / t)) )

    and half of it from a to b, half from b to a.

    Args:
        temperature: t; lower ones look at the nearest negatives alone.
        safe_radius: pixels around the true match within which a point is no negative.
        in_batch: also compare with the images of other scenes in the batch.

    Raises:
        InputError: a temperature that is not above 0, or a radius below 0.

    Example:
        >>> model = BatchModel(network, {"infonce": InfoNCE(temperature=0.1)})

    Source: van den Oord et al. 2018, https://arxiv.org/abs/1807.03748
    """

    temperature: float = 0.05
    safe_radius: float = 6.0
    in_batch: bool = True

    def __post_init__(self) -> None:
        _check_above_zero("temperature", self.temperature)
        _check_radius(self.safe_radius)

    def __call__(self, batch: Batch, outputs: Outputs) -> Tensor:
        """The loss of a batch, a scalar."""
        cosines = _compare(batch, outputs, self.safe_radius, in_batch=self.in_batch)
        losses = [
            # log(e^s + sum e^n) - s, written so that neither is ever subtracted from itself.
            tf.math.softplus(
                tf.reduce_logsumexp(negatives / self.temperature, axis=1)
                - cosines.matches / self.temperature
            )
            for negatives in (cosines.negatives_b, cosines.negatives_a)
        ]
        return _mean(0.5 * tf.add_n(losses), cosines.real)


@dataclass(frozen=True)
class HardestTriplet:
    """A match shall be nearer than the nearest of all negatives, by a margin.

    For each real point, with d the Euclidean distance of descriptors, sqrt(2 - 2 s),

        max(0, margin + d_ii - min(nearest negative of a_i in b, nearest negative of b_i in a))

    A point without negatives has the loss 0.

    Args:
        margin: by how much; distances go from 0 to 2.
        safe_radius: pixels around the true match within which a point is no negative.
        in_batch: also compare with the images of other scenes in the batch.

    Raises:
        InputError: a margin that is not above 0, or a radius below 0.

    Source: HardNet, Mishchuk et al. 2017, https://arxiv.org/abs/1705.10872; the safe radius and
        the scenes are added.
    """

    margin: float = 1.0
    safe_radius: float = 6.0
    in_batch: bool = True

    def __post_init__(self) -> None:
        _check_above_zero("margin", self.margin)
        _check_radius(self.safe_radius)

    def __call__(self, batch: Batch, outputs: Outputs) -> Tensor:
        """The loss of a batch, a scalar."""
        cosines = _compare(batch, outputs, self.safe_radius, in_batch=self.in_batch)
        hardest = tf.maximum(
            tf.reduce_max(cosines.negatives_b, axis=1), tf.reduce_max(cosines.negatives_a, axis=1)
        )
        violations = self.margin + _distance(cosines.matches) - _distance(hardest)
        return _mean(tf.nn.relu(violations), cosines.real)


@dataclass(frozen=True)
class ContrastiveMargin:
    """Matches are drawn together, the nearest negative is pushed out of a margin.

    For each real point, with d the Euclidean distance of descriptors, sqrt(2 - 2 s),

        1/2 d_ii^2 + 1/2 max(0, margin - d_in)^2

    with n its nearest negative, and half of the second term from a to b, half from b to a. Of all
    negatives the nearest one alone counts: most of some 1,600 lie outside of any margin, and in
    their mean the few that matter would vanish. A point without negatives has the first term.

    Args:
        margin: how far negatives are pushed; distances go from 0 to 2.
        safe_radius: pixels around the true match within which a point is no negative.
        in_batch: also compare with the images of other scenes in the batch.

    Raises:
        InputError: a margin that is not above 0, or a radius below 0.

    Source: Hadsell, Chopra, LeCun: Dimensionality reduction by learning an invariant mapping,
        2006; the nearest negative as in Choy et al. 2019 (Fully convolutional geometric features).
    """

    margin: float = 1.0
    safe_radius: float = 6.0
    in_batch: bool = True

    def __post_init__(self) -> None:
        _check_above_zero("margin", self.margin)
        _check_radius(self.safe_radius)

    def __call__(self, batch: Batch, outputs: Outputs) -> Tensor:
        """The loss of a batch, a scalar."""
        cosines = _compare(batch, outputs, self.safe_radius, in_batch=self.in_batch)
        pushes = [
            tf.square(tf.nn.relu(self.margin - _distance(tf.reduce_max(negatives, axis=1))))
            for negatives in (cosines.negatives_b, cosines.negatives_a)
        ]
        # The square of a distance is 2 - 2 s, and needs no root.
        return _mean(1.0 - cosines.matches + 0.25 * tf.add_n(pushes), cosines.real)


PAIR_LOSSES: dict[str, type[InfoNCE] | type[HardestTriplet] | type[ContrastiveMargin]] = {
    "infonce": InfoNCE,
    "triplet": HardestTriplet,
    "contrastive": ContrastiveMargin,
}
"""By name: what makes a loss of its settings."""


class _Cosines(NamedTuple):
    """Cosines of descriptors; m points, those of all pairs in a row.

    Attributes:
        matches: of points with their matches, shape (m,).
        negatives_b: of points of a (rows) with their negatives in b, shape (m, m); very low where
            there is none.
        negatives_a: of points of b (rows) with their negatives in a.
        real: 1 for real points, 0 for padding, shape (m,).
    """

    matches: Tensor
    negatives_b: Tensor
    negatives_a: Tensor
    real: Tensor


def _compare(batch: Batch, outputs: Outputs, safe_radius: float, *, in_batch: bool) -> _Cosines:
    shape = tf.shape(batch["mask"])
    is_real = tf.reshape(batch["mask"] > 0, [-1])
    a, b = (_rows(outputs[name], is_real) for name in ("descriptors_a", "descriptors_b"))
    cosines = tf.matmul(a, b, transpose_b=True)

    pair = tf.repeat(tf.range(shape[0]), shape[1])
    scene = tf.repeat(batch["scene"], shape[1])
    same_pair = pair[:, tf.newaxis] == pair
    strangers = (scene[:, tf.newaxis] != scene) if in_batch else tf.zeros_like(same_pair)

    def negatives(values: Tensor, points: Tensor) -> Tensor:
        far = _are_far(_rows(points, is_real), safe_radius)
        allowed = is_real & ((same_pair & far) | strangers)
        return tf.where(allowed, values, tf.constant(_NEVER, values.dtype))

    return _Cosines(
        matches=tf.reduce_sum(a * b, axis=1),
        negatives_b=negatives(cosines, batch["points_b"]),
        negatives_a=negatives(tf.transpose(cosines), batch["points_a"]),
        real=tf.cast(is_real, a.dtype),
    )


def _rows(values: Tensor, is_real: Tensor) -> Tensor:
    """From (n_pairs, n_points, dim) to (n_pairs * n_points, dim); zeros at padding.

    Zeros, because a NaN or a huge number there would spoil the gradients even where it is masked.
    """
    rows = tf.reshape(values, [-1, tf.shape(values)[-1]])
    return tf.where(is_real[:, tf.newaxis], rows, tf.zeros_like(rows))


def _are_far(points: Tensor, radius: float) -> Tensor:
    """Whether two points are more than a radius apart; (m, 2) to bool of shape (m, m)."""
    x, y = points[:, 0], points[:, 1]
    squares = tf.square(x[:, tf.newaxis] - x) + tf.square(y[:, tf.newaxis] - y)
    return squares > radius**2


def _distance(cosine: Tensor) -> Tensor:
    """Between unit vectors; one below 0.001 counts as 0.001 and has no gradient."""
    return tf.sqrt(tf.maximum(2.0 - 2.0 * cosine, _LEAST_SQUARE))


def _mean(losses: Tensor, real: Tensor) -> Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(losses * real), tf.reduce_sum(real))


def _check_above_zero(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"Expected {name} above 0, got {value}. Try 0.05 to 1.")


def _check_radius(value: float) -> None:
    if not 0 <= value < math.inf:
        raise InputError(f"Expected safe_radius of 0 pixels or more, got {value}. Try 6.")
