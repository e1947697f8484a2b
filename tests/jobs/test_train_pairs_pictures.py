"""Pictures to learn from: found, opened, grouped, and refused."""

import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_pair_training import draw_photos, draw_texture

from embedsvc.errors import InputError
from embedsvc.jobs.train_pairs_pictures import find_pictures, refuse_inside


@pytest.fixture
def photos(tmp_path):
    return draw_photos(tmp_path / "photos", 8)


def test_pictures_are_found_in_order(photos):
    found = find_pictures([str(photos)])
    assert found.names == tuple(f"{at}.png" for at in range(8))
    assert found.files == tuple(photos / name for name in found.names)
    assert found.groups.tolist() == [*range(8)] and found.rejects == ()
    some = find_pictures([str(photos / "[01].png"), str(photos / "7.png")])
    assert [path.name for path in some.files] == ["0.png", "1.png", "7.png"]


def test_the_digest_is_of_contents_alone(photos, tmp_path):
    before = find_pictures([str(photos)]).digest
    moved = shutil.copytree(photos, tmp_path / "moved")
    assert find_pictures([str(moved)]).digest == before
    draw_texture(moved / "3.png", 99)
    assert find_pictures([str(moved)]).digest != before


def test_those_that_look_alike_are_one(photos):
    Image.open(photos / "2.png").save(photos / "z.jpg", quality=80)
    assert find_pictures([str(photos)]).groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 2]


def test_what_cannot_be_used_is_refused_or_left_out(photos):
    (photos / "1.png").write_bytes((photos / "1.png").read_bytes()[:200])
    draw_texture(photos / "2.png", 2, (63, 200))
    draw_texture(photos / "3.png", 3, (64, 64))
    with pytest.raises(InputError, match=r"1\.png.*add --on-error skip"):
        find_pictures([str(photos)])
    found = find_pictures([str(photos)], on_error="skip")
    assert [path.name for path in found.files] == [f"{at}.png" for at in (0, 3, 4, 5, 6, 7)]
    assert [one["name"] for one in found.rejects] == ["1.png", "2.png"]
    assert found.rejects[1]["reason"] == (
        "Expected pictures of at least 64 x 64 pixels, got 200 x 63: 2.png. Take a larger copy."
    )


def test_none_is_left(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)
    with pytest.raises(InputError, match=r"one picture that can be used, got 1.*first: .*9 x 9"):
        find_pictures([str(path)], on_error="skip")


def test_grey_and_transparent_ones_are_fine(tmp_path):
    for mode in ("L", "RGBA", "1", "I;16"):
        Image.new(mode, (70, 70)).save(tmp_path / f"{mode[0]}{len(mode)}.png")
    assert len(find_pictures([str(tmp_path)]).files) == 4


def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / "a\udcff.png"
    try:
        draw_texture(tmp_path / "b.png", 0).rename(path)
    except OSError:
        pytest.skip("the disk takes no such names")
    with pytest.raises(InputError, match="a file name in UTF-8"):
        find_pictures([str(tmp_path)])


def test_an_output_among_the_pictures_is_refused(photos, tmp_path):
    with pytest.raises(InputError, match="outside of .*photos, got .*would be taken for some"):
        refuse_inside(photos / "out", [str(photos)])
    refuse_inside(tmp_path / "out", [str(photos), str(photos / "1.png")])
    refuse_inside(photos / "out", [str(photos / "*.png")])
