"""Residuals, their statistics and scores, with networks that nobody trained."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import uniform_filter

from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.autoencoder import (
    AutoencoderConfig,
    build_autoencoder,
    load_weights,
    read_weights,
)
from embedsvc.nets.autoencoder_residuals import (
    anomaly_maps,
    reconstruct,
    reconstructor,
    residual_scores,
    residual_statistics,
)
from embedsvc.nets.ssim import ssim_map

TINY = AutoencoderConfig(16, 20, filters=(4, 8), latent=3)
WEIGHTS = read_weights(build_autoencoder(TINY, seed=0))


def pictures(n=5):
    return np.random.default_rng(0).integers(0, 256, (n, 16, 20, 3), np.uint8)


def noise(n=40, height=32, width=40, seed=0):
    """Residuals of pictures that are drawn worse on the right, each with its own grain."""
    generator = np.random.default_rng(seed)
    grain = generator.uniform(0.5, 2.0, (n, 1, 1, 1)) * np.linspace(0.05, 0.2, width)
    return (grain * generator.uniform(0.5, 1.5, (n, 2, height, width))).astype(np.float32)


def test_residuals_are_the_difference_and_the_structure():
    pixels = pictures()
    network = build_autoencoder(TINY)
    load_weights(network, WEIGHTS)
    x = pixels.astype(np.float32) / 255
    drawn = network(x, training=False)
    absolute = np.abs(x - drawn).mean(axis=-1)
    structure = 0.5 * (1 - ssim_map(tf.constant(x), drawn, window=3)).numpy().mean(axis=-1)
    residuals = reconstruct(WEIGHTS, TINY, pixels)
    assert residuals.shape == (5, 2, 16, 20)
    assert residuals.dtype == np.float32
    np.testing.assert_allclose(residuals[:, 0], absolute, atol=1e-5)
    np.testing.assert_allclose(residuals[:, 1], absolute + structure, atol=1e-5)


def test_neighbours_and_batches_change_nothing():
    pixels, compute = pictures(40), reconstructor(WEIGHTS, TINY)
    together = compute(pixels)
    np.testing.assert_allclose(compute(pixels[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(compute(pixels[33:34]), together[33:34], atol=1e-5)


def test_scores_do_not_depend_on_neighbours_either():
    statistics, others = residual_statistics(noise()), noise(seed=1)
    scores, maps = residual_scores(others, statistics), anomaly_maps(others, statistics)
    np.testing.assert_allclose(residual_scores(others[7:8], statistics), scores[7:8], atol=1e-5)
    np.testing.assert_allclose(anomaly_maps(others[7:8], statistics), maps[7:8], atol=1e-5)


def test_a_planted_spot_is_found_where_it_is():
    statistics = residual_statistics(noise())
    others = noise(seed=1)
    others[3, :, 10:14, 5:9] += 0.2
    scores, maps = residual_scores(others, statistics), anomaly_maps(others, statistics)
    assert scores.dtype == np.float64
    assert scores.argmax() == 3
    assert maps.shape == (40, 32, 40)
    assert maps.dtype == np.float32
    row, column = np.unravel_index(maps[3].argmax(), maps[3].shape)
    assert 9 <= row <= 14
    assert 4 <= column <= 9


def test_a_place_drawn_too_well_counts_as_well():
    statistics, others = residual_statistics(noise()), noise(seed=1)
    before = residual_scores(others, statistics)
    others[3, :, 8:24, 25:38] *= 0.1
    after = residual_scores(others, statistics)
    assert after.argmax() == 3
    np.testing.assert_allclose(np.delete(after, 3), np.delete(before, 3))


def test_a_map_is_the_mean_of_z_scores_by_position():
    """One box after the other, by hand."""
    normal, others = noise(), noise(seed=1)
    expected = np.zeros((40, 32, 40))
    for kind in range(2):
        for side in (3, 3, 5):
            a, b = (uniform_filter(x[:, kind], (1, side, side)) for x in (normal, others))
            a, b = (x / np.sqrt(np.median(x, axis=(1, 2), keepdims=True)) for x in (a, b))
            spread = a.std(axis=0)
            expected += (b - a.mean(axis=0)) / (spread + 0.6 * spread.mean()) / 6
    found = anomaly_maps(others, residual_statistics(normal))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_statistics_have_a_floor():
    """Normal pictures that agree exactly leave no deviation, and nothing is divided by 0."""
    residuals = np.full((3, 2, 16, 16), 0.25, np.float32)
    statistics = residual_statistics(residuals)
    scores = residual_scores(residuals, statistics)
    assert np.all(np.isfinite(scores))
    blank = residual_statistics(np.zeros((1, 2, 16, 16), np.float32))
    assert np.all(np.isfinite(residual_scores(residuals, blank)))


def test_arguments_are_not_changed():
    residuals = noise()
    statistics = residual_statistics(residuals)
    anomaly_maps(residuals, statistics)
    residual_scores(residuals, statistics)
    np.testing.assert_array_equal(residuals, noise())


def test_nothing_in_nothing_out():
    assert reconstruct(WEIGHTS, TINY, pictures(0)).shape == (0, 2, 16, 20)
    statistics, none = residual_statistics(noise()), noise(0)
    assert anomaly_maps(none, statistics).shape == (0, 32, 40)
    assert residual_scores(none, statistics).shape == (0,)


def test_statistics_of_nothing():
    with pytest.raises(InputError, match="residuals of a normal picture, got none. Give"):
        residual_statistics(noise(0))


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 1, 16, 16), (3, 2, 0, 16)])
@pytest.mark.parametrize("use", [anomaly_maps, residual_scores])
def test_residuals_of_another_shape(shape, use):
    statistics = residual_statistics(noise())
    with pytest.raises(InputError, match=r"\(n_images, 2, height, width\), got .* Use those of"):
        use(np.zeros(shape, np.float32), statistics)
    with pytest.raises(InputError, match="n_images, 2"):
        residual_statistics(np.zeros(shape, np.float32))


@pytest.mark.parametrize("use", [anomaly_maps, residual_scores])
def test_statistics_of_another_size(use):
    with pytest.raises(InputError, match=r"\(32, 40\) as the statistics, got \(16, 40\)"):
        use(noise(height=16), residual_statistics(noise()))


def test_pictures_of_another_size():
    with pytest.raises(InputError, match=r"got uint8 of shape \(5, 20, 16, 3\)"):
        reconstruct(WEIGHTS, TINY, pictures().transpose(0, 2, 1, 3))


def test_weights_of_another_network():
    with pytest.raises(ArtifactError, match="Use the weights with the configuration"):
        reconstructor(WEIGHTS, AutoencoderConfig(16, 20, filters=(4, 8), latent=5))
