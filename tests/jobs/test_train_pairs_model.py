"""What a training is made of: the descriptor, what it learns from, and what chooses the epoch."""

import numpy as np
import pytest
from tiny_pair_training import SETTINGS, draw_photos, shifted_pairs, shorten, write_packed

from embedsvc.jobs import train_pairs_model
from embedsvc.jobs.train_pairs_model import (
    make_descriptor,
    make_source,
    untrained_features,
    validation_pairs,
)
from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_plan import plan_pair_training


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    shorten(monkeypatch.setattr)
    monkeypatch.setattr(train_pairs_model, "warped_pairs", shifted_pairs)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(folder / "packed", {"a": 2, "b": 3, "c": 1})


def make_plan(data, output, **options):
    return plan_pair_training([str(data)], output, options=PairTrainOptions(SETTINGS, **options))


def test_settings_reach_the_descriptor(photos):
    made = make_descriptor(
        {"crop": 96, "points": 50, "rotation": 10, "scale": 1.2, "perspective": 0.1, "dim": 16,
         "rotations": [0, 90], "activity_penalties": {"stride2": "l2:1e-4"}, "margin": 0.5}
    )  # fmt: skip
    assert (made.crop.size, made.crop.points, made.crop.warp.rotation) == (96, 50, 10)
    assert (made.crop.warp.scale, made.crop.warp.perspective) == (1.2, 0.1)
    assert made.views.rotations == (0, 90) and made.views.scales == (1.0, 1.41)
    assert (made.dim, made.margin, made.epochs) == (16, 0.5, type(made)().epochs)
    assert made.activity_penalties == {"stride2": "l2:1e-4"}
    assert (
        make_descriptor({}).get_params() == type(made)(crop=make_descriptor({}).crop).get_params()
    )


def test_chosen_pairs_are_read(packed, tmp_path):
    plan = make_plan(packed, tmp_path / "model", validation=0.6)
    held = plan.split.held_out
    found = validation_pairs(plan)
    assert {pair.sequence for pair in found} == set(held) and len(held) == 2
    assert len(found) == sum({"a": 2, "b": 3, "c": 1}[name] for name in held)
    assert make_source(plan).sequences == plan.split.training
    assert validation_pairs(make_plan(packed, tmp_path / "model", validation=0)) == []


def test_warps_of_held_out_pictures(photos, tmp_path):
    plan = make_plan(photos, tmp_path / "model", validation=0.5)
    found = validation_pairs(plan)
    assert [pair.name for pair in found] == [
        f"views {at} of {pair.sequence}" for at, pair in enumerate(found, 1)
    ]
    assert {pair.sequence for pair in found} == set(plan.names_held_out)
    assert {str(path) for path in make_source(plan).files} == set(plan.split.training)
    for one, same in zip(found, validation_pairs(plan), strict=True):
        assert (one.image_a, one.image_b) == (same.image_a, same.image_b)


def test_the_small_network_before_training():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    points = np.array([[10, 20], [30, 40.5]], np.float32)
    found = untrained_features("small", seed=0)
    assert found.name == "untrained small"
    assert np.linalg.norm(found.describe(image, points), axis=1) == pytest.approx(1, abs=1e-5)
