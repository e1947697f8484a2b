"""Outliers among vectors: planted ones are found, and where there are none hardly any are."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from embedsvc.detectors.outlier_models import OUTLIER_METHODS
from embedsvc.detectors.outliers import VectorOutliers
from embedsvc.errors import InputError, NotFittedError
from embedsvc.evaluation.conformal import upper_tail_threshold


def usual(n=600, dim=24, seed=0):
    """Around one direction, as the texts on one matter are."""
    generator = np.random.default_rng(seed)
    spread = np.linspace(1, 0.3, dim)
    rows = 6 * np.eye(dim)[0] + spread * generator.normal(size=(n, dim))
    return rows.astype(np.float32)


def unusual(n=12, dim=24, seed=1):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32) * 3


@pytest.mark.parametrize("method", OUTLIER_METHODS)
def test_planted_outliers_are_found(method):
    vectors = np.concatenate([usual(), unusual()])
    detector = VectorOutliers(method=method)
    labels = detector.fit_predict(vectors)
    assert labels[600:].mean() >= 0.75
    assert labels[:600].mean() < 0.02
    assert detector.scores_[600:].min() > np.median(detector.scores_[:600])


@pytest.mark.parametrize("method", OUTLIER_METHODS)
def test_hardly_any_are_found_where_there_are_none(method):
    assert VectorOutliers(method=method).fit_predict(usual()).mean() < 0.01


@pytest.mark.parametrize("method", OUTLIER_METHODS)
def test_false_alarms_are_as_rare_as_asked(method):
    detector = VectorOutliers(method=method, false_alarm_rate=0.1).fit(usual())
    fresh = usual(2000, seed=7)
    assert 0.03 < detector.predict(fresh).mean() < 0.17
    assert detector.predict(unusual()).mean() > 0.9
    alarms = detector.anomaly_score(fresh) > detector.threshold_
    np.testing.assert_array_equal(alarms, detector.p_value(fresh) <= 0.1)


def test_knn_against_scikit_learn():
    vectors = usual(200)
    expected = NearestNeighbors(n_neighbors=6, metric="cosine").fit(vectors)
    distances, positions = expected.kneighbors()
    detector = VectorOutliers(k=6).fit(vectors)
    np.testing.assert_allclose(detector.scores_, distances.mean(axis=1), atol=1e-5)
    np.testing.assert_array_equal(detector.nearest_.positions, positions[:, 0])
    fresh = usual(20, seed=9)
    distances, positions = expected.kneighbors(fresh)
    np.testing.assert_allclose(detector.anomaly_score(fresh), distances.mean(axis=1), atol=1e-5)
    np.testing.assert_array_equal(detector.nearest(fresh).positions, positions[:, 0])


def test_of_many_rows_a_part_is_compared_with(monkeypatch):
    vectors = np.concatenate([usual(1000), unusual()])
    whole = VectorOutliers().fit(vectors)
    assert whole.n_compared_ == 1012
    monkeypatch.setattr("embedsvc.detectors.outliers.MOST_COMPARED", 200)
    part = VectorOutliers(seed=3).fit(vectors)
    assert part.n_compared_ == 200
    assert (part.nearest_.positions != np.arange(1012)).all()
    assert part.nearest_.cosines.max() < 1 - 1e-6
    assert (part.scores_[1000:] > part.threshold_).mean() >= 0.75
    assert (part.scores_[:1000] > part.threshold_).mean() < 0.02
    assert np.corrcoef(part.scores_, whole.scores_)[0, 1] > 0.95
    np.testing.assert_array_equal(VectorOutliers(seed=3).fit(vectors).scores_, part.scores_)
    assert VectorOutliers(seed=3, method="mahalanobis").fit(vectors).scores_.shape == (1012,)


def test_copies_do_not_make_an_outlier_normal():
    strange = unusual(1).repeat(30, axis=0)
    vectors = np.concatenate([usual(), strange])
    detector = VectorOutliers()
    assert detector.fit_predict(vectors)[600:].all()
    assert (detector.nearest_.positions[600:] < 600).all()


def test_the_order_of_rows_does_not_matter():
    vectors = np.concatenate([usual(100), unusual(3)])
    order = np.random.default_rng(0).permutation(103)
    one, other = VectorOutliers().fit(vectors), VectorOutliers().fit(vectors[order])
    np.testing.assert_allclose(one.scores_[order], other.scores_, atol=1e-5)


@pytest.mark.parametrize("method", OUTLIER_METHODS)
@pytest.mark.parametrize("n", [2, 3, 10])
def test_among_few_or_equal_rows_there_are_no_outliers(method, n):
    assert not VectorOutliers(method=method).fit_predict(usual(n)).any()
    equal = VectorOutliers(method=method).fit(np.ones((n, 4)))
    assert not (equal.scores_ > equal.threshold_).any()
    assert np.isfinite(equal.anomaly_score(np.eye(4))).all()


def test_zeros_are_far_from_everything():
    vectors = usual(100)
    vectors[5] = 0
    detector = VectorOutliers().fit(vectors)
    assert detector.scores_[5] == pytest.approx(1, abs=1e-5)
    assert detector.scores_[5] > detector.threshold_


@pytest.mark.parametrize("method", OUTLIER_METHODS)
def test_equal_seeds_give_equal_scores(method):
    vectors = usual(150)
    one, other = (VectorOutliers(method=method, seed=3).fit(vectors) for _ in range(2))
    np.testing.assert_array_equal(one.scores_, other.scores_)


def test_bad_questions():
    with pytest.raises(NotFittedError, match=r"Call fit\(vectors\) first"):
        VectorOutliers().predict(np.eye(2))
    with pytest.raises(InputError, match="knn, mahalanobis, ocsvm, got 'lof'"):
        VectorOutliers(method="lof").fit(np.eye(3))
    with pytest.raises(InputError, match="k to be at least 1, got 0"):
        VectorOutliers(k=0).fit(np.eye(3))
    with pytest.raises(InputError, match="at least 2 vectors, got 1"):
        VectorOutliers().fit(np.ones((1, 2)))
    with pytest.raises(InputError, match="at least 19"):
        VectorOutliers(false_alarm_rate=0.05).fit(np.eye(3))
    with pytest.raises(InputError, match="with the same dim"):
        VectorOutliers().fit(np.eye(3)).predict(np.ones((1, 4)))


def test_the_upper_tail():
    scores = np.random.default_rng(0).normal(size=100_000)
    # A spread is the standard deviation of normally distributed scores.
    assert upper_tail_threshold(scores, 4) == pytest.approx(4, abs=0.1)
    assert upper_tail_threshold(np.ones(50), 4) == np.inf
    assert upper_tail_threshold(np.arange(19), 4) == np.inf
    with pytest.raises(InputError, match="positive cutoff, got 0"):
        upper_tail_threshold(scores, 0)
