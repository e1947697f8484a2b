"""The descriptor in its parts: at points, on a grid, and for both pictures of pairs."""

import numpy as np
import pytest

from embedsvc.nets.descriptor import (
    DEFAULT_TAPS,
    SMALL,
    TOWERS,
    build_dense,
    build_descriptor,
    build_joined,
    build_siamese,
)
from embedsvc.nets.map_sampling import sample_map
from embedsvc.nets.small_cnn import SMALL_TAPS, build_small_cnn

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (3, 40, 56, 3)).astype(np.float32)
POINTS = RNG.uniform(0, 39, (3, 9, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return build_descriptor(SMALL, SMALL_TAPS, dim=6)


def test_descriptors_have_length_one_and_do_not_know_their_neighbours(network):
    whole = network.describe({"image": IMAGES, "points": POINTS}).numpy()
    assert (whole.shape, network.dim) == ((3, 9, 6), 6)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=-1), 1, atol=1e-5)
    alone = network.describe({"image": IMAGES[1:2], "points": POINTS[1:2, 4:5]}).numpy()
    np.testing.assert_allclose(alone[0, 0], whole[1, 4], atol=1e-5)


def test_by_hand(network):
    """Each map brought to length 1, all of them joined and again, then projected."""
    maps = network.tower(IMAGES)
    parts = []
    for name, shape in network.shapes.items():
        values = sample_map(maps[name], POINTS, stride=shape.stride).numpy()
        parts.append(values / np.linalg.norm(values, axis=-1, keepdims=True))
    joined = np.concatenate(parts, axis=-1) / np.sqrt(len(parts))
    found = build_joined(network)({"image": IMAGES, "points": POINTS}).numpy()
    np.testing.assert_allclose(found, joined, atol=1e-5)
    kernel, bias = network.head.get_layer("project").get_weights()
    projected = joined @ kernel + bias
    projected /= np.linalg.norm(projected, axis=-1, keepdims=True)
    described = network.describe({"image": IMAGES, "points": POINTS}).numpy()
    np.testing.assert_allclose(described, projected, atol=1e-4)


def test_without_a_projection_the_joined_maps_are_the_descriptor():
    joined = build_descriptor(SMALL, SMALL_TAPS[:2], dim=None)
    assert joined.dim == sum(shape.channels for shape in joined.shapes.values())
    one = build_descriptor(SMALL, SMALL_TAPS[:1], dim=None)
    vectors = one.describe({"image": IMAGES, "points": POINTS}).numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize(("stride", "shape"), [(8, (5, 7)), (16, (3, 4))])
def test_a_dense_map_holds_the_descriptors_of_its_cells_middles(network, stride, shape):
    dense = build_dense(network, stride=stride)(IMAGES)["last"].numpy()
    assert dense.shape == (3, *shape, 6)
    middle = (stride - 1) / 2
    points = np.array([[[2 * stride + middle, stride + middle]]], np.float32)
    one = network.describe({"image": IMAGES[:1], "points": points}).numpy()
    np.testing.assert_allclose(dense[0, 1, 2], one[0, 0], atol=1e-5)


def test_both_pictures_of_a_pair_go_through_the_same_weights(network):
    batch = {"image_a": IMAGES, "image_b": IMAGES[::-1].copy()}
    batch |= {"points_a": POINTS, "points_b": POINTS[::-1].copy()}
    found = build_siamese(network)(batch)
    np.testing.assert_allclose(
        found["descriptors_a"].numpy(), found["descriptors_b"].numpy()[::-1], atol=1e-5
    )
    expected = network.describe({"image": IMAGES, "points": POINTS}).numpy()
    np.testing.assert_allclose(found["descriptors_a"].numpy(), expected, atol=1e-5)


def test_unknown_towers_and_maps():
    with pytest.raises(ValueError, match="tower out of efficientnet-lite0, small, got 'vgg'"):
        build_descriptor("vgg", ("a",), dim=2)
    with pytest.raises(ValueError, match="Expected taps out of"):
        build_descriptor(SMALL, ("stride3",), dim=2)
    assert all(set(DEFAULT_TAPS[name]) <= set(TOWERS[name]) for name in TOWERS)


def test_the_small_network_starts_from_its_seed():
    one, same, other = (build_small_cnn(seed=seed) for seed in (1, 1, 2))
    for a, b in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = (model.get_layer("stride8").kernel.numpy() for model in (one, other))
    assert not np.array_equal(*kernels)
    maps = one(IMAGES)
    assert {name: value.shape[1:] for name, value in maps.items()} == {
        "stride2": (20, 28, 24),
        "stride4": (10, 14, 48),
        "stride8": (5, 7, 96),
        "stride16": (3, 4, 128),
    }
