"""Regional features of a CNN, on maps whose numbers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsvc.detectors import pooled
from embedsvc.detectors.gaussian import Gaussian
from embedsvc.detectors.learned import Shape, State, check_shapes
from embedsvc.detectors.ocsvm import OneClassSVM
from embedsvc.detectors.pooled import TAPS, PooledDetector
from embedsvc.errors import InputError


class Constant(PooledDetector):
    """The score of a region is its first feature."""

    kind = "constant"

    def _level_shapes(self) -> dict[str, Shape]:
        return {"n": (2,)}

    def _learn_level(self, regions: np.ndarray, *, grid: int) -> State:
        return {"n": np.array([len(regions), grid])}

    def _score_regions(self, regions: np.ndarray, learned: State) -> np.ndarray:
        return regions[:, 0].astype(np.float64)


class FakeNetwork:
    """Maps out of the picture's red channel: every 8th, 16th and 32nd pixel."""

    def maps(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        red = pixels[..., :1].astype(np.float32)
        return {tap: red[:, ::step, ::step] for tap, step in zip(TAPS, (8, 16, 32), strict=True)}

    def describe(self) -> dict[str, Any]:
        return {"model": "fake"}


@pytest.fixture(autouse=True)
def _fake_network(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pooled, "load_image_network", lambda model, taps: FakeNetwork())


def test_features_are_maxima_and_means_of_the_whole_and_of_its_parts():
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    pixels[1, 0, 0] = 80  # seen at every stride, in the first region of each size
    pixels[1, 40, 8] = 40  # at stride 8 alone, in the third quarter and the ninth sixteenth
    features = Constant()._features(pixels)
    assert features.shape == (2, 1 + 4 + 16, 5)
    assert not features[0].any()
    # Maxima at strides 8, 16, 32, then means at 16 and 32: 16 cells and 4.
    assert features[1, 0].tolist() == [80, 80, 80, 80 / 16, 80 / 4]
    quarters, sixteenths = features[1, 1:5], features[1, 5:]
    assert quarters[0].tolist() == [80, 80, 80, 80 / 4, 80]
    assert quarters[2].tolist() == [40, 0, 0, 0, 0]
    assert not quarters[[1, 3]].any()
    assert sixteenths[0, 0] == 80
    assert sixteenths[8].tolist() == [40, 0, 0, 0, 0]
    assert np.count_nonzero(sixteenths[:, 0]) == 2


@pytest.mark.parametrize("size", [(64, 64), (64, 200), (96, 72), (100, 100)])
def test_regions_of_any_size_cover_everything(size: tuple[int, int]):
    pixels = np.zeros((1, *size, 3), np.uint8)
    for row in range(0, size[0], 8):
        for column in range(0, size[1], 8):
            pixels[0, row, column] = 9
            regions = Constant()._features(pixels)[0]
            assert regions[0, 0] == regions[1:, 0].max() == 9
            pixels[0, row, column] = 0


@pytest.mark.parametrize(
    ("length", "grid", "slices"),
    [
        (8, 1, [(0, 8)]),
        (8, 2, [(0, 4), (4, 8)]),
        (3, 2, [(0, 2), (2, 3)]),
        (2, 2, [(0, 1), (1, 2)]),
        (1, 2, [(0, 1), (0, 1)]),
        (9, 4, [(0, 2), (2, 4), (4, 7), (7, 9)]),
    ],
)
def test_cuts(length: int, grid: int, slices: list[tuple[int, int]]):
    cuts = pooled._cuts(length, grid)
    assert [(cut.start, cut.stop) for cut in cuts] == slices


def test_the_most_unusual_region_of_each_size_counts_the_same():
    detector = Constant()
    features = np.zeros((4, 21, 2))
    features[:, 0, 0] = [1, 2, 3, 4]
    features[:, 1:5, 0] = [[0, 0, 0, 10], [20, 0, 0, 0], [0, 10, 0, 0], [0, 0, 20, 0]]
    features[:, 7, 0] = 30
    state = detector._learn(features, np.zeros(4, np.int64))
    # Regions of a size are learned from together.
    assert [state[f"level{i}.n"].tolist() for i in range(3)] == [[4, 1], [16, 2], [64, 4]]
    assert set(state) == set(detector._state_shapes())
    expected = np.mean([[1, 2, 3, 4], [10, 20, 10, 20], [30] * 4], axis=0)
    np.testing.assert_allclose(detector._score(features, state), expected)


@pytest.mark.parametrize("detector", [Gaussian(), OneClassSVM()], ids=lambda one: one.kind)
def test_levels_learn_separately(detector: PooledDetector):
    features = np.random.default_rng(0).normal(size=(30, 21, 3)).astype(np.float32)
    state = detector._learn(features, np.zeros(30, np.int64))
    for level, (start, end) in enumerate([(0, 1), (1, 5), (5, 21)]):
        np.testing.assert_allclose(
            state[f"level{level}.mean"],
            features[:, start:end].mean(axis=(0, 1)),
            rtol=0,
            atol=1e-6,
        )
    check_shapes(state, detector._state_shapes())


def test_a_strange_quarter_is_found_by_both():
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(60, 21, 4)).astype(np.float32)
    strange = generator.normal(size=(6, 21, 4)).astype(np.float32)
    strange[:, 3] += 12
    for detector in (Gaussian(), OneClassSVM()):
        state = detector._learn(normal, np.zeros(60, np.int64))
        scores = detector._score(strange, state)
        assert scores.min() > detector._score(normal, state).max()


@pytest.mark.parametrize("size", [32, (64, 63)])
def test_sizes_too_small_for_a_network(size: int | tuple[int, int]):
    with pytest.raises(InputError, match="size of at least 64"):
        Gaussian(size=size).check_settings()


@pytest.mark.parametrize("settings", [{"nu": 0.0}, {"nu": 1.5}, {"gamma": 0.0}, {"gamma": -1.0}])
def test_settings_of_the_svm(settings: dict[str, float]):
    with pytest.raises(InputError, match="Expected nu above 0"):
        OneClassSVM(**settings).check_settings()


def test_the_gaussian_is_the_logarithm_of_the_mahalanobis_distance():
    rows = np.random.default_rng(0).normal(size=(20_000, 3)) * (1, 2, 3) + 5
    detector = Gaussian()
    learned = detector._learn_level(rows, grid=1)
    scores = detector._score_regions(np.array([[5, 5, 5], [6, 5, 5], [5, 5, 14.0]]), learned)
    np.testing.assert_allclose(scores[1:], np.log([1, 9]), atol=0.1)
    assert scores[0] < np.log(0.05)
