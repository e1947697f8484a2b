"""Maps as colours, over pictures, with outlines."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from embedsvc.errors import InputError, OutputError
from embedsvc.report import heatmap
from embedsvc.report.heatmap import (
    colour_map,
    css_gradient,
    draw_outline,
    outline,
    overlay,
    overlay_png,
    write_overlay,
)

RAMP = np.linspace(0, 1, 256, dtype=np.float32)[None]
GREY = np.full((8, 10, 3), 100, np.uint8)


def square(height=8, width=10):
    mask = np.zeros((height, width), bool)
    mask[3:5, 4:7] = True
    return mask


def test_lightness_rises_evenly():
    lightness = rgb2lab(colour_map(RAMP, low=0, high=1))[0, :, 0]
    steps = np.diff(lightness)
    assert lightness[0] < 1
    assert lightness[-1] > 97
    assert (steps > -0.1).all()
    assert np.abs(np.diff(lightness[::32])).std() < 2


@pytest.mark.parametrize("blind_to", ["red", "green", "blue"])
def test_the_order_survives_colour_blindness(blind_to):
    # Machado, Oliveira, Fernandes 2009, severity 1.0 (protan, deutan, tritan).
    seen = {
        "red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }[blind_to]
    colours = (colour_map(RAMP, low=0, high=1)[0] / 255) ** 2.2
    lightness = (np.clip(colours @ np.transpose(seen), 0, 1) ** (1 / 2.2)) @ [
        0.2126,
        0.7152,
        0.0722,
    ]
    assert (np.diff(lightness[::8]) > 0).all()


def test_values_outside_and_missing():
    values = np.array([[-5, np.nan, -np.inf, 9, np.inf]], np.float32)
    colours = colour_map(values, low=0, high=1)[0].tolist()
    assert colours == [[0, 0, 4]] * 3 + [[252, 255, 164]] * 2


def test_the_gradient_of_the_legend_has_the_ends_of_the_map():
    assert css_gradient().startswith("linear-gradient(90deg, #000004,")
    assert css_gradient().endswith("#fcffa4)")


def test_low_scores_leave_the_picture_alone():
    values = np.zeros((8, 10), np.float32)
    values[0, 0] = 5
    drawn = overlay(GREY, values, low=1, high=5, opacity=1.0)
    assert drawn[0, 0].tolist() == [252, 255, 164]
    assert (drawn[1:] == 100).all()
    assert (overlay(GREY, values, low=1, high=5, opacity=0.0) == GREY).all()
    assert (GREY == 100).all()


def test_the_outline_lies_around_the_mask():
    line = outline(square())
    assert not (line & square()).any()
    assert line.sum() == 4 * 5 - 2 * 3
    assert outline(square(), thickness=2).sum() == 6 * 7 - 2 * 3
    assert not outline(np.zeros((4, 4), bool)).any()


def test_a_drawn_outline_leaves_the_defect_visible():
    drawn = draw_outline(GREY, square())
    assert (drawn[square()] == 100).all()
    assert (drawn[outline(square())] == [0, 229, 255]).all()
    assert drawn[1, 2].tolist() == [8, 24, 32]
    assert (GREY == 100).all()


def test_an_overlay_file(tmp_path):
    values = np.tile(np.linspace(0, 1, 10, dtype=np.float32), (8, 1))
    path = tmp_path / "maps" / "a.png"
    write_overlay(path, GREY, values, low=0, high=1, truth=square())
    with Image.open(path) as image:
        pixels = np.asarray(image)
    expected = draw_outline(overlay(GREY, values, low=0, high=1), square())
    assert (pixels == expected).all()
    write_overlay(tmp_path / "b.JPG", GREY, values, low=0, high=1)
    with Image.open(tmp_path / "b.JPG") as image:
        assert (image.format, image.size) == ("JPEG", (10, 8))


def test_files_that_cannot_be(tmp_path, monkeypatch):
    values = np.zeros((8, 10), np.float32)
    with pytest.raises(InputError, match=r"Expected a name that ends with .jpg, .jpeg, .png"):
        write_overlay(tmp_path / "a.gif", GREY, values, low=0, high=1)

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heatmap, "atomic_write", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_overlay(tmp_path / "a.png", GREY, values, low=0, high=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: colour_map(np.zeros((1, 2, 2), np.float32), low=0, high=1), "Expected a map of"),
        (lambda: colour_map(RAMP, low=1, high=1), "Expected finite low < high"),
        (lambda: colour_map(RAMP, low=float("nan"), high=1), "Expected finite low < high"),
        (lambda: overlay(GREY, RAMP, low=0, high=1), "Expected a map as large as its image"),
        (lambda: overlay(GREY[..., 0], RAMP, low=0, high=1), "Expected a uint8 image"),
        (lambda: overlay(GREY / 255, RAMP, low=0, high=1), "Expected a uint8 image"),
        (
            lambda: overlay(GREY, np.zeros((8, 10), np.float32), low=0, high=1, opacity=2),
            "Expected an opacity",
        ),
        (lambda: outline(np.zeros((4, 4))), "Expected a bool mask"),
        (lambda: outline(square(), thickness=0), "Expected a thickness"),
        (lambda: draw_outline(GREY, square(9, 10)), "Expected a mask as large as its image"),
    ],
)
def test_errors(call, message):
    with pytest.raises(InputError, match=message):
        call()


# Over a picture in a browser


def laid_over(png, image):
    with Image.open(BytesIO(png)) as heat:
        rgba = np.asarray(heat.convert("RGBA")).astype(float)
    opacity = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * opacity + image * (1 - opacity))


def test_the_png_shows_what_the_overlay_shows():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 300, 3)).astype(np.uint8)
    map = np.linspace(-0.5, 1.5, 300, dtype=np.float32)[None].repeat(40, axis=0)
    for opacity in (0.6, 1.0):
        png = overlay_png(map, low=0, high=1, opacity=opacity)
        expected = overlay(image, map, low=0, high=1, opacity=opacity)
        assert np.abs(laid_over(png, image) - expected).max() <= 1.5


def test_the_png_is_clear_where_the_map_is_low_or_missing():
    values = np.array([[-1, 0, np.nan, -np.inf, 0.5, 1, 9]], np.float32)
    with Image.open(BytesIO(overlay_png(values, low=0, high=1))) as heat:
        assert heat.format == "PNG"
        alpha = np.asarray(heat.convert("RGBA"))[0, :, 3].tolist()
    assert alpha == [0, 0, 0, 0, 77, 153, 153]


def test_the_png_is_small():
    assert len(overlay_png(np.zeros((1024, 1024), np.float32), low=0, high=1)) < 10_000


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0, np.inf)])
def test_the_png_needs_a_range(low, high):
    with pytest.raises(InputError, match="finite low < high"):
        overlay_png(GREY[..., 0].astype(np.float32), low=low, high=high)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_the_png_needs_an_opacity(opacity):
    with pytest.raises(InputError, match="opacity between 0 and 1"):
        overlay_png(np.zeros((2, 2), np.float32), low=0, high=1, opacity=opacity)
