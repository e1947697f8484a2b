"""The map as a PNG."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from made_maps import made_map
from made_reports import NASTY
from PIL import Image

from embedsvc.report.map_colors import DARK_COLOURS, LIGHT_COLOURS, colouring
from embedsvc.report.map_picture import write_map_picture


def drawn(tmp_path, shown, **options):
    write_map_picture(shown, tmp_path / "map.png", **options)
    with Image.open(tmp_path / "map.png") as image:
        return np.asarray(image.convert("RGB"))


def share_of(pixels, colour):
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (np.abs(pixels.astype(int) - wanted).max(axis=-1) <= 24).mean()


@pytest.mark.parametrize(
    ("theme", "paper", "colours"),
    [("light", "#ffffff", LIGHT_COLOURS), ("dark", "#1b1e25", DARK_COLOURS)],
)
def test_colours_of_the_groups_on_paper(tmp_path, theme, paper, colours):
    before = dict(mpl.rcParams)
    pixels = drawn(tmp_path, made_map(300), theme=theme)
    assert pixels.shape == (1064, 1540, 3)
    assert share_of(pixels, paper) > 0.8
    for colour in colours[:3]:
        assert share_of(pixels, colour) > 0.0005
    assert share_of(pixels, colours[7]) < 0.0005
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points(tmp_path, n):
    assert drawn(tmp_path, made_map(n)).any()


def test_all_at_one_place_and_far_out(tmp_path):
    for value in (0, 1e-30, 1e6):
        places = np.full((5, 2), value, np.float32)
        pixels = drawn(tmp_path, made_map(5, groups=0, places=places))
        assert share_of(pixels, LIGHT_COLOURS[0]) > 0


def test_numbers_and_those_without(tmp_path):
    values = [None, *np.linspace(0, 1, 58), 1e9]
    assert drawn(tmp_path, made_map(60, colouring=colouring("n", values))).any()


def test_names_no_font_can_write(tmp_path):
    names = [NASTY, "東京 price", "$x^2$ $", "\u202eabc", "_hidden", "👍"]
    shown = made_map(
        60, title=NASTY, colouring=colouring("日本 $", [names[i % 6] for i in range(60)])
    )
    assert drawn(tmp_path, shown).any()


def test_more_groups_than_colours(tmp_path):
    shown = made_map(900, groups=77)
    assert drawn(tmp_path, shown).any()
    # Small enough to be shown anywhere.
    assert (tmp_path / "map.png").stat().st_size < 200_000


def test_the_same_bytes_each_time(tmp_path):
    first = drawn(tmp_path, made_map())
    np.testing.assert_array_equal(drawn(tmp_path, made_map()), first)


def test_pictures_where_there_is_room(tmp_path):
    jpeg = io.BytesIO()
    Image.new("RGB", (80, 40), (250, 10, 20)).save(jpeg, "JPEG")
    shown = made_map(90, texts=None, kind="image", pictures=[jpeg.getvalue()] * 60 + [None] * 30)
    found = share_of(drawn(tmp_path, shown), "#fa0a14")
    # Pictures do not cover each other: some, but not all of the sixty.
    assert 5 < found * 1540 * 1064 / (60 * 30) < 50
