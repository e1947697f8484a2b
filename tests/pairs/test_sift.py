"""SIFT at given points, beside scikit-image's SIFT at its own."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import SIFT

from embedsvc.errors import InputError
from embedsvc.pairs.sift import SiftDescriptors


def spots(height=150, width=200, *, seed=0, zoom=1.0):
    """A picture of round spots of 3 to 6 pixels with a tail, and where they lie."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width))
    points = []
    for row in range(3):
        for column in range(4):
            at = np.array([30 + 45 * column, 30 + 45 * row]) + rng.uniform(-4, 4, 2)
            size, angle = rng.uniform(3, 5), rng.uniform(0, 2 * np.pi)
            for k, strength in enumerate((1.0, 0.6, 0.3)):
                cx, cy = zoom * (at + 1.3 * k * size * np.array([np.cos(angle), np.sin(angle)]))
                squares = ((x - cx) ** 2 + (y - cy) ** 2) / (zoom * size) ** 2
                image += strength * np.exp(-squares / 2)
            points.append(zoom * at)
    levels = np.rint(200 * image / image.max()).astype(np.uint8)
    return np.repeat(levels[..., np.newaxis], 3, axis=2), np.float32(points)


IMAGE, POINTS = spots()


def likeness(a, b):
    return (a * b).sum(axis=1)


@pytest.mark.golden
def test_as_scikit_image_describes_its_own_points():
    peer = SIFT(upsampling=1)
    peer.detect_and_extract(IMAGE[..., 0])
    chosen = (peer.sigmas > 1.7) & (peer.sigmas < 12)
    points = np.float32(peer.positions[chosen][:, ::-1])
    theirs = peer.descriptors[chosen].astype(float)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    found = likeness(SiftDescriptors().describe(IMAGE, points), theirs)
    assert len(found) >= 12
    # They refine the scale between the steps, and have a second direction for some points.
    assert np.median(found) > 0.95


def test_turns_with_the_picture():
    turned = np.rot90(IMAGE).copy()
    there = np.stack([POINTS[:, 1], IMAGE.shape[1] - 1 - POINTS[:, 0]], axis=1)
    for scale in (None, 3.0):
        sift, upright = SiftDescriptors(scale=scale), SiftDescriptors(scale=scale, upright=True)
        found = likeness(sift.describe(IMAGE, POINTS), sift.describe(turned, there))
        untold = likeness(upright.describe(IMAGE, POINTS), upright.describe(turned, there))
        assert found.min() > 0.95 > untold.max()


def test_grows_with_the_picture():
    larger, there = spots(300, 400, zoom=2.0)
    sift, fixed = SiftDescriptors(), SiftDescriptors(scale=3.0)
    found = likeness(sift.describe(IMAGE, POINTS), sift.describe(larger, there))
    assert np.median(found) > 0.95
    assert np.median(found) > np.median(
        likeness(fixed.describe(IMAGE, POINTS), fixed.describe(larger, there))
    )


def test_root():
    plain = SiftDescriptors(scale=4.0).describe(IMAGE, POINTS)
    root = SiftDescriptors(scale=4.0, root=True).describe(IMAGE, POINTS)
    expected = np.sqrt(plain / plain.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(root, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1.6, 2.0, 5.0, 12.8])
def test_every_scale(scale):
    noisy = ndimage.gaussian_filter(np.random.default_rng(0).uniform(0, 255, (90, 90)), 1)
    image = np.repeat(noisy.astype(np.uint8)[..., np.newaxis], 3, axis=2)
    points = np.random.default_rng(1).uniform(0, 89, (20, 2)).astype(np.float32)
    vectors = SiftDescriptors(scale=scale).describe(image, points)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors @ vectors.T - np.eye(20)).max() < 0.999


@pytest.mark.parametrize("scale", [0, 1.5, 13, float("nan")])
def test_no_such_scale(scale):
    with pytest.raises(InputError, match=r"scale of 1.6 to 12.8 pixels, got"):
        SiftDescriptors(scale=scale)


def test_names():
    assert SiftDescriptors().name == "SIFT"
    assert SiftDescriptors(scale=4, upright=True, root=True).name == "upright RootSIFT, scale 4"
