"""Repeated shots are found, pictures of one aligned product are not."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from embedsvc.errors import InputError
from embedsvc.images import near_duplicates
from embedsvc.images.loading import load_all
from embedsvc.images.near_duplicates import (
    duplicated_between,
    group_look_alikes,
    group_of_descriptors,
    near_duplicate_groups,
    thumbnail_descriptors,
)
from embedsvc.images.prepare import Preparation

DATA = Path(os.environ.get("EMBEDSVC_DATA", Path(__file__).parents[3] / "shared" / "data"))


def products(n: int, *, shots: int = 1, seed: int = 0) -> np.ndarray:
    """Pieces of one aligned product, each shot several times; shots of a piece are neighbours.

    All share a strong pattern; a piece has weak marks of its own; a shot has its own light, noise
    and a shift of a pixel.
    """
    generator = np.random.default_rng(seed)
    rows, columns = np.indices((64, 64))
    shared = 60 * np.sin(rows / 9) + 40 * (np.hypot(rows - 32, columns - 32) < 20)
    pictures = []
    for _ in range(n):
        marks = gaussian_filter(generator.normal(size=(64, 64)), 5)
        piece = 120 + shared + 12 * marks / marks.std()
        for _ in range(shots):
            shot = np.roll(piece, generator.integers(-1, 2, 2), axis=(0, 1))
            shot = shot * generator.uniform(0.9, 1.1) + generator.normal(0, 4, shot.shape)
            pictures.append(np.clip(shot, 0, 255).astype(np.uint8))
    return np.repeat(np.stack(pictures)[..., None], 3, axis=3)


def pair_scores(groups: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Precision and recall over pairs of pictures."""
    upper = np.triu_indices(len(truth), 1)
    found, same = ((g[:, None] == g)[upper] for g in (groups, truth))
    return (found & same).sum() / found.sum(), (found & same).sum() / same.sum()


# Groups


@pytest.mark.parametrize(("n", "shots"), [(40, 6), (150, 2)])
def test_shots_of_a_piece_are_found(n, shots):
    pixels = products(n, shots=shots)
    precision, recall = pair_scores(group_look_alikes(pixels), np.repeat(np.arange(n), shots))
    assert precision > 0.95
    assert recall > 0.85


@pytest.mark.parametrize("n", [2, 10, 40, 300])
def test_pieces_of_one_product_are_told_apart(n):
    pixels = products(n)
    descriptors = thumbnail_descriptors(pixels)
    # Plain correlation would call them all the same.
    assert np.median(descriptors @ descriptors.T) > 0.9
    assert len(np.unique(group_look_alikes(pixels))) >= 0.97 * n


def test_one_pair_among_twenty():
    pixels = products(21, seed=3)
    pixels[20] = np.clip(pixels[4].astype(int) + 9, 0, 255)
    groups = group_look_alikes(pixels)
    assert groups.tolist() == [*range(20), 4]


def test_identical_pictures_share_a_group_in_any_set():
    pixels = products(3)[[0, 1, 0, 2, 1, 0]]
    descriptors = thumbnail_descriptors(pixels)
    assert near_duplicate_groups(descriptors).tolist() == [0, 1, 0, 2, 1, 0]
    assert near_duplicate_groups(descriptors[[0, 0]]).tolist() == [0, 0]
    assert near_duplicate_groups(descriptors[[0, 1]]).tolist() == [0, 1]


def test_links_join_groups_over_others():
    angles = np.array([0, 0.4, 0.8, 3, 3.4])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Opposite copies keep the mean at 0 and the variances equal.
    descriptors = np.concatenate([vectors, -vectors]).astype(np.float32)
    groups = near_duplicate_groups(descriptors, threshold=0.9)
    assert groups[0] == groups[1] == groups[2]
    assert groups[0] != groups[5]


def test_the_threshold_decides():
    descriptors = thumbnail_descriptors(products(20, shots=2))
    counts = [near_duplicate_groups(descriptors, threshold=t).max() for t in (0.3, 0.8, 0.9, 1.1)]
    assert counts == sorted(counts)
    assert counts[-1] == 39


def test_blocks_change_nothing(monkeypatch):
    descriptors = thumbnail_descriptors(
        products(25, shots=3)[np.random.default_rng(0).permutation(75)]
    )
    groups = near_duplicate_groups(descriptors)
    found = duplicated_between(descriptors[:30], descriptors[30:])
    monkeypatch.setattr(near_duplicates, "_BLOCK", 7)
    np.testing.assert_array_equal(near_duplicate_groups(descriptors), groups)
    assert [f[:2] for f in duplicated_between(descriptors[:30], descriptors[30:])] == [
        f[:2] for f in found
    ]


def test_the_order_of_the_pictures_does_not_matter():
    pixels = products(25, shots=2)
    order = np.random.default_rng(1).permutation(50)
    groups, shuffled = group_look_alikes(pixels), group_look_alikes(pixels[order])
    np.testing.assert_array_equal(
        groups[order][:, None] == groups[order], shuffled[:, None] == shuffled
    )
    # Numbered in the order of first pictures.
    _, first = np.unique(shuffled, return_index=True)
    assert (np.diff(first) > 0).all()


def test_descriptors_of_batches_give_the_same_groups():
    pixels = products(25, shots=3)
    descriptors = [thumbnail_descriptors(pixels[i : i + 10]) for i in range(0, 75, 10)]
    np.testing.assert_array_equal(
        group_of_descriptors(np.concatenate(descriptors)), group_look_alikes(pixels)
    )


def test_four_objects_shot_six_times_are_no_collapse():
    pixels = np.concatenate([products(1, seed=seed)[[0] * 6] for seed in range(4)])
    noise = np.random.default_rng(0).integers(0, 3, pixels.shape, np.uint8)
    groups = group_look_alikes(np.clip(pixels, 3, 250) + noise)
    assert groups.tolist() == np.repeat(np.arange(4), 6).tolist()


def test_copies_of_one_picture_are_no_look_alikes():
    assert group_look_alikes(products(1)[[0] * 30]).tolist() == list(range(30))


def test_a_collapsed_set_falls_back_to_single_pictures():
    pixels = products(60, shots=2)
    pixels[:30] = pixels[0]
    assert group_look_alikes(pixels).tolist() == list(range(120))
    assert near_duplicate_groups(thumbnail_descriptors(pixels)).max() < 91


@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_pictures(level):
    pixels = np.full((12, 16, 16, 3), level, np.uint8)
    assert group_look_alikes(pixels).tolist() == list(range(12))
    assert near_duplicate_groups(thumbnail_descriptors(pixels)).tolist() == [0] * 12


def test_nothing_in_nothing_out():
    nothing = np.empty((0, 32, 32, 3), np.uint8)
    assert group_look_alikes(nothing).shape == (0,)
    assert group_look_alikes(nothing).dtype == np.int64
    assert thumbnail_descriptors(nothing).shape == (0, 64)


def test_one_picture():
    groups = group_look_alikes(products(1))
    assert groups.tolist() == [0]
    assert groups.dtype == np.int64


# Between train and test


def test_duplicates_between_train_and_test():
    pixels = products(60, shots=2)
    train = thumbnail_descriptors(pixels[::2])
    test = thumbnail_descriptors(np.concatenate([pixels[[1, 41, 5]], products(20, seed=9)]))
    found = duplicated_between(train, test, threshold=0.7)
    assert [(i, j) for i, j, _ in found] == [(0, 0), (1, 20), (2, 2)]
    assert all(0.7 <= similarity <= 1 for _, _, similarity in found)


def test_copies_are_found_in_the_smallest_sets():
    descriptors = thumbnail_descriptors(products(2))
    assert duplicated_between(descriptors[:1], descriptors[:1]) == [(0, 0, 1.0)]
    assert duplicated_between(descriptors[:1], descriptors[1:]) == []
    # Of equal ones the first.
    assert duplicated_between(descriptors[[1, 0, 0]], descriptors[:1]) == [(0, 1, 1.0)]


def test_between_nothing():
    descriptors = thumbnail_descriptors(products(2))
    assert duplicated_between(descriptors, descriptors[:0]) == []
    assert duplicated_between(descriptors[:0], descriptors) == []


# Descriptors and hashes


def test_descriptors_by_hand():
    pixels = np.zeros((1, 16, 32, 3), np.uint8)
    pixels[0, :, 16:] = 200
    expected = np.repeat([[-1, -1, -1, -1, 1, 1, 1, 1]], 8, axis=0).ravel() / 8
    descriptors = thumbnail_descriptors(pixels)
    assert descriptors.dtype == np.float32
    np.testing.assert_allclose(descriptors, [expected], atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (100, 37), (5, 3)])
def test_descriptors_of_any_size_have_mean_0_and_length_1(size):
    pixels = np.random.default_rng(0).integers(0, 256, (4, *size, 3), np.uint8)
    descriptors = thumbnail_descriptors(pixels)
    np.testing.assert_allclose(descriptors.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-5)


def test_descriptors_do_not_depend_on_the_batch():
    pixels = products(5)
    np.testing.assert_array_equal(
        thumbnail_descriptors(pixels)[3:4], thumbnail_descriptors(pixels[3:4])
    )


def test_a_constant_picture_has_zeros():
    pixels = np.full((1, 50, 70, 3), 77, np.uint8)
    assert not thumbnail_descriptors(pixels).any()


def test_arguments_are_not_changed():
    pixels = products(12)
    descriptors = thumbnail_descriptors(pixels)
    before = pixels.copy(), descriptors.copy()
    group_look_alikes(pixels)
    duplicated_between(descriptors, descriptors)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(descriptors, before[1])


@pytest.mark.parametrize("function", [thumbnail_descriptors, group_look_alikes])
def test_bad_pixels(function):
    with pytest.raises(InputError, match=r"\(n_images, height, width, 3\), got \(8, 8, 3\)"):
        function(np.zeros((8, 8, 3), np.uint8))


def test_bad_descriptors():
    with pytest.raises(InputError, match=r"\(n_images, dim\), got \(3,\)"):
        near_duplicate_groups(np.zeros(3, np.float32))
    with pytest.raises(InputError, match=r"\(n_images, 64\), got \(2, 5\)"):
        duplicated_between(np.zeros((2, 64), np.float32), np.zeros((2, 5), np.float32))


# Real sets


def data_folder(name: str) -> Path:
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no evaluation data: set EMBEDSVC_DATA to a folder with {name}")
    return folder


@pytest.mark.data
@pytest.mark.slow
def test_magnetic_tiles_shot_six_times():
    folder = data_folder("magnetic_tile")
    with (folder / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    truth = np.array([int(row["group"]) for row in rows])
    pixels = load_all([folder / row["path"] for row in rows], Preparation(128, 128))
    precision, recall = pair_scores(group_look_alikes(pixels), truth)
    assert precision > 0.88
    assert recall > 0.87
    # The folder's own split keeps shots together; a random one does not.
    descriptors = thumbnail_descriptors(pixels)
    train = np.array([row["path"].startswith("train") for row in rows])
    assert len(duplicated_between(descriptors[train], descriptors[~train])) <= 2
    shuffled = np.random.default_rng(0).permutation(train)
    leaked = duplicated_between(descriptors[shuffled], descriptors[~shuffled])
    assert len(leaked) > 0.85 * (~train).sum()


@pytest.mark.data
def test_clothing_has_hardly_any_repeats():
    with np.load(data_folder("fashion_mnist") / "fashion_mnist_13k.npz") as arrays:
        pictures, labels = arrays["x_train"], arrays["y_train"]
    for label in (0, 5, 9):
        pixels = np.repeat(pictures[labels == label][..., None], 3, axis=3)
        assert group_look_alikes(pixels).max() >= 0.92 * len(pixels)
