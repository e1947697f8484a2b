"""The corners of the conversion that no file of the other tests reaches."""

import numpy as np
import pytest
from PIL import Image

from embedsvc.images.levels import eight_bits, rgb

GREY = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)


def test_eight_bits_of_eight_or_sixteen_come_back_exactly():
    levels = np.arange(256, dtype=np.uint16)
    np.testing.assert_array_equal(eight_bits(levels * 256), levels)
    np.testing.assert_array_equal(eight_bits(levels * 257), levels)


def test_floats_round_to_the_nearest_level():
    levels = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal(eight_bits(levels / 255), levels)


def test_the_result_is_new():
    assert not np.shares_memory(eight_bits(GREY), GREY)


def test_the_text_says_what_was_found():
    with pytest.raises(ValueError, match="values of type int64"):
        eight_bits(np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="values from 0 to 2"):
        eight_bits(np.array([0, 2.0]))


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_opacity(mode):
    image = Image.fromarray(GREY).convert("LA" if mode == "La" else "RGBA").convert(mode)
    np.testing.assert_array_equal(np.asarray(rgb(image))[..., 1], GREY)


def test_the_ground_behind_transparency():
    image = Image.new("LA", (1, 1), (9, 0))
    assert rgb(image).getpixel((0, 0)) == (255, 255, 255)
    assert rgb(image, ground=0).getpixel((0, 0)) == (0, 0, 0)


def test_fewer_bits_fill_the_range():
    image = Image.fromarray(np.array([[0, 1023]], np.uint16))
    assert np.asarray(rgb(image, bits=10))[0, :, 0].tolist() == [0, 255]
