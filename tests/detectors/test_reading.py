"""Images in batches, in order and with bounded memory, and pictures in tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brightness import NORMAL, Brightness

from embedsvc.detectors.reading import Tiling, batch_size, by_tile, compute_in_order
from embedsvc.errors import InputError
from embedsvc.images.loading import Failure
from embedsvc.images.prepare import Preparation

# Batches


def test_results_come_with_their_batches_in_order(tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.touch()
    images = [*NORMAL[:3], broken, *NORMAL[3:]]
    failures: list[Failure] = []
    found = list(
        compute_in_order(
            images,
            Preparation(256, 256),
            lambda batch: batch.pixels.mean(axis=(1, 2, 3)),
            on_error="skip",
            on_failure=failures.append,
        )
    )
    assert [len(batch.indices) for batch, _ in found] == [8, 8, 8, 1]
    assert np.concatenate([batch.indices for batch, _ in found]).tolist() == [
        i for i in range(26) if i != 3
    ]
    assert np.concatenate([means for _, means in found]).tolist() == list(range(100, 125))
    assert [failure.index for failure in failures] == [3]
    with pytest.raises(InputError, match=r"broken\.png"):
        list(
            compute_in_order(
                images, Preparation(8, 8), len, on_error="error", on_failure=failures.append
            )
        )


@pytest.mark.parametrize(
    ("side", "expected"), [(8, 64), (64, 64), (128, 32), (256, 8), (700, 1), (4000, 1)]
)
def test_batches_of_large_pictures_are_smaller(side: int, expected: int):
    assert batch_size(Preparation(side, side)) == expected


def test_scoring_streams():
    detector = Brightness(size=256).fit(NORMAL)
    taken, done = [], []

    def images() -> Any:
        for i in range(500):
            taken.append(i)
            yield NORMAL[i % 25]

    stream = detector.score_stream(images(), advance=done.append)
    first = next(stream)
    stream.close()
    assert first.indices.tolist() == list(range(8))
    assert len(taken) < 60
    assert sum(done) >= 8


# Tiles


def test_one_tile_is_the_whole_picture():
    tiling = Tiling(8, 12, 1)
    assert tiling.overlap == 0
    assert tiling.whole == (8, 12)
    pixels = np.zeros((5, 8, 12, 3), np.uint8)
    assert tiling.cut(pixels) is pixels
    assert tiling.by_picture(np.zeros((5, 7))).shape == (5, 1, 7)
    maps = np.zeros((5, 4, 6), np.float32)
    assert tiling.stitch(maps) is maps


def test_tiles_of_several_pictures_are_cut_and_put_together():
    tiling = Tiling(16, 24, 3)
    assert tiling.overlap == 2
    assert tiling.whole == (44, 68)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 44, 68, 3), np.uint8)
    tiles = tiling.cut(pixels)
    assert tiles.shape == (18, 16, 24, 3)
    np.testing.assert_array_equal(tiles[9], pixels[1, :16, :24])
    np.testing.assert_array_equal(tiles[-1], pixels[1, -16:, -24:])
    by_picture = tiling.by_picture(tiles)
    assert by_picture.shape == (2, 9, 16, 24, 3)
    np.testing.assert_array_equal(by_tile(by_picture), tiles)
    stitched = tiling.stitch(tiles[..., 0].astype(np.float32))
    np.testing.assert_allclose(stitched, pixels[..., 0], rtol=1e-5, atol=1e-3)


def test_the_worst_tile_decides():
    images = [np.repeat(np.repeat(one, 4, axis=0), 4, axis=1) for one in NORMAL]
    detector = Brightness(size=16, tiles=2).fit(images, groups=range(25))
    assert (detector.preparation.height, detector.preparation.width) == (30, 30)
    corner = np.full((30, 30, 3), 112, np.uint8)
    corner[:16, -16:] = 250
    assert detector.anomaly_score([corner])[0] == pytest.approx(138, abs=1)
    (map_,) = detector.anomaly_map([corner])
    assert map_.shape == (30, 30)
    assert map_[5, 25] == pytest.approx(138, abs=1)
    assert map_[25, 5] == pytest.approx(0, abs=1)
