"""Thresholds counted along one sort, beside scikit-learn and counting."""

import numpy as np
import pytest
from sklearn import metrics

from embedsvc.evaluation.curves import label_curve


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with ties, and both kinds of texts."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 60))
    has_label = generator.permutation(np.append([0, 1], generator.integers(0, 2, n - 2))) == 1
    return np.round(generator.random(n), int(generator.integers(1, 4))), has_label


@pytest.mark.golden
@pytest.mark.parametrize("seed", range(8))
def test_areas_are_scikit_learns(seed):
    values, has_label = random_case(seed)
    curve = label_curve(values, has_label)
    assert curve.auroc == pytest.approx(metrics.roc_auc_score(has_label, values))
    assert curve.average_precision == pytest.approx(
        metrics.average_precision_score(has_label, values)
    )
    for step, lowest in enumerate(curve.lowest):
        above = values >= lowest
        assert curve.given[step] == above.sum()
        assert curve.hits[step] == (above & has_label).sum()
        assert curve.f1[step] == pytest.approx(metrics.f1_score(has_label, above))


@pytest.mark.parametrize("has_label", [[True, True], [False, False]])
def test_areas_need_both_kinds(has_label):
    curve = label_curve(np.array([0.1, 0.2]), np.array(has_label))
    assert curve.auroc is curve.average_precision is None


def test_nearest_is_a_ratio():
    values = np.repeat([0.9, 0.8, 0.7], [1, 3, 4])  # 1, 4 or 8 texts
    curve = label_curve(values, np.arange(8) < 2)
    wanted = np.array([0.2, 1, 1.9, 2.1, 4, 5.6, 5.7, 8, 100])
    assert curve.nearest(wanted).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_nearest_where_nothing_can_be_parted():
    curve = label_curve(np.full(5, 0.3), np.arange(5) < 1)
    assert curve.nearest(np.array([1.0, 5.0])).tolist() == [0, 0]
