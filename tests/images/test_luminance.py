"""Against Pillow's own conversion to grey."""

import numpy as np
from PIL import Image

from embedsvc.images.luminance import luminance


def test_as_pillow_converts():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    levels = luminance(pixels)
    assert levels.dtype == np.float32
    np.testing.assert_allclose(levels, np.asarray(Image.fromarray(pixels).convert("L")), atol=0.6)


def test_grey_stays_and_any_shape_will_do():
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(luminance(np.stack([grey] * 3, axis=-1)), grey, atol=1e-4)
    assert luminance(np.zeros((2, 5, 7, 3), np.uint8)).shape == (2, 5, 7)
    assert luminance(np.zeros((0, 3), np.uint8)).shape == (0,)
