"""The autoencoder as a network: shapes, seeds, weights, penalty."""

import keras
import numpy as np
import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.autoencoder import (
    AutoencoderConfig,
    build_autoencoder,
    check_pixels,
    load_weights,
    read_weights,
)

TINY = AutoencoderConfig(16, 16, filters=(4, 8), latent=3)


def pictures(n=2, height=16, width=16, channels=3):
    return np.random.default_rng(0).random((n, height, width, channels)).astype(np.float32)


@pytest.mark.parametrize(("height", "width", "channels"), [(16, 16, 3), (17, 30, 3), (21, 19, 1)])
def test_pictures_come_back_in_their_size_and_range(height, width, channels):
    config = AutoencoderConfig(height, width, channels, filters=(4, 8, 8), latent=2)
    network = build_autoencoder(config)
    drawn = network(pictures(2, height, width, channels)).numpy()
    assert drawn.shape == (2, height, width, channels)
    assert drawn.dtype == np.float32
    assert np.all((drawn > 0) & (drawn < 1))


def test_the_bottleneck_is_narrow():
    network = build_autoencoder(AutoencoderConfig(128, 128))
    assert network.get_layer("latent").output.shape == (None, 8, 8, 32)
    assert network.count_params() < 200_000


def test_the_seed_makes_the_weights():
    same, again, other = (read_weights(build_autoencoder(TINY, seed=seed)) for seed in (1, 1, 2))
    for name, array in same.items():
        np.testing.assert_array_equal(array, again[name])
    kernels = [name for name in same if name.endswith("/kernel")]
    assert len(kernels) == 5
    assert all(np.any(same[name] != other[name]) for name in kernels)


def test_layers_of_one_shape_do_not_begin_equal():
    weights = read_weights(build_autoencoder(AutoencoderConfig(32, 32, filters=(4, 4, 4))))
    assert np.any(weights["down1/kernel"] != weights["down2/kernel"])


def test_building_leaves_global_seeds_alone():
    keras.utils.set_random_seed(3)
    expected = np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002
    keras.utils.set_random_seed(3)
    build_autoencoder(TINY)
    assert (np.random.random(), float(keras.random.uniform(()))) == expected  # noqa: NPY002


def test_weights_move_to_another_network():
    first, second = build_autoencoder(TINY, seed=1), build_autoencoder(TINY, seed=2)
    x = pictures()
    first(x, training=True)  # moves the statistics of the batch normalization
    load_weights(second, read_weights(first))
    np.testing.assert_array_equal(first(x, training=False), second(x, training=False))


def test_weights_are_copies():
    network = build_autoencoder(TINY)
    weights = read_weights(network)
    weights["latent/kernel"] += 1
    assert np.any(read_weights(network)["latent/kernel"] != weights["latent/kernel"])


def test_a_missing_and_an_unknown_array():
    network = build_autoencoder(TINY)
    weights = read_weights(network)
    weights["stranger"] = weights.pop("latent/bias")
    with pytest.raises(ArtifactError, match="difference in latent/bias, stranger. Use the weights"):
        load_weights(network, weights)


def test_an_array_of_another_shape():
    network = build_autoencoder(TINY)
    weights = {**read_weights(network), "latent/bias": np.zeros(7, np.float32)}
    with pytest.raises(ArtifactError, match=r"latent/bias of shape \(3,\), got \(7,\). Use the"):
        load_weights(network, weights)


def test_the_activity_penalty_is_a_loss_per_picture():
    x = pictures(4)
    plain = build_autoencoder(TINY)
    plain(x)
    assert plain.losses == []
    network = build_autoencoder(AutoencoderConfig(16, 16, 3, (4, 8), 3, activity_penalty=0.5))
    network(x)
    latent = keras.Model(network.input, network.get_layer("latent").output)(x).numpy()
    np.testing.assert_allclose(network.losses, [0.5 * np.abs(latent).sum() / 4], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"height": 0}, "to be 1 or more, got AutoencoderConfig"),
        ({"latent": 0}, "to be 1 or more"),
        ({"filters": ()}, "at least one of filters"),
        ({"filters": (4, 0)}, "to be 1 or more"),
        ({"width": 3}, "at least 4 pixels for 2 levels, got 16 x 3. Use larger"),
        ({"activity_penalty": -1.0}, "activity_penalty to be 0 or more, got -1.0"),
        ({"activity_penalty": float("nan")}, "got nan"),
    ],
)
def test_bad_configurations(change, text):
    settings = {"height": 16, "width": 16, "filters": (4, 8), "latent": 3, **change}
    with pytest.raises(InputError, match=text):
        AutoencoderConfig(**settings)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 16, 16, 3)), np.zeros((1, 16, 17, 3), "u1"), np.zeros((16, 16, 3), "u1")],
)
def test_pictures_that_do_not_fit(pixels):
    with pytest.raises(InputError, match=r"uint8 of shape \(n_images, 16, 16, 3\), got .* Resize"):
        check_pixels(pixels, TINY)


def test_no_picture_fits():
    check_pixels(np.zeros((0, 16, 16, 3), np.uint8), TINY)
