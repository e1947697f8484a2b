"""Pictures for pages from an image and a map of a detector."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.prepare import Preparation
from embedsvc.jobs.pictures import map_pictures, picture_of, shown_range


def opened(jpeg):
    image = Image.open(BytesIO(jpeg))
    assert image.format == "JPEG"
    return np.asarray(image).astype(int)


@pytest.fixture
def grey():
    return np.full((100, 200, 3), 120, np.uint8)


def test_a_picture_of_a_file_of_bytes_and_of_an_array_is_the_same(grey, tmp_path):
    Image.fromarray(grey).save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    pictures = {picture_of(path), picture_of(str(path)), picture_of(path.read_bytes())}
    assert pictures == {picture_of(grey)} == {picture_of(grey[..., 0])}
    assert opened(picture_of(grey, max_side=50)).shape == (25, 50, 3)


def test_the_map_lies_where_the_defect_is(grey):
    found = np.zeros((8, 8), np.float32)
    found[0, 7] = 10.0  # The top right corner of the canvas.
    drawn, covered = map(opened, map_pictures(grey, found, Preparation(64, 64), (0.0, 1.0)))
    assert drawn.shape == covered.shape == (100, 200, 3)
    assert drawn[2, -3].sum() > 500 and drawn[60, 40].sum() < 60
    assert abs(covered[60, 40] - 120).max() < 4  # What is normal shows through.
    assert abs(covered[2, -3] - 120).max() > 40


def test_padding_is_cut_off(grey):
    found = np.zeros((8, 8), np.float32)
    found[:2] = 10.0  # Nothing but the bar above the picture.
    drawn, _ = map_pictures(grey, found, Preparation(64, 64, resize="fit"), (0.0, 1.0))
    assert opened(drawn)[25:].max() < 60  # Nearer to it the map blends.


def test_the_truth_is_outlined(grey):
    truth = np.zeros((100, 200), bool)
    truth[40:60, 80:120] = True
    plain, marked = (
        opened(map_pictures(grey, np.zeros((8, 8), "f4"), Preparation(64, 64), (0, 1), truth=t)[1])
        for t in (None, truth)
    )
    assert abs(marked - plain)[38:40, 80:120].max() > 50
    assert abs(marked - plain)[46:54, 90:110].max() < 10


@pytest.mark.parametrize("given", [(1.0, 3.0), (-2.0, -2.0), (5.0, 5.0), (0.0, 0.0)])
def test_the_range_shown_is_never_empty(given):
    low, high = shown_range(given)
    assert low == given[0]
    assert high > given[1]


def test_an_unreadable_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"a\.png"):
        picture_of(tmp_path / "a.png")
