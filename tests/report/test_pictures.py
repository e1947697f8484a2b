"""Thumbnails, and the three views of an image."""

import io

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.report.pictures import draw_pictures, thumbnail_jpeg

GREY = np.full((100, 300, 3), 128, np.uint8)


def read(picture):
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "JPEG"
        return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    ("max_side", "shape"), [(150, (50, 150, 3)), (300, (100, 300, 3)), (900, (100, 300, 3))]
)
def test_thumbnails_keep_their_shape_and_never_grow(max_side, shape):
    pixels = read(thumbnail_jpeg(GREY, max_side))
    assert pixels.shape == shape
    assert np.abs(pixels - 128).max() <= 2


def test_a_line_of_pixels():
    assert read(thumbnail_jpeg(np.zeros((1, 3000, 3), np.uint8), 100)).shape == (1, 100, 3)


def test_the_three_views():
    values = np.zeros((100, 300), np.float32)
    values[:, 200:] = 1
    views = draw_pictures(GREY, values, low=0, high=1, opacity=1.0, max_side=150)
    picture, coloured, both = map(read, (views.picture, views.map_picture, views.overlay_picture))
    assert picture.shape == coloured.shape == both.shape == (50, 150, 3)
    assert np.abs(picture - 128).max() <= 2
    assert np.abs(both[:, :90] - 128).max() <= 3
    assert np.abs(coloured[:, :90] - [0, 0, 4]).max() <= 6
    assert np.abs(both[:, 110:] - coloured[:, 110:]).max() <= 8


def test_a_thin_truth_keeps_its_outline_when_shrunk():
    truth = np.zeros((100, 300), bool)
    truth[50, 20:280] = True
    values = np.zeros((100, 300), np.float32)
    views = draw_pictures(GREY, values, low=0, high=1, truth=truth, max_side=100)
    red, _, blue = np.moveaxis(read(views.overlay_picture), 2, 0)
    assert (blue - red > 100).any(axis=0).sum() > 80


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: thumbnail_jpeg(GREY, 0), "Expected a longest side"),
        (lambda: thumbnail_jpeg(GREY[..., :2], 9), "Expected a uint8 image"),
        (
            lambda: draw_pictures(GREY, np.zeros((4, 4), np.float32), low=0, high=1),
            r"Expected a map as large as its image \(100, 300\), got \(4, 4\)",
        ),
        (
            lambda: draw_pictures(
                GREY,
                np.zeros((100, 300), np.float32),
                low=0,
                high=1,
                truth=np.zeros((4, 4), bool),
            ),
            "Expected a truth as large",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(InputError, match=message):
        call()
