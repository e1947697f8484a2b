"""Descriptors that learned nothing: one battery for all, and each beside another maker's."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import ORB

from embedsvc.errors import InputError
from embedsvc.images.hog import hog_features
from embedsvc.pairs.baselines import BASELINES, HogPatches, OrbDescriptors, RawPatches


def made_image(height=120, width=160, *, seed=0):
    """Spots of many sizes, grey as colours."""
    rng = np.random.default_rng(seed)
    layers = [ndimage.zoom(rng.normal(size=(1 + height // s, 1 + width // s)), s) for s in (4, 16)]
    mixed = sum(layer[:height, :width] for layer in layers)
    levels = 255 * (mixed - mixed.min()) / np.ptp(mixed)
    return np.repeat(levels.astype(np.uint8)[..., np.newaxis], 3, axis=2)


IMAGE = made_image()
POINTS = np.float32([[40, 50], [60.25, 61.5], [100, 70], [81.75, 50.5], [55, 66]])

every = pytest.mark.parametrize("name", BASELINES)


def describe(name, image=IMAGE, points=POINTS):
    return BASELINES[name]().describe(image, points)


# All of them


@every
def test_rows_have_length_one_and_stay_the_same(name):
    vectors = describe(name)
    assert vectors.shape[0] == len(POINTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(describe(name), vectors)
    others = vectors @ vectors.T - np.eye(len(POINTS))
    assert others.max() < 0.99


@every
def test_a_point_does_not_depend_on_the_others(name):
    turned = describe(name, points=POINTS[::-1])[::-1]
    np.testing.assert_allclose(turned, describe(name), atol=1e-6)
    np.testing.assert_allclose(describe(name, points=POINTS[1:2]), describe(name)[1:2], atol=1e-6)


@every
def test_no_points(name):
    found = describe(name, points=np.empty((0, 2), np.float32))
    assert found.shape == (0, describe(name).shape[1])
    assert found.dtype == np.float32


@every
@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (5, 7), (33, 40)])
def test_any_size_and_the_very_corners(name, shape):
    height, width = shape
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    corners = [[0, 0], [width - 1, height - 1], [-0.5, -0.5], [width - 0.5, height - 0.5]]
    vectors = describe(name, image, np.float32(corners))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@every
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_picture_has_equal_vectors(name, level):
    flat = np.full((50, 60, 3), level, np.uint8)
    vectors = describe(name, flat, np.float32([[30.25, 25], [0, 49]]))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-6)


@every
def test_what_is_shown_elsewhere_is_described_alike(name):
    x, y = 7, 12
    moved = np.pad(IMAGE, ((y, 0), (x, 0), (0, 0)), mode="edge")
    likeness = (describe(name, moved, POINTS + np.float32([x, y])) * describe(name)).sum(1)
    # The windows of SIFT's largest scales reach to where the pictures differ.
    assert likeness.min() > 0.97


@every
def test_brightness_and_contrast_change_little(name):
    faded = (0.6 * IMAGE + 60).round().astype(np.uint8)
    likeness = (describe(name, faded) * describe(name)).sum(1)
    assert likeness.min() > 0.9


@every
def test_names_differ(name):
    names = [BASELINES[other]().name for other in BASELINES]
    assert names.count(BASELINES[name]().name) == 1


@every
@pytest.mark.parametrize(
    ("image", "points", "message"),
    [
        (IMAGE[..., 0], POINTS, r"uint8 of shape \(height, width, 3\), got uint8 of shape"),
        (IMAGE.astype(np.float32), POINTS, "got float32"),
        (IMAGE[:0], POINTS, r"got uint8 of shape \(0, 160, 3\)"),
        (IMAGE, POINTS[0], r"points of shape \(n_points, 2\)"),
        (IMAGE, np.float32([[1, 1], [160, 3]]), r"160 x 120 pixels, got \(160, 3\) in row 1"),
        (IMAGE, np.float32([[np.nan, 1]]), r"got \(nan, 1\) in row 0"),
    ],
)
def test_bad_input(name, image, points, message):
    with pytest.raises(InputError, match=message):
        describe(name, image, points)


# One by one


def test_raw_patches_by_hand():
    image = np.zeros((4, 4, 3), np.uint8)
    image[1, 1], image[1, 2], image[2, 1], image[2, 2] = 10, 20, 30, 80
    patch = RawPatches(size=2).describe(image, np.float32([[1.5, 1.5]]))
    less_mean = np.array([10, 20, 30, 80]) - 35
    np.testing.assert_allclose(patch[0], less_mean / np.linalg.norm(less_mean), atol=1e-5)
    # A quarter to the right: of two neighbours, three quarters and one quarter.
    patch = RawPatches(size=2).describe(image, np.float32([[1.75, 1.5]]))
    less_mean = np.array([12.5, 15, 42.5, 60]) - 32.5
    np.testing.assert_allclose(patch[0], less_mean / np.linalg.norm(less_mean), atol=1e-5)


def test_raw_patches_are_mirrored_at_the_edge():
    image = np.zeros((3, 3, 3), np.uint8)
    image[0, 1] = 90
    patch = RawPatches(size=3).describe(image, np.float32([[0, 0]]))[0].reshape(3, 3)
    assert patch[1, 0] == patch[1, 2] == patch.max()


@pytest.mark.golden
def test_hog_patches_are_those_of_the_cropped_picture():
    found = HogPatches(size=32).describe(IMAGE, np.float32([[55.5, 65.5]]))
    crop = hog_features(IMAGE[50:82, 40:72][np.newaxis], cell=8)
    np.testing.assert_allclose(found, crop / np.linalg.norm(crop), atol=1e-5)


@pytest.mark.golden
def test_orb_is_that_of_scikit_image():
    corners = np.rint(POINTS[:, ::-1]).astype(np.int64)
    blurred = ndimage.gaussian_filter(np.float32(IMAGE[..., 0]) / 255, 2.0)
    steps = np.arange(-15, 16)
    disc = np.hypot(steps[:, None], steps) <= 15.5
    # The centre of brightness, by sums.
    angles = []
    for row, column in corners:
        window = blurred[row - 15 : row + 16, column - 15 : column + 16] * disc
        angles.append(np.arctan2((window * steps[:, None]).sum(), (window * steps).sum()))
    peer = ORB(n_scales=1)
    peer.extract(blurred, corners.astype(float), np.ones(5), np.float32(angles))
    bits = OrbDescriptors().describe(IMAGE, POINTS) > 0
    assert (bits == peer.descriptors).mean() > 0.999


def test_the_cosine_of_orb_is_the_hamming_distance():
    vectors = OrbDescriptors().describe(IMAGE, POINTS)
    assert set(np.abs(vectors).ravel()) == {np.float32(1 / 16)}
    hamming = ((vectors[0] > 0) != (vectors[1] > 0)).sum()
    assert vectors[0] @ vectors[1] == pytest.approx(1 - 2 * hamming / 256, abs=1e-6)


def test_orb_turns_with_the_picture():
    turned = np.rot90(IMAGE).copy()
    points = np.rint(POINTS)
    there = np.stack([points[:, 1], IMAGE.shape[1] - 1 - points[:, 0]], axis=1)
    likeness = OrbDescriptors().describe(IMAGE, points) * OrbDescriptors().describe(turned, there)
    assert likeness.sum(1).min() > 0.9


def test_patches_too_small():
    with pytest.raises(InputError, match="2 pixels or more, got 1"):
        RawPatches(size=1)
    with pytest.raises(InputError, match="16 pixels or more, got 8"):
        HogPatches(size=8)
