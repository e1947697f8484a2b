"""Patch memory: what a patch is, which are kept, and from patches to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from embedsvc.detectors import patchcore
from embedsvc.detectors.patchcore import PatchCore
from embedsvc.errors import InputError

DIM = 3


class FakeNetwork:
    """A fine map of the red channel and a coarse one of the green and the blue."""

    channels: ClassVar[dict[str, int]] = {"fine": 1, "coarse": 2}

    def maps(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        values = pixels.astype(np.float32)
        return {"fine": values[:, ::8, ::8, :1], "coarse": values[:, ::16, ::16, 1:]}


@pytest.fixture(autouse=True)
def _fake_network(monkeypatch: pytest.MonkeyPatch):
    def load(model: str, taps: Sequence[str]) -> FakeNetwork:
        assert isinstance(taps, tuple)
        return FakeNetwork()

    monkeypatch.setattr(patchcore, "load_image_network", load)


def make(**settings: Any) -> PatchCore:
    return PatchCore(taps=["fine", "coarse"], **settings)


def patches(*values: float) -> np.ndarray:
    """One picture with a row of patches, each one number repeated."""
    return np.repeat(np.array(values, np.float32), DIM).reshape(1, 1, -1, DIM)


def learned(*values: float, **settings: Any) -> tuple[PatchCore, dict[str, np.ndarray]]:
    """A detector whose bank holds these values as they are."""
    detector = make(**settings)
    bank = patches(*values).reshape(-1, DIM)
    return detector, {
        "mean": np.zeros(DIM, np.float32),
        "spread": np.full(DIM, np.sqrt(DIM), np.float32),  # so that distances are differences
        "bank": bank / np.float32(np.sqrt(DIM)),
    }


# Patches


def test_maps_are_put_together_at_the_finest_resolution():
    pixels = np.zeros((1, 32, 48, 3), np.uint8)
    pixels[0, 8, 16, 0] = 100
    pixels[0, ..., 1] = 60
    pixels[0, ..., 2] = 70
    features = make()._features(pixels)
    assert features.shape == (1, 4, 6, 3)
    assert features.dtype == np.float32
    assert features[0, 1, 2].tolist() == [100, 60, 70]
    assert features[..., 0].sum() == 100
    np.testing.assert_allclose(features[..., 1], 60)


def test_neighbours_are_averaged_on_request():
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    pixels[0, 24, 24, 0] = 90
    features = make(neighbourhood=3)._features(pixels)
    assert features.shape == (1, 8, 8, 3)
    assert (features[0, 2:5, 2:5, 0] == 10).all()
    assert features[..., 0].sum() == pytest.approx(90)


# Learning


def test_channels_are_standardized_before_patches_are_compared():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(4, 8, 8, DIM)) * (1, 1000, 0.1) + (5, -70, 0)
    features = features.astype(np.float32)
    detector = make(bank_size=80)
    state = detector._learn(features, np.zeros(4, np.int64))
    np.testing.assert_allclose(state["mean"], features.mean(axis=(0, 1, 2)), rtol=1e-5)
    # Both channels of the coarse tap together count as much as the only one of the fine tap.
    spread = features.std(axis=(0, 1, 2)) * np.sqrt([1, 2, 2])
    np.testing.assert_allclose(state["spread"], spread, rtol=1e-5)
    assert state["bank"].shape == (80, DIM)
    assert {value.dtype for value in state.values()} == {np.dtype(np.float32)}
    standardized = (features - state["mean"]) / state["spread"]
    distances = np.linalg.norm(
        standardized.reshape(-1, 1, DIM) - state["bank"], axis=2
    )  # (256, 80)
    # Each of the bank is a patch that was seen, and no patch is far from all of them.
    assert distances.min(axis=0).max() < 1e-4
    assert distances.min(axis=1).max() < 0.8


def test_a_channel_that_never_varies():
    features = np.random.default_rng(0).normal(size=(2, 6, 6, DIM)).astype(np.float32)
    features[..., 1] = 3
    detector = make()
    state = detector._learn(features, np.zeros(2, np.int64))
    assert np.isfinite(state["bank"]).all()
    assert len(state["bank"]) == 72
    np.testing.assert_allclose(detector._score(features, state), 0, atol=1e-3)


def test_of_very_many_patches_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    features = np.random.default_rng(0).normal(size=(10, 8, 8, DIM)).astype(np.float32)
    labels = np.zeros(10, np.int64)
    everything = make()._learn(features, labels)["bank"]
    assert len(everything) == 640
    monkeypatch.setattr(patchcore, "_MOST_PATCHES", 100)
    part = make()._learn(features, labels)["bank"]
    assert len(part) == 100
    np.testing.assert_array_equal(make()._learn(features, labels)["bank"], part)
    assert not np.array_equal(make(seed=1)._learn(features, labels)["bank"], part)


# Scoring


def test_a_map_is_the_distance_to_the_nearest_patches():
    detector, state = learned(0, 10, 14)
    maps = detector._maps(patches(1, 9, 20), state)
    np.testing.assert_allclose(maps, [[[1, 1, 6]]], rtol=1e-5)
    assert maps.dtype == np.float32
    detector, state = learned(0, 10, 14, n_neighbours=2)
    np.testing.assert_allclose(detector._maps(patches(1, 20), state), [[[5, 8]]], rtol=1e-5)
    # Never more neighbours than there are.
    detector, state = learned(0, 10, 14, n_neighbours=99)
    np.testing.assert_allclose(detector._maps(patches(0), state), [[[8]]], rtol=1e-5)


def test_the_image_score_max():
    detector, state = learned(0, image_score="max")
    features = np.concatenate([patches(1, 2, 3, 4), patches(7, 0, 0, 0)])
    scores = detector._score(features, state)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, [4, 7], rtol=1e-5)


@pytest.mark.parametrize(("top", "expected"), [(0.5, 3.5), (0.25, 4), (0.01, 4), (1.0, 2.5)])
def test_the_image_score_top(top: float, expected: float):
    detector, state = learned(0, image_score="top", top=top)
    np.testing.assert_allclose(detector._score(patches(3, 1, 4, 2), state), [expected], rtol=1e-5)


def test_the_image_score_reweighted():
    detector, state = learned(0, 1, 100, image_score="reweighted")
    # Distances of the worst patch, 5, are 5, 4 and 95: the nearest counts by what the others say.
    near = np.array([4, 5, 95]) / np.sqrt(2)  # of two taps
    weight = 1 - np.exp(near[0]) / np.exp(near).sum()
    np.testing.assert_allclose(detector._score(patches(5, 0), state), [weight * 4], rtol=1e-5)
    # Among equally near patches the weight is 1 - 1 / 2.
    detector, state = learned(-3, 3, image_score="reweighted")
    np.testing.assert_allclose(detector._score(patches(0), state), [1.5], rtol=1e-5)


def test_reweighting_by_far_and_by_single_patches():
    detector, state = learned(0, 10**5, image_score="reweighted")
    np.testing.assert_allclose(detector._score(patches(10.0), state), [10], rtol=1e-4)
    detector, state = learned(2, image_score="reweighted")
    np.testing.assert_allclose(detector._score(patches(5, 4), state), [3], rtol=1e-5)


@pytest.mark.parametrize("n_neighbours", [1, 2])
@pytest.mark.parametrize("image_score", ["top", "max", "reweighted"])
def test_scores_with_maps_take_one_search(
    image_score: str, n_neighbours: int, monkeypatch: pytest.MonkeyPatch
):
    detector, state = learned(0, 10, 14, image_score=image_score, n_neighbours=n_neighbours)
    features = np.concatenate([patches(1, 9, 20), patches(3, 7, 5)])
    expected = detector._score(features, state), detector._maps(features, state)
    searched: list[int] = []
    search = patchcore.nearest_distances

    def counting(queries: np.ndarray, *given: Any, **named: Any) -> np.ndarray:
        searched.append(len(queries))
        return search(queries, *given, **named)

    monkeypatch.setattr(patchcore, "nearest_distances", counting)
    for found, one in zip(detector._judge(features, state), expected, strict=True):
        np.testing.assert_array_equal(found, one)
    # Reweighting asks once more for the worst patch of each picture.
    assert searched == ([6, 2] if image_score == "reweighted" else [6])


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_score": "mean"}, "image_score to be one of top, max, reweighted, got 'mean'"),
        ({"top": 0.0}, "top above 0"),
        ({"top": 1.5}, "top above 0"),
        ({"neighbourhood": 2}, "neighbourhood to be odd, got 2"),
        ({"neighbourhood": 0}, "neighbourhood to be at least 1"),
        ({"bank_size": 0}, "bank_size to be at least 1"),
        ({"n_neighbours": 0}, "n_neighbours to be at least 1"),
        ({"bank_size": 1e3}, "bank_size to be a whole number, got 1000.0"),
        ({"taps": "stride8"}, "taps to be a list, each a text, got 'stride8'"),
        ({"taps": ()}, "taps"),
    ],
)
def test_settings(settings: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        PatchCore(**settings).check_settings()
