"""Batches of pairs: the same ones for the same seed, whatever else is going on."""

import os
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tiny_pairs import CROP, blobs, png, shifted_pair, write_pictures

from embedsvc.errors import InputError
from embedsvc.nets.map_sampling import sample_map
from embedsvc.pairs.pipeline import CropOptions, PackedPairsSource, SinglePictures, batches
from embedsvc.pairs.record_writing import PairWriter
from embedsvc.pairs.records import read_about


def made(source, *, n_batches=2, batch_size=2, seed=0, epoch=1, options=CROP):
    found = batches(
        source, options, n_batches=n_batches, batch_size=batch_size, seed=seed, epoch=epoch
    )
    return list(found.as_numpy_iterator())


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures", 3)


@pytest.fixture
def packed(tmp_path):
    """Four pairs of three sequences; the last two share one."""
    folder = tmp_path / "packed"
    folder.mkdir()
    writer = PairWriter(folder, shard_bytes=60_000)
    for seed in range(4):
        pair = replace(shifted_pair(seed), sequence=f"s{min(seed, 2)}")
        writer.write(pair, (96, 120), (96, 120))
    writer.finish({})
    return folder


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_what_a_batch_is_like(pictures):
    for batch in made(pictures, n_batches=3):
        assert {name: value.shape for name, value in batch.items()} == {
            "image_a": (2, 64, 64, 3),
            "image_b": (2, 64, 64, 3),
            "points_a": (2, 24, 2),
            "points_b": (2, 24, 2),
            "mask": (2, 24),
            "scene": (2,),
        }
        assert batch["image_a"].dtype == batch["points_b"].dtype == np.float32
        assert batch["image_a"].min() >= 0 and batch["image_a"].max() <= 255
        assert set(batch["scene"]) <= {0, 1, 2}


def test_seed_and_epoch_decide(pictures):
    first = made(pictures)
    assert_same(first, made(pictures))
    for other in (made(pictures, epoch=2), made(pictures, seed=1)):
        assert not np.array_equal(first[0]["image_a"], other[0]["image_a"])


def test_a_run_that_is_longer_begins_alike(pictures):
    assert_same(made(pictures, n_batches=1), made(pictures, n_batches=1, batch_size=2))
    alone = made(pictures, n_batches=4, batch_size=1)
    pairs = made(pictures, n_batches=2, batch_size=2)
    np.testing.assert_array_equal(alone[3]["image_b"][0], pairs[1]["image_b"][1])


def test_each_picture_comes_before_any_comes_again(pictures):
    scenes = [int(batch["scene"][0]) for batch in made(pictures, n_batches=6, batch_size=1)]
    assert sorted(scenes[:3]) == sorted(scenes[3:]) == [0, 1, 2]


def test_pairs_of_a_packed_folder(packed):
    source = PackedPairsSource(packed, ("s0", "s1", "s2"))
    found = made(source, n_batches=4, batch_size=1)
    assert_same(found, made(source, n_batches=4, batch_size=1))
    assert sorted(int(batch["scene"][0]) for batch in found) == [0, 1, 2, 2]
    for batch in found:
        real = batch["mask"][0] > 0
        colours = [
            sample_map(tf.constant(batch[f"image_{side}"]), batch[f"points_{side}"], stride=1)[0]
            for side in "ab"
        ]
        # The same blobs in other light.
        first, second = (one.numpy()[real] for one in colours)
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.7


def test_only_the_sequences_asked_for(packed):
    found = made(PackedPairsSource(packed, ("s1",)), n_batches=3, batch_size=1)
    assert [int(batch["scene"][0]) for batch in found] == [0, 0, 0]
    assert read_about(packed).n_pairs == 4


def test_names_that_are_no_utf8_and_come_twice(tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    try:
        odd.write_bytes(png(blobs(1)))
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    for batch in made(SinglePictures([odd, odd]), n_batches=1):
        assert batch["scene"].tolist() == [0, 0]


def test_an_empty_source(tmp_path):
    assert SinglePictures([]).sequences == ()


def test_colour_modes_and_sizes_of_their_own(tmp_path):
    (tmp_path / "grey.png").write_bytes(png(blobs(1, 70, 200)[..., 0]))
    (tmp_path / "tiny.png").write_bytes(png(blobs(2, 20, 24)))
    source = SinglePictures(sorted(tmp_path.glob("*.png")))
    for batch in made(source):
        assert np.isfinite(batch["image_a"]).all()


@pytest.mark.parametrize(("name", "value"), [("size", 100), ("size", 32), ("points", 1)])
def test_options_out_of_range(name, value):
    with pytest.raises(InputError, match=f"Expected {name}|Expected points"):
        CropOptions(**{name: value})
