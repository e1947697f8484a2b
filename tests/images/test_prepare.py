"""The picture, its mask and its map go the same way, there and back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.luminance import luminance
from embedsvc.images.prepare import RESIZES, Preparation

SHAPES = [(64, 64), (120, 60), (50, 160), (31, 77), (200, 300)]
CANVASES = [(64, 64), (48, 96), (100, 40)]
every_geometry = pytest.mark.parametrize(
    ("resize", "original", "canvas"),
    [(resize, shape, canvas) for resize in RESIZES for shape in SHAPES for canvas in CANVASES],
)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def centre_of_mass(values: np.ndarray) -> np.ndarray:
    weights = values / values.sum()
    return np.array([(grid * weights).sum() for grid in np.indices(values.shape)])


@every_geometry
def test_the_result_has_the_canvas_shape(resize, original, canvas):
    image = noise(*original)
    before = image.copy()
    prepared = Preparation(*canvas, resize=resize).apply(image)
    assert prepared.shape == (*canvas, 3)
    assert prepared.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


@every_geometry
def test_a_blob_comes_back_to_its_place(resize, original, canvas):
    # A bright square a little off the centre, which every policy shows.
    height, width = original
    side = max(min(original) // 5, 4)
    top, left = height // 2 - side // 4, width // 2 - side // 3
    image = np.zeros((height, width, 3), np.uint8)
    image[top : top + side, left : left + side] = 255
    preparation = Preparation(*canvas, resize=resize)
    found = luminance(preparation.apply(image))
    restored = preparation.restore_map(found, original)
    assert restored.shape == original
    assert restored.dtype == np.float32
    truth = centre_of_mass(image[..., 0].astype(float))
    # Resampling is symmetrical: the centre is off by a small part of a pixel of either grid.
    pixel = max(1, max(np.divide(original, canvas)))
    np.testing.assert_allclose(centre_of_mass(restored), truth, atol=0.12 * pixel)
    bright = restored > restored.max() / 2
    assert bright[top + side // 2, left + side // 2]
    assert bright.sum() == pytest.approx(side * side, rel=0.45, abs=20)


@every_geometry
@pytest.mark.parametrize("factor", [0.25, 2])
def test_maps_of_other_resolutions_span_the_canvas(resize, original, canvas, factor):
    preparation = Preparation(*canvas, resize=resize)
    rows, columns = (int(side * factor) for side in canvas)
    ramp = np.add.outer(np.arange(rows) / rows, np.arange(columns) / columns).astype(np.float32)
    fine = np.add.outer(
        (np.arange(canvas[0]) + 0.5) / canvas[0] - 0.5 / rows,
        (np.arange(canvas[1]) + 0.5) / canvas[1] - 0.5 / columns,
    ).astype(np.float32)
    # In the middle, which every policy shows and where nothing is clamped, both say the same.
    inner = tuple(slice(11 * side // 24, 13 * side // 24 + 1) for side in original)
    np.testing.assert_allclose(
        preparation.restore_map(ramp, original)[inner],
        preparation.restore_map(fine, original)[inner],
        atol=0.02,
    )


@every_geometry
def test_a_constant_map_stays_constant(resize, original, canvas):
    preparation = Preparation(*canvas, resize=resize)
    restored = preparation.restore_map(np.full((7, 5), 3.25, np.float32), original)
    np.testing.assert_allclose(restored, 3.25, rtol=1e-6)


def test_outside_of_a_crop_lies_the_minimum():
    values = np.arange(16, dtype=np.float32).reshape(4, 4) + 5
    restored = Preparation(4, 4, resize="crop").restore_map(values, (4, 10))
    np.testing.assert_array_equal(restored[:, 3:7], values)
    np.testing.assert_array_equal(restored[:, :3], 5)
    np.testing.assert_array_equal(restored[:, 7:], 5)


def test_the_padding_of_a_fitted_map_is_dropped():
    values = np.zeros((8, 8), np.float32)
    values[:2], values[6:] = 100, 100  # Where the canvas is padded.
    restored = Preparation(8, 8, resize="fit").restore_map(values, (40, 80))
    assert restored[10:30].max() == 0


def test_arguments_are_not_changed():
    values = np.eye(4, dtype=np.float32)
    mask = np.eye(9, dtype=np.bool_)
    Preparation(4, 4).restore_map(values, (9, 9))
    Preparation(4, 4).apply_mask(mask)
    np.testing.assert_array_equal(values, np.eye(4))
    np.testing.assert_array_equal(mask, np.eye(9))


# Pictures


@pytest.mark.parametrize("resize", RESIZES)
def test_a_picture_of_the_canvas_size_is_unchanged(resize):
    image = noise(20, 30)
    np.testing.assert_array_equal(Preparation(20, 30, resize=resize).apply(image), image)


def test_stretch_is_close_to_plain_bicubic():
    image = noise(300, 400)
    smooth = np.asarray(Image.fromarray(image).resize((40, 30)).resize((400, 300)))
    plain = Image.fromarray(smooth).resize((64, 48), Image.Resampling.BICUBIC)
    prepared = Preparation(48, 64).apply(smooth)
    assert np.abs(prepared.astype(int) - np.asarray(plain)).max() <= 3


def test_crop_takes_the_centre():
    image = noise(20, 60)
    np.testing.assert_array_equal(Preparation(20, 20, resize="crop").apply(image), image[:, 20:40])


def test_fit_pads_with_the_colour_of_the_edges_it_touches():
    image = np.full((20, 10, 3), 40, np.uint8)
    image[:, [0, -1]] = [200, 100, 50]  # Left and right edges touch the padding.
    image[[0, -1], 1:-1] = 0
    prepared = Preparation(20, 20, resize="fit").apply(image)
    np.testing.assert_array_equal(prepared[:, 5:15], image)
    for padding in (prepared[:, :5], prepared[:, 15:]):
        np.testing.assert_array_equal(padding, np.broadcast_to([200, 100, 50], padding.shape))


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("original", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_extreme_shapes(resize, original):
    preparation = Preparation(16, 24, resize=resize)
    image = np.full((*original, 3), 90, np.uint8)
    np.testing.assert_array_equal(preparation.apply(image), np.full((16, 24, 3), 90))
    assert preparation.apply_mask(np.ones(original, np.bool_)).any()
    restored = preparation.restore_map(np.ones((4, 6), np.float32), original)
    np.testing.assert_allclose(restored, np.ones(original))


def test_pillow_and_array_are_the_same():
    image = noise(77, 50)
    preparation = Preparation(32, 32, resize="fit", lighting="normalize")
    np.testing.assert_array_equal(
        preparation.apply(image), preparation.apply_pillow(Image.fromarray(image))
    )


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(InputError, match=r"\(height, width, 3\), uint8, got .*array_image"):
        Preparation(4, 4).apply(image)


# Lighting


def scene(light: float) -> np.ndarray:
    levels = np.random.default_rng(1).normal(100, 20, (64, 64, 1)) * [1, 0.9, 0.8]
    return np.clip(np.rint(levels * light), 0, 255).astype(np.uint8)


def test_brightness_tells_nothing_after_normalization():
    preparation = Preparation(64, 64, lighting="normalize")
    results = [preparation.apply(scene(light)) for light in (0.5, 0.8, 1, 1.4)]
    for result in results:
        assert luminance(result).mean() == pytest.approx(127, abs=0.5)
        assert np.abs(result.astype(int) - results[2]).max() <= 2


def test_a_bright_object_on_dark_ground_is_not_blown_out():
    image = np.full((64, 64, 3), 2, np.uint8)
    image[20:40, 20:40] = np.arange(60, 100, 2, dtype=np.uint8)[:, None, None]
    prepared = Preparation(64, 64, lighting="normalize").apply(image)
    assert len(np.unique(prepared[20:40, 20:40])) >= 18
    half = Preparation(64, 64, lighting="normalize").apply(image // 2)
    assert np.abs(half.astype(int) - prepared).max() <= 4


def test_black_stays_black_and_constant_stays_constant():
    preparation = Preparation(8, 8, lighting="normalize")
    assert preparation.apply(np.zeros((8, 8, 3), np.uint8)).max() == 0
    for level in (1, 60, 127, 255):
        result = preparation.apply(np.full((8, 8, 3), level, np.uint8))
        np.testing.assert_array_equal(result, np.full((8, 8, 3), 127))


def test_a_few_bright_pixels_on_black():
    image = np.zeros((32, 32, 3), np.uint8)
    image[3, 3] = 10
    prepared = Preparation(32, 32, lighting="normalize").apply(image)
    assert prepared[3, 3].tolist() == [255, 255, 255]
    assert np.count_nonzero(prepared) == 3


def test_padding_does_not_count_as_light():
    image = scene(0.7)[:, :32]
    fitted = Preparation(64, 64, resize="fit", lighting="normalize").apply(image)
    assert luminance(fitted[:, 16:48]).mean() == pytest.approx(127, abs=0.5)


def test_lighting_is_kept_unless_asked_for():
    np.testing.assert_array_equal(Preparation(64, 64).apply(scene(0.5)), scene(0.5))


# Masks


@every_geometry
def test_a_mask_lands_where_its_picture_lands(resize, original, canvas):
    height, width = original
    mask = np.zeros(original, np.bool_)
    mask[height // 3 : height // 2, width // 3 : 2 * width // 3] = True
    preparation = Preparation(*canvas, resize=resize)
    picture = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    shown = preparation.apply(picture)[..., 0]
    result = preparation.apply_mask(mask)
    assert result.dtype == np.bool_
    assert result.shape == canvas
    # Both agree but for pixels that the outline cuts.
    assert result[shown > 200].all()
    assert not result[shown < 50].any()


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("place", [(150, 150), (101, 199), (160, 143)])
def test_a_single_pixel_does_not_vanish(resize, place):
    mask = np.zeros((300, 310), np.bool_)
    mask[place] = True
    assert 1 <= Preparation(16, 16, resize=resize).apply_mask(mask).sum() <= 4


def test_a_scratch_stays_a_line():
    mask = np.zeros((320, 320), np.bool_)
    mask[np.arange(40, 280), np.arange(40, 280) // 2 + 50] = True
    result = Preparation(32, 32).apply_mask(mask)
    rows = result.sum(axis=1)
    assert (rows[5:27] >= 1).all()
    assert rows.max() <= 2


def test_defects_are_judged_one_by_one():
    mask = np.zeros((80, 80), np.bool_)
    mask[8:32, 8:32] = True
    mask[60, 60] = True  # Alone, it must not need half of a pixel because the other has it.
    result = Preparation(10, 10).apply_mask(mask)
    assert result[1:4, 1:4].all()
    assert result[7, 7]
    assert result.sum() == 10


def test_half_covered_pixels_of_a_large_defect():
    mask = np.zeros((40, 40), np.bool_)
    mask[4:20, 6:] = True  # Covers 4 of 8 pixels from above, 2 of 8 from the left.
    result = Preparation(5, 5).apply_mask(mask)
    np.testing.assert_array_equal(result[:, 1], [True, True, True, False, False])
    assert not result[:, 0].any()


def test_empty_and_full_masks():
    preparation = Preparation(8, 8, resize="fit")
    assert not preparation.apply_mask(np.zeros((30, 30), np.bool_)).any()
    np.testing.assert_array_equal(
        preparation.apply_mask(np.ones((15, 30), np.bool_)).sum(axis=1), [0, 0, 8, 8, 8, 8, 0, 0]
    )


def test_an_enlarged_mask_is_its_nearest_pixel():
    mask = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(
        Preparation(4, 4).apply_mask(mask), np.kron(mask, np.ones((2, 2), np.bool_))
    )


# Settings


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, -1), (4, 9000)])
def test_bad_sizes(height, width):
    with pytest.raises(InputError, match=f"from 1 to 8192, got {height} x {width}"):
        Preparation(height, width)


@pytest.mark.parametrize("option", ["resize", "lighting"])
def test_bad_choices(option):
    with pytest.raises(InputError, match=rf"{option} to be one of \w+, .*got 'zoom'"):
        Preparation(4, 4, **{option: "zoom"})
