"""Values of maps at points, beside SciPy's interpolation."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from embedsvc.nets.map_sampling import sample_map

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(2, 5, 7, 3)).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_as_scipy_interpolates(stride):
    points = RNG.uniform(-10, 70, (2, 40, 2)).astype(np.float32)
    found = sample_map(tf.constant(MAPS), tf.constant(points), stride=stride).numpy()
    for i in range(2):
        x, y = ((points[i] + 0.5) / stride - 0.5).T
        for channel in range(3):
            expected = ndimage.map_coordinates(
                MAPS[i, :, :, channel].astype(float), [y, x], order=1, mode="nearest"
            )
            np.testing.assert_allclose(found[i, :, channel], expected, atol=1e-5)


def test_middles_of_cells_are_the_map_itself():
    x, y = np.meshgrid(np.arange(7), np.arange(5))
    points = np.stack([x, y], axis=-1).reshape(1, -1, 2).astype(np.float32) * 4 + 1.5
    found = sample_map(tf.constant(MAPS[:1]), tf.constant(points), stride=4)
    np.testing.assert_array_equal(found.numpy().reshape(5, 7, 3), MAPS[0])


def test_gradient_goes_to_the_four_neighbours_by_their_weights():
    maps = tf.zeros([1, 3, 3, 1])
    points = tf.constant([[[0.25, 1.5]]])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = sample_map(maps, points, stride=1)
    expected = [[0, 0, 0], [0.375, 0.125, 0], [0.375, 0.125, 0]]
    np.testing.assert_allclose(tape.gradient(value, maps)[0, :, :, 0], expected, atol=1e-6)


def test_no_points():
    assert sample_map(tf.constant(MAPS), tf.zeros([2, 0, 2]), stride=2).shape == (2, 0, 3)
