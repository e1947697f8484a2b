"""Both spellings of each formula give the same numbers."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from embedsvc.nets.layers import BiasDense, LayerNorm, gelu, gelu_tanh


def textbook_norm(x, epsilon):
    x = x.astype(np.float64)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5])
@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (10.0, 1.0), (-300.0, 20.0), (0.0, 1e-3)])
@pytest.mark.parametrize("shape", [(1, 8), (37, 384), (3, 5)])
def test_layer_norm_gives_the_same_at_training_and_extraction(epsilon, mean, spread, shape):
    generator = np.random.default_rng(0)
    x = generator.normal(mean, spread, shape).astype(np.float32)
    layer = LayerNorm(epsilon, dtype="float32")
    layer.build(shape)
    call = tf.function(layer, autograph=False)

    extraction, training = call(x, training=False).numpy(), call(x, training=True).numpy()

    # Values reach 4, where 1e-6 is two units in the last place; and both round the mean.
    tolerance = 2e-6 + 1.5e-6 * abs(mean) / spread
    difference = np.abs(extraction - training).max()
    assert difference <= tolerance, f"largest difference {difference}"
    np.testing.assert_allclose(extraction, textbook_norm(x, epsilon), atol=3 * tolerance)


def test_layer_norm_scales_and_shifts():
    x = np.array([[1.0, 2.0, 3.0], [-5.0, 0.0, 5.0]], np.float32)
    layer = LayerNorm(1e-12, dtype="float32")
    layer.build(x.shape)
    layer.gamma.assign([1.0, 2.0, 3.0])
    layer.beta.assign([0.5, 0.0, -0.5])

    expected = textbook_norm(x, 1e-12) * [1, 2, 3] + [0.5, 0, -0.5]

    np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-6)
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_layer_norm_of_a_constant_row_is_zero(training):
    layer = LayerNorm(1e-12, dtype="float32")
    layer.build((2, 4))
    rows = layer(np.full((2, 4), 7.0, np.float32), training=training)
    np.testing.assert_array_equal(rows, np.zeros((2, 4)))


def test_layer_norm_of_no_rows():
    layer = LayerNorm(1e-12, dtype="float32")
    layer.build((None, 4))
    assert layer(np.empty((0, 4), np.float32), training=True).shape == (0, 4)


def test_layer_norm_in_half_precision_is_close():
    x = np.random.default_rng(0).normal(0, 1, (5, 16)).astype(np.float32)
    layer = LayerNorm(1e-3, dtype="mixed_float16")
    layer.build(x.shape)
    np.testing.assert_allclose(layer(x), textbook_norm(x, 1e-3), atol=1e-2)


def test_layer_norm_config_rebuilds_it():
    layer = LayerNorm.from_config(LayerNorm(1e-7, name="n").get_config())
    assert (layer.epsilon, layer.name) == (1e-7, "n")
    assert layer.compute_output_shape((None, 3)) == (None, 3)


def test_gelu_is_the_exact_one():
    x = np.linspace(-12, 12, 1001, dtype=np.float32)
    exact = 0.5 * x * (1 + scipy.special.erf(x.astype(np.float64) / np.sqrt(2)))
    np.testing.assert_allclose(gelu(x), exact, atol=1e-6)


def test_gelu_tanh_is_the_published_approximation():
    x = np.linspace(-12, 12, 1001, dtype=np.float32)
    wide = x.astype(np.float64)
    expected = 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    np.testing.assert_allclose(gelu_tanh(x), expected, atol=2e-6)


@pytest.mark.parametrize("activation", [None, "tanh", gelu])
def test_bias_dense(activation):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(6, 4)).astype(np.float32)
    layer = BiasDense(3, activation=activation, dtype="float32")
    layer.build(x.shape)
    layer.bias.assign(generator.normal(size=3))
    plain = x @ layer.kernel.numpy() + layer.bias.numpy()
    expected = {None: plain, "tanh": np.tanh(plain), gelu: gelu(plain)}[activation]
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)
