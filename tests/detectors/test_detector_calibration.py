"""From scores to a threshold and its story."""

from __future__ import annotations

import numpy as np
import pytest

from embedsvc.detectors.calibration import calibrate
from embedsvc.errors import InputError
from embedsvc.evaluation.conformal import conformal_p_values

NONE = np.empty(0)
NORMAL = np.random.default_rng(0).normal(size=39)


def test_five_percent_unless_told():
    found = calibrate(NORMAL, NONE, false_alarm_rate=None)
    assert found.false_alarm_rate == 0.05
    assert found.threshold == np.sort(NORMAL)[-2]
    np.testing.assert_array_equal(found.scores, np.sort(NORMAL))
    assert found.about.startswith(
        "at most 0.05 of normal images lie above it, judging by 39 normal images"
    )


@pytest.mark.parametrize("rate", [0.03, 0.1, 0.5])
def test_a_rate_is_kept(rate: float):
    found = calibrate(NORMAL, np.full(9, 99.0), false_alarm_rate=rate)
    assert found.false_alarm_rate == rate
    assert (found.threshold < NORMAL).mean() <= rate
    p_values = conformal_p_values(NORMAL, found.scores)
    np.testing.assert_array_equal(found.threshold < NORMAL, p_values <= rate)


def test_few_images_get_the_smallest_rate_they_can_vouch_for():
    found = calibrate(NORMAL[:9], NONE, false_alarm_rate=None)
    assert found.false_alarm_rate == 0.1
    assert found.threshold == NORMAL[:9].max()


def test_a_rate_too_small():
    with pytest.raises(InputError, match="at least 99 normal images"):
        calibrate(NORMAL, NONE, false_alarm_rate=0.01)


def test_labelled_anomalies_choose_unless_they_are_few_or_a_rate_is_named():
    anomalous = np.full(5, 8.0)
    found = calibrate(NORMAL, anomalous, false_alarm_rate=None)
    assert found.false_alarm_rate is None
    assert NORMAL.max() < found.threshold < 8
    assert found.about.startswith("best F1 (1.00) on 39 normal and 5 anomalous images")
    few = calibrate(NORMAL, anomalous[:4], false_alarm_rate=None)
    assert few.false_alarm_rate == 0.05


def test_scores_are_not_changed():
    before = NORMAL.copy()
    calibrate(NORMAL, np.ones(6), false_alarm_rate=None)
    np.testing.assert_array_equal(NORMAL, before)
