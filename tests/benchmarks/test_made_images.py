"""The sets the anomaly benchmarks are made of."""

import socket

import made_images
import numpy as np
import pytest
from made_images import CROP, TEXTURE_DEFECTS, TEXTURES, made_texture_set, parts_set


@pytest.fixture(autouse=True)
def fewer_and_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(made_images, "N_TRAIN", 5)
    monkeypatch.setattr(made_images, "N_TEST_GOOD", 3)
    monkeypatch.setattr(made_images, "N_TEST_BAD", 4)


def check(made, kinds):
    assert made["train"].shape == (5, CROP, CROP, 3)
    assert made["test"].shape == (7, CROP, CROP, 3)
    assert made["train"].dtype == made["test"].dtype == np.uint8
    assert made["labels"].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert made["masks"].shape == (7, CROP, CROP)
    assert made["masks"].any(axis=(1, 2)).tolist() == made["labels"].astype(bool).tolist()
    assert made["masks"].mean(axis=(1, 2)).max() < 0.2
    assert made["defects"] == ["good"] * 3 + kinds


@pytest.mark.parametrize("name", TEXTURES)
def test_textures(name):
    made = made_texture_set(name, seed=1)
    check(made, list(TEXTURE_DEFECTS))
    again = made_texture_set(name, seed=1)
    assert all(np.array_equal(made[key], again[key]) for key in made)
    assert not np.array_equal(made["test"], made_texture_set(name, seed=2)["test"])


@pytest.mark.parametrize("name", TEXTURES)
def test_areas_cover_a_texture_once_and_have_room_for_crops(name):
    train, test = made_images._areas(name)
    assert min(*train.shape[:2], *test.shape[:2]) > CROP
    assert train.shape[1] == test.shape[1]


@pytest.mark.parametrize("kind", TEXTURE_DEFECTS)
def test_the_mask_is_where_the_crop_differs(kind):
    rng = np.random.default_rng(0)
    area, other = made_images._areas("gravel")[1], made_images._areas("brick")[1]
    for _ in range(4):
        crop = made_images._crop(rng, area)
        planted, mask = made_images._plant(rng, crop, kind, [other])
        differs = np.any(planted != crop, axis=-1)
        assert not np.any(differs & ~mask)
        assert np.mean(differs[mask]) > 0.99


def test_parts():
    made = parts_set(seed=1)
    check(made, ["scratch", "hole", "stain", "scratch"])
    assert np.array_equal(made["test"], parts_set(seed=1)["test"])
