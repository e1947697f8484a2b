"""One-class SVMs as arrays, against scikit-learn's own objects."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

from embedsvc.detectors import svm
from embedsvc.detectors.learned import check_shapes
from embedsvc.detectors.svm import SHAPES, fit_one_class_svm, one_class_scores

ROWS = np.random.default_rng(0).normal(size=(300, 5))
OTHERS = np.random.default_rng(1).normal(size=(40, 5))
OUTLIERS = np.random.default_rng(2).normal(size=(10, 5)) + 6


@pytest.mark.parametrize("nu", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("gamma", [0.02, 0.3])
def test_scores_are_the_decision_function_with_the_sign_turned(nu: float, gamma: float):
    learned = fit_one_class_svm(ROWS, nu=nu, gamma=gamma, seed=0)
    check_shapes(learned, SHAPES)
    reference = OneClassSVM(nu=nu, gamma=gamma).fit(ROWS)
    expected = -reference.decision_function(OTHERS)
    np.testing.assert_allclose(one_class_scores(OTHERS, learned), expected, rtol=0, atol=1e-9)


def test_many_rows_go_by_an_approximation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(svm, "MOST_EXACT_ROWS", 100)
    monkeypatch.setattr(svm, "_COMPONENTS", 64)
    learned = fit_one_class_svm(ROWS, nu=0.1, gamma=0.1, seed=3)
    check_shapes(learned, SHAPES)
    assert learned["vectors"].shape == (64, 5)
    reference = make_pipeline(
        Nystroem(gamma=0.1, n_components=64, random_state=3),
        SGDOneClassSVM(nu=0.1, random_state=3, tol=1e-6, max_iter=50),
    ).fit(ROWS)
    expected = -reference.decision_function(OTHERS)
    np.testing.assert_allclose(one_class_scores(OTHERS, learned), expected, rtol=0, atol=1e-9)
    assert one_class_scores(OUTLIERS, learned).min() > one_class_scores(OTHERS, learned).max()


def test_the_approximation_agrees_with_the_exact_one(monkeypatch: pytest.MonkeyPatch):
    exact = one_class_scores(OTHERS, fit_one_class_svm(ROWS, nu=0.1, gamma=0.05, seed=0))
    monkeypatch.setattr(svm, "MOST_EXACT_ROWS", 100)
    monkeypatch.setattr(svm, "_COMPONENTS", 128)
    near = one_class_scores(OTHERS, fit_one_class_svm(ROWS, nu=0.1, gamma=0.05, seed=0))
    assert np.corrcoef(exact, near)[0, 1] > 0.97


def test_planted_outliers():
    learned = fit_one_class_svm(ROWS, nu=0.1, gamma=0.05, seed=0)
    assert one_class_scores(OUTLIERS, learned).min() > one_class_scores(OTHERS, learned).max()
    assert (one_class_scores(ROWS, learned) > 0).mean() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("most_exact_rows", [100, 1000])
def test_equal_seeds_give_equal_arrays(most_exact_rows: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(svm, "MOST_EXACT_ROWS", most_exact_rows)
    monkeypatch.setattr(svm, "_COMPONENTS", 32)
    first, again = (fit_one_class_svm(ROWS, nu=0.1, gamma=0.1, seed=5) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)


def test_the_global_random_state_stays():
    before = str(np.random.get_state(legacy=False))  # noqa: NPY002
    fit_one_class_svm(ROWS, nu=0.1, gamma=0.1, seed=5)
    assert str(np.random.get_state(legacy=False)) == before  # noqa: NPY002


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.ones((6, 3))])
def test_rows_that_are_all_the_same(rows: np.ndarray):
    learned = fit_one_class_svm(rows, nu=0.1, gamma=1.0, seed=0)
    assert one_class_scores(rows + 2, learned)[0] > one_class_scores(rows, learned)[0]
