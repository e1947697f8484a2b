"""Confidence against correctness, by hand and by counting."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation.reliability import reliability


def test_by_hand():
    found = reliability([0.55, 0.65, 0.95, 0.95], [1, 0, 1, 1], n_bins=5)
    np.testing.assert_allclose(found.edges, [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found.counts.tolist() == [0, 0, 1, 1, 2]
    np.testing.assert_allclose(found.mean_confidence, [np.nan, np.nan, 0.55, 0.65, 0.95])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 1, 0, 1])
    assert found.expected_calibration_error == pytest.approx((0.45 + 0.65 + 2 * 0.05) / 4)


def test_a_bin_holds_its_upper_edge():
    found = reliability([0.0, 0.5, 0.500001, 1.0], [0, 0, 1, 1], n_bins=2)
    assert found.counts.tolist() == [2, 2]


def test_sure_and_right_is_perfect():
    assert reliability([1.0, 1.0], [True, True]).expected_calibration_error == 0
    assert reliability([1.0, 0.0], [False, True]).expected_calibration_error == 1


def test_probabilities_that_mean_what_they_say():
    generator = np.random.default_rng(0)
    sure = generator.random(50_000).astype(np.float32)
    found = reliability(sure, generator.random(50_000) < sure)
    assert found.expected_calibration_error < 0.01
    assert found.counts.sum() == 50_000
    assert reliability(np.sqrt(sure), generator.random(50_000) < sure, 15).counts.shape == (15,)
    overconfident = reliability(np.sqrt(sure), generator.random(50_000) < sure)
    # The mean of sqrt(u) - u over 0 to 1 is 1/6.
    assert overconfident.expected_calibration_error == pytest.approx(1 / 6, abs=0.01)


@pytest.mark.parametrize(
    ("sure", "right", "n_bins", "message"),
    [
        ([], [], 10, "Expected predictions to compare, got none"),
        ([[0.5]], [1], 10, r"numbers of shape \(n,\), got float64 of shape \(1, 1\)"),
        (["a"], [1], 10, "got <U1"),
        ([0.5, 1.5], [1, 1], 10, "got 1.5 at position 1"),
        ([0.5, np.nan], [1, 1], 10, "got nan at position 1"),
        ([0.5], [1, 0], 10, r"each of 1 predictions, got int64 of shape \(2,\)"),
        ([0.5], [2], 10, "Expected correct to be 0 or 1"),
        ([0.5], ["yes"], 10, "got <U3"),
        ([[0.5], []], [1], 10, "confidences to be an array"),
        ([0.5], [[1], []], 10, "correct to be an array"),
        ([0.5], [1], 0, "n_bins to be at least 1, got 0"),
    ],
)
def test_bad_input(sure, right, n_bins, message):
    with pytest.raises(InputError, match=message):
        reliability(sure, right, n_bins)
