"""Training on a handful of tiny pictures."""

import math
import time

import keras
import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.nets import autoencoder_training
from embedsvc.nets.autoencoder import (
    AutoencoderConfig,
    build_autoencoder,
    load_weights,
    read_weights,
)
from embedsvc.nets.autoencoder_training import TrainingOptions, train_autoencoder

TINY = AutoencoderConfig(16, 16, filters=(4, 8), latent=3)
SHORT = TrainingOptions(epochs=2, batch_size=4)


def pictures(n=24):
    """Slopes of light from the left or from the top."""
    generator = np.random.default_rng(0)
    slope = np.linspace(40, 200, 16)
    rows = generator.random((n, 1, 1, 1)) < 0.5
    x = np.where(rows, slope[:, None, None], slope[None, :, None]) + generator.normal(
        0, 3, (n, 16, 16, 3)
    )
    return x.astype(np.uint8)


def error(weights, pixels):
    network = build_autoencoder(TINY)
    load_weights(network, weights)
    x = pixels / np.float32(255)
    return float(np.abs(x - network(x, training=False)).mean())


def test_it_learns_what_it_sees():
    pixels = pictures()
    before = error(read_weights(build_autoencoder(TINY, seed=0)), pixels)
    options = TrainingOptions(epochs=20, batch_size=4)
    after = error(train_autoencoder(pixels, TINY, seed=0, options=options), pixels)
    assert after < 0.5 * before


def test_the_same_seed_gives_the_same_weights_and_global_seeds_do_not_matter():
    pixels, kept = pictures(), pictures()
    options = TrainingOptions(epochs=2, batch_size=4, denoising=0.3)
    keras.utils.set_random_seed(3)
    expected = np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002
    keras.utils.set_random_seed(3)
    first = train_autoencoder(pixels, TINY, seed=5, options=options)
    assert (np.random.random(), float(keras.random.uniform(()))) == expected  # noqa: NPY002
    second = train_autoencoder(pixels, TINY, seed=5, options=options)
    for name, array in first.items():
        np.testing.assert_allclose(array, second[name], atol=1e-5)
    other = train_autoencoder(pixels, TINY, seed=6, options=options)
    assert np.any(np.abs(other["latent/kernel"] - first["latent/kernel"]) > 1e-3)
    np.testing.assert_array_equal(pixels, kept)


def test_every_epoch_is_told():
    told = []
    train_autoencoder(pictures(), TINY, seed=0, options=SHORT, advance=told.append)
    assert told == [1, 1]


def test_it_stops_early_and_keeps_the_best(monkeypatch):
    """The validation loss falls, then rises for good: the weights of the second epoch stay."""
    losses = iter([3.0, 2.0, 4.0, 5.0, 6.0])
    monkeypatch.setattr(
        autoencoder_training, "_measuring_step", lambda network: lambda clean: next(losses)
    )
    told = []
    options = TrainingOptions(epochs=50, batch_size=8, patience=3)
    best = train_autoencoder(pictures(), TINY, seed=0, options=options, advance=told.append)
    assert len(told) == 5
    losses = iter([3.0, 2.0])
    monkeypatch.setattr(autoencoder_training, "_paced", only_two_epochs)
    two = train_autoencoder(pictures(), TINY, seed=0, options=options)
    for name, array in two.items():
        np.testing.assert_allclose(best[name], array, atol=1e-5)


def only_two_epochs(options, epochs, rate):
    del options, epochs
    rate.assign(1e-3)
    yield from range(2)


def test_the_rate_falls_over_the_last_part():
    rate = keras.Variable(0.0)
    rates = [float(rate) for _ in autoencoder_training._paced(TrainingOptions(), 10, rate)]
    np.testing.assert_allclose(rates[:8], 1e-3, rtol=1e-5)
    np.testing.assert_allclose(rates[8:], [2e-3 / 3, 1e-3 / 3], rtol=1e-5)


def test_the_time_limit_ends_training_with_a_low_rate(monkeypatch):
    now = iter([0.0, 0.0, 3.0, 9.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    rate = keras.Variable(0.0)
    options = TrainingOptions(time_limit=10.0)
    rates = [float(rate) for _ in autoencoder_training._paced(options, 1000, rate)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-3 / 3], rtol=1e-5)


def test_ctrl_c_passes_through():
    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_autoencoder(pictures(), TINY, seed=0, options=SHORT, advance=interrupt)


@pytest.mark.parametrize("n", [1, 9])
def test_any_number_of_pictures_gives_finite_weights(n):
    weights = train_autoencoder(pictures(n), TINY, seed=0, options=SHORT)
    assert all(np.all(np.isfinite(array)) for array in weights.values())


def test_a_handful_of_pictures_is_all_learned_from():
    assert TrainingOptions().validation_count(19) == 0
    assert TrainingOptions().validation_count(20) == 2


@pytest.mark.parametrize(
    ("n", "side", "epochs"),
    [
        (0, 128, 1000),
        (1, 128, 1000),
        (300, 128, 30),
        (300, 64, 30),
        (757, 128, 12),
        (300, 256, 15),
        (300, 999, 8),
    ],
)
def test_small_sets_are_seen_more_often_and_large_pictures_less(n, side, epochs):
    config = AutoencoderConfig(side, side)
    assert TrainingOptions().planned_epochs(n, config) == epochs
    assert TrainingOptions(epochs=7).planned_epochs(n, config) == 7


def test_hidden_patches_take_the_mean_colour():
    clean = pictures(4).astype(np.float32) / 255
    kept = clean.copy()
    hidden = autoencoder_training._hide(np.random.default_rng(0), clean, 0.5)
    np.testing.assert_array_equal(clean, kept)
    changed = np.any(hidden != clean, axis=-1)
    assert 0.3 < changed.mean() < 0.7
    for before, after, where in zip(clean, hidden, changed, strict=True):
        np.testing.assert_allclose(after[where] - before.mean(axis=(0, 1)), 0, atol=1e-6)
    assert autoencoder_training._hide(np.random.default_rng(0), clean, 0.0) is clean


def test_nothing_to_learn_from():
    with pytest.raises(InputError, match="at least one normal picture, got none. Give some"):
        train_autoencoder(np.zeros((0, 16, 16, 3), np.uint8), TINY, seed=0)


def test_pictures_of_another_size():
    with pytest.raises(InputError, match=r"got uint8 of shape \(2, 8, 8, 3\)"):
        train_autoencoder(np.zeros((2, 8, 8, 3), np.uint8), TINY, seed=0)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 0}, "epochs, batch_size and patience of at least 1, got TrainingOptions"),
        ({"batch_size": 0}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"denoising": 1.0}, "to below 1, got 1.0 and 0.1. They are shares, not percents"),
        ({"denoising": -0.1}, "to below 1"),
        ({"validation_share": math.nan}, "to below 1"),
        ({"time_limit": 0.0}, "time_limit above 0 seconds, got 0.0. Use None"),
        ({"time_limit": math.nan}, "time_limit above 0 seconds, got nan"),
    ],
)
def test_bad_options(options, text):
    with pytest.raises(InputError, match=text):
        TrainingOptions(**options)
