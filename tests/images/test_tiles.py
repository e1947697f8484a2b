"""Tiles cover everything, and their maps meet without seams."""

from __future__ import annotations

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.images.tiles import cut_tiles, stitch_maps, tile_origins


@pytest.mark.parametrize("length", [1, 7, 40, 41, 99, 100, 256])
@pytest.mark.parametrize(("tile", "overlap"), [(40, 0), (40, 10), (40, 39), (7, 3), (1, 0)])
def test_origins_cover_everything(length, tile, overlap):
    origins = tile_origins(length, tile, overlap)
    assert origins.dtype == np.int64
    assert origins[0] == 0
    assert origins[-1] == max(length - tile, 0)
    steps = np.diff(origins)
    assert (steps > 0).all()
    assert (steps <= tile - overlap).all()


def test_origins_by_hand():
    assert tile_origins(100, 40, 10).tolist() == [0, 30, 60]
    assert tile_origins(101, 40, 10).tolist() == [0, 30, 60, 61]
    assert tile_origins(40, 40, 10).tolist() == [0]
    assert tile_origins(30, 40, 10).tolist() == [0]


@pytest.mark.parametrize(
    ("length", "tile", "overlap"), [(0, 4, 0), (9, 0, 0), (9, 4, 4), (9, 4, -1)]
)
def test_bad_origins(length, tile, overlap):
    with pytest.raises(InputError, match=f"side {length}, tile {tile}, overlap {overlap}"):
        tile_origins(length, tile, overlap)


def test_tiles_by_hand():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    tiles = cut_tiles(pixels, (30, 40), overlap=10)
    assert tiles.shape == (4, 30, 40, 3)
    assert tiles.dtype == np.uint8
    np.testing.assert_array_equal(tiles[1], pixels[:30, 30:70])
    np.testing.assert_array_equal(tiles[2], pixels[20:50, :40])
    assert not np.shares_memory(tiles, pixels)


def test_a_small_picture_is_continued_by_its_last_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 50, 3), np.uint8)
    tiles = cut_tiles(pixels, (8, 40))
    assert tiles.shape == (2, 8, 40, 3)
    np.testing.assert_array_equal(tiles[0, 5:], np.repeat(pixels[4:, :40], 3, axis=0))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (1, 8, 8, 3)])
def test_bad_pictures(shape):
    with pytest.raises(InputError, match=r"\(height, width, 3\), got"):
        cut_tiles(np.zeros(shape, np.uint8), (4, 4))


# Stitching


SIZES = [(50, 70), (64, 64), (33, 150), (20, 10)]
TILINGS = [((32, 32), 8), ((32, 48), 0), ((16, 16), 11), ((40, 40), 20)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("tile", "overlap"), TILINGS)
def test_what_was_cut_comes_back(size, tile, overlap):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    maps = cut_tiles(pixels, tile, overlap=overlap)[..., 0].astype(np.float32)
    stitched = stitch_maps(maps, size, tile, overlap=overlap)
    assert stitched.dtype == np.float32
    np.testing.assert_allclose(stitched, pixels[..., 0], atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("tile", "overlap"), TILINGS)
@pytest.mark.parametrize("cells", [(8, 8), (5, 7), (1, 1), (48, 56)])
def test_constant_maps_are_exact(size, tile, overlap, cells):
    n_tiles = len(cut_tiles(np.zeros((*size, 3), np.uint8), tile, overlap=overlap))
    maps = np.full((n_tiles, *cells), 2.5, np.float32)
    stitched = stitch_maps(maps, size, tile, overlap=overlap)
    assert stitched.shape == tuple(
        max(round(side * n / t), 1) for side, n, t in zip(size, cells, tile, strict=True)
    )
    np.testing.assert_allclose(stitched, 2.5, rtol=1e-6)


def test_a_coarse_ramp_goes_on_over_the_tiles():
    # Each cell of a tile's map is the mean column of the 4 x 4 pixels it stands for.
    size, tile, overlap = (64, 130), (32, 32), 8
    columns = np.broadcast_to(np.arange(130, dtype=np.float32)[:, None], (64, 130, 3)).copy()
    columns[:] = np.arange(130)[None, :, None]
    tiles = cut_tiles(columns.astype(np.uint8), tile, overlap=overlap)[..., 0].astype(np.float32)
    maps = tiles.reshape(len(tiles), 8, 4, 8, 4).mean(axis=(2, 4))
    stitched = stitch_maps(maps, size, tile, overlap=overlap)
    centres = (np.arange(32) + 0.5) * 130 / 32 - 0.5
    # Half a cell is lost at the rims, where there is nothing to interpolate with.
    np.testing.assert_allclose(stitched[:, 1:-1], np.tile(centres[1:-1], (16, 1)), atol=0.3)


def test_there_is_no_seam():
    maps = np.stack([np.zeros((20, 20)), np.ones((20, 20))]).astype(np.float32)
    stitched = stitch_maps(maps, (20, 30), (20, 20), overlap=10)
    assert stitched[0, 5] == 0
    assert stitched[0, 25] == 1
    steps = np.diff(stitched[0])
    assert (steps >= 0).all()
    assert steps.max() < 0.15


def test_a_peak_stays_in_its_place():
    size, tile, overlap = (100, 100), (40, 40), 12
    maps = np.zeros((16, 10, 10), np.float32)
    origins = tile_origins(100, 40, 12)
    for i in range(16):
        y, x = origins[i // 4], origins[i % 4]
        for row in range(10):
            for column in range(10):
                centre = np.array([y + 4 * row + 2, x + 4 * column + 2])
                maps[i, row, column] = np.exp(-((centre - [58, 42]) ** 2).sum() / 50)
    stitched = stitch_maps(maps, size, tile, overlap=overlap)
    assert stitched.shape == (25, 25)
    assert np.unravel_index(stitched.argmax(), stitched.shape) == (14, 10)
    assert stitched.max() == pytest.approx(1, abs=0.1)


def test_arguments_are_not_changed():
    maps = np.ones((4, 8, 8), np.float32)
    stitch_maps(maps, (12, 12), (8, 8), overlap=2)
    np.testing.assert_array_equal(maps, np.ones((4, 8, 8)))


def test_too_many_maps():
    with pytest.raises(InputError, match=r"Expected 2 x 2 maps .*got 5"):
        stitch_maps(np.zeros((5, 8, 8), np.float32), (12, 12), (8, 8), overlap=2)
