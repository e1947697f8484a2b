"""What is learned from and what is held out."""

from __future__ import annotations

import numpy as np
import pytest

from embedsvc.detectors.splitting import fitting_splits, learnable
from embedsvc.errors import InputError

LABELS = np.array([0] * 20 + [1] * 4)
ALONE = np.arange(24)


def splits(groups: np.ndarray = ALONE, **options: object) -> list[tuple[np.ndarray, np.ndarray]]:
    usual = {"n_folds": 4, "needs_anomalies": False, "false_alarm_rate": None, "seed": 0}
    return fitting_splits(LABELS, groups, **{**usual, **options})


def test_anomalies_are_learned_from_only_where_they_are_needed():
    assert learnable(LABELS, needs_anomalies=False).tolist() == list(range(20))
    assert learnable(LABELS, needs_anomalies=True).tolist() == list(range(24))
    for learned, held_out in splits():
        assert max(learned.max(), held_out.max()) < 20
    for learned, held_out in splits(needs_anomalies=True):
        assert LABELS[learned].sum() == 3
        assert LABELS[held_out].sum() == 1


@pytest.mark.parametrize("needs_anomalies", [False, True])
def test_every_image_is_held_out_once(needs_anomalies: bool):
    parts = splits(needs_anomalies=needs_anomalies)
    own = learnable(LABELS, needs_anomalies=needs_anomalies)
    held_out = np.concatenate([held_out for _, held_out in parts])
    np.testing.assert_array_equal(np.sort(held_out), own)
    for learned, out in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([learned, out])), own)


def test_one_fold_is_a_holdout():
    ((learned, held_out),) = splits(n_folds=1)
    assert len(learned) == 16
    assert len(held_out) == 4
    assert not set(learned) & set(held_out)


def test_groups_stay_together():
    groups = np.arange(24) // 4
    for learned, held_out in splits(groups, n_folds=3):
        assert not set(groups[learned]) & set(groups[held_out])


def test_a_rate_needs_normal_images_held_out():
    assert splits(false_alarm_rate=0.05)
    with pytest.raises(InputError, match="at least 99 normal images .*got 20"):
        splits(false_alarm_rate=0.01)
    with pytest.raises(InputError, match="at least 19 normal images .*got 4"):
        splits(false_alarm_rate=0.05, n_folds=1)


def test_all_of_a_kind_in_one_group():
    one_group = np.where(LABELS, 99, ALONE)
    assert splits(one_group)
    with pytest.raises(InputError, match="at least 2 groups each"):
        splits(one_group, needs_anomalies=True)
    # Held out for good, they would be missed; so they are learned from.
    ((learned, _),) = splits(one_group, needs_anomalies=True, n_folds=1)
    assert LABELS[learned].sum() == 4
