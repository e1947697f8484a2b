"""HOG against scikit-image called by hand, and by what it must not notice."""

import numpy as np
import pytest
from skimage.feature import hog

from embedsvc.errors import InputError
from embedsvc.images.hog import hog_features

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 48, 3), np.uint8)


@pytest.mark.parametrize(("cell", "orientations", "block"), [(16, 9, 2), (8, 6, 1), (20, 9, 2)])
def test_as_scikit_image(cell, orientations, block):
    features = hog_features(PIXELS, cell=cell, orientations=orientations, block=block)
    assert features.dtype == np.float32
    grey = PIXELS[1] @ np.array([0.299, 0.587, 0.114])
    expected = hog(grey, orientations, (cell, cell), (block, block), block_norm="L2-Hys")
    np.testing.assert_allclose(features[1], expected, atol=1e-5)


def test_batches_change_nothing():
    together = hog_features(PIXELS)
    np.testing.assert_array_equal(
        together, np.concatenate([hog_features(PIXELS[i : i + 1]) for i in range(3)])
    )


def test_contrast_tells_nothing():
    dim = (PIXELS // 2) * 2  # Exactly halved below.
    np.testing.assert_allclose(hog_features(dim), hog_features(dim // 2), atol=1e-3)


def test_a_constant_picture_has_no_gradients():
    assert not hog_features(np.full((1, 32, 32, 3), 7, np.uint8)).any()


def test_nothing_in_nothing_out():
    assert hog_features(PIXELS[:0]).shape == (0, hog_features(PIXELS).shape[1])


@pytest.mark.parametrize("shape", [(64, 48, 3), (2, 64, 48), (2, 64, 48, 1)])
def test_bad_shapes(shape):
    with pytest.raises(InputError, match=r"\(n_images, height, width, 3\), got \("):
        hog_features(np.zeros(shape, np.uint8))


def test_too_small():
    with pytest.raises(InputError, match="at least 32 x 32 pixels, got 31 x 48"):
        hog_features(PIXELS[:, :31])


@pytest.mark.parametrize("option", ["cell", "orientations", "block"])
def test_bad_options(option):
    with pytest.raises(InputError, match="at least 1, got"):
        hog_features(PIXELS, **{option: 0})
