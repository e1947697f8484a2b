"""Whitening: the same variance in all directions, whatever the features were."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from embedsvc.detectors import whitening
from embedsvc.detectors.whitening import fit_whitening, whiten


def features(n: int, dim: int = 6, *, seed: int = 0) -> np.ndarray:
    """Correlated, of very different scales and away from 0; float32."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(n, dim)) @ generator.normal(size=(dim, dim))
    return (mixed * 10.0 ** np.linspace(-2, 2, dim) + 5).astype(np.float32)


def test_many_normal_images_become_white():
    rows = features(5000)
    white = whiten(rows, *fit_whitening(rows, seed=0))
    assert white.dtype == np.float64
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(white.T), np.eye(6), atol=0.05)


def test_lengths_are_the_mahalanobis_distances_of_scikit_learn():
    rows, others = features(40, 12), features(7, 12, seed=1)
    white = whiten(others, *fit_whitening(rows, seed=0))
    scaler = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    reference = LedoitWolf().fit((rows - scaler[0]) / scaler[1])
    expected = reference.mahalanobis((others - scaler[0]) / scaler[1])
    np.testing.assert_allclose(np.square(white).sum(axis=1), expected, rtol=1e-6)


def test_fewer_images_than_features():
    rows = features(10, 50)
    mean, projection = fit_whitening(rows, seed=0)
    assert mean.shape == (50,)
    assert projection.shape == (50, 50)
    inside, outside = whiten(rows, mean, projection), whiten(rows + 3, mean, projection)
    assert np.isfinite(inside).all()
    assert np.linalg.norm(outside, axis=1).min() > np.linalg.norm(inside, axis=1).max()


def test_a_feature_that_never_varies_is_no_giant():
    rows = features(200)
    rows[:, 2] = 7
    mean, projection = fit_whitening(rows, seed=0)
    other = rows[:1].copy()
    usual = np.linalg.norm(whiten(other, mean, projection))
    other[:, 2] += 1e-3 * np.median(rows.std(axis=0))
    assert np.isfinite(projection).all()
    assert np.linalg.norm(whiten(other, mean, projection)) < 50 * usual


@pytest.mark.parametrize("rows", [np.ones((1, 4)), np.ones((5, 4)), np.zeros((3, 4), np.float32)])
def test_nothing_that_varies(rows: np.ndarray):
    mean, projection = fit_whitening(rows, seed=0)
    np.testing.assert_array_equal(whiten(rows, mean, projection), 0)
    assert np.isfinite(whiten(rows + 1, mean, projection)).all()
    assert (whiten(rows + 1, mean, projection) != 0).any()


def test_of_very_many_rows_a_part_is_learned_from(monkeypatch: pytest.MonkeyPatch):
    rows = features(2000)
    everything = fit_whitening(rows, seed=0)
    monkeypatch.setattr(whitening, "_MOST_ROWS", 1000)
    part, again = fit_whitening(rows, seed=0), fit_whitening(rows, seed=0)
    assert not np.array_equal(part[0], everything[0])
    np.testing.assert_array_equal(part[1], again[1])
    assert not np.array_equal(part[0], fit_whitening(rows, seed=1)[0])
    distances = [np.linalg.norm(whiten(rows, *one), axis=1) for one in (part, everything)]
    assert np.corrcoef(distances)[0, 1] > 0.99


def test_features_are_not_changed():
    rows = features(30)
    before = rows.copy()
    whiten(rows, *fit_whitening(rows, seed=0))
    np.testing.assert_array_equal(rows, before)
