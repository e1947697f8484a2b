"""Structural similarity against scikit-image, and as something to learn by."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from embedsvc.errors import InputError
from embedsvc.nets.ssim import ssim_loss, ssim_map


def pictures(height=20, width=24, n=2):
    generator = np.random.default_rng(0)
    x = generator.random((n, height, width, 3)).astype(np.float32)
    noise = generator.normal(0, 0.2, size=x.shape)
    return x, np.clip(0.7 * x + 0.2 + noise, 0, 1).astype(np.float32)


@pytest.mark.golden
@pytest.mark.parametrize("window", [3, 7, 11])
def test_equals_scikit_image(window):
    x, y = pictures()
    ours = ssim_map(x, y, window=window).numpy()
    for one, other, found in zip(x, y, ours, strict=True):
        _, expected = structural_similarity(
            one.astype(np.float64),
            other.astype(np.float64),
            win_size=window,
            data_range=1.0,
            channel_axis=-1,
            use_sample_covariance=False,
            full=True,
        )
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_window_may_fill_the_picture():
    x, y = pictures(height=11, width=11)
    assert ssim_map(x, y, window=11).shape == (2, 11, 11, 3)


@pytest.mark.parametrize(("height", "width"), [(20, 24), (21, 15)])
def test_a_stride_leaves_out_rows_and_columns(height, width):
    x, y = pictures(height, width)
    every, second = ssim_map(x, y, window=5), ssim_map(x, y, window=5, stride=2)
    np.testing.assert_allclose(second, every[:, ::2, ::2], atol=1e-6)


def test_equal_pictures_have_no_loss():
    x, y = pictures()
    np.testing.assert_allclose(ssim_loss(x, x), [0, 0], atol=1e-6)
    loss = ssim_loss(x, y).numpy()
    assert loss.shape == (2,)
    assert np.all((loss > 0.1) & (loss < 1))
    np.testing.assert_allclose(ssim_loss(x, y), ssim_loss(y, x), atol=1e-6)


def test_flat_pictures_differ_by_their_brightness_alone():
    dark, bright = np.full((1, 16, 16, 1), 0.2, "f4"), np.full((1, 16, 16, 1), 0.8, "f4")
    luminance = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    np.testing.assert_allclose(ssim_map(dark, bright), luminance, rtol=1e-3)


def test_the_gradient_makes_pictures_more_alike():
    x, y = pictures()
    y = tf.Variable(y)
    before = float(tf.reduce_mean(ssim_loss(x, y)))
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(ssim_loss(x, y, window=7, stride=2))
        y.assign_sub(200.0 * tape.gradient(loss, y))
    assert float(tf.reduce_mean(ssim_loss(x, y))) < before - 0.01


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (4, 1), (21, 1), (5, 0)])
def test_bad_windows(window, stride):
    x, y = pictures()
    with pytest.raises(InputError, match=f"at most 20 .* got window={window}, stride={stride}"):
        ssim_map(x, y, window=window, stride=stride)
