"""The estimator, as a user would break it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_mutual_info_score

from embedsvc.errors import InputError, NotFittedError
from embedsvc.vectors import VectorClusterer
from embedsvc.vectors.clustering import MOST_ROWS

METHODS = ["community", "hdbscan", "kmeans", "agglomerative"]


def groups(n_groups=8, n_each=40, *, dim=24, spread=0.12, seed=0):
    generator = np.random.default_rng(seed)
    middles = generator.standard_normal((n_groups, dim))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    owners = np.repeat(np.arange(n_groups), n_each)
    return middles[owners] + spread * generator.standard_normal((len(owners), dim)), owners


@pytest.mark.parametrize("method", METHODS)
def test_groups_are_found_without_being_told_how_many(method):
    vectors, owners = groups()
    clusterer = VectorClusterer(method).fit(vectors)
    assert adjusted_mutual_info_score(owners, clusterer.labels_) > 0.9
    assert clusterer.labels_.dtype == np.int64
    assert clusterer.centers_.shape == (clusterer.n_clusters_, 24)
    assert ((clusterer.probabilities_ >= 0) & (clusterer.probabilities_ <= 1)).all()
    assert clusterer.silhouette_ > 0.5


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_rows_makes_no_difference(method):
    vectors, _ = groups(5, 30, spread=0.2)
    order = np.random.default_rng(1).permutation(len(vectors))
    straight = VectorClusterer(method).fit_predict(vectors)
    shuffled = VectorClusterer(method).fit_predict(vectors[order])
    np.testing.assert_array_equal(straight[order], shuffled)


@pytest.mark.parametrize("method", ["community", "kmeans", "agglomerative"])
def test_as_many_clusters_as_asked_for(method):
    vectors, _ = groups(4, 30)
    for k in (2, 4, 11):
        assert VectorClusterer(method, k=k).fit(vectors).n_clusters_ == k


def test_unrelated_rows_are_noise():
    vectors, owners = groups(8, 50, dim=64, spread=0.06)
    odd = np.random.default_rng(5).standard_normal((20, 64))
    labels = VectorClusterer().fit_predict(np.concatenate([vectors, odd]))
    assert (labels[-20:] == -1).all()
    assert (labels[:-20] >= 0).mean() > 0.97
    assert adjusted_mutual_info_score(owners, labels[:-20]) > 0.95


def test_the_largest_is_first_and_rows_of_zeros_are_noise():
    vectors, _ = groups(3, 20)
    labels = VectorClusterer("kmeans", k=3).fit_predict(
        np.concatenate([vectors, vectors[:5] + 0.01, np.zeros((2, 24))])
    )
    assert (np.diff(np.bincount(labels[labels >= 0])) <= 0).all()
    assert labels[-2:].tolist() == [-1, -1]
    assert set(labels[:20].tolist()) == {0}


def test_the_choice_is_told():
    vectors, _ = groups()
    choice = VectorClusterer().fit(vectors).choice_
    taken = choice.candidates[choice.chosen]
    best = max(one.silhouette for one in choice.candidates)
    assert taken.silhouette >= 0.9 * best
    assert choice.reason.startswith(f"{taken.n_clusters} clusters")
    told = choice.to_json()
    assert [one["chosen"] for one in told["candidates"]].count(True) == 1


def test_a_cloud_without_groups_is_said_to_be_one():
    vectors = np.random.default_rng(0).standard_normal((400, 200))
    clusterer = VectorClusterer().fit(vectors)
    assert "hardly any groups" in clusterer.choice_.reason
    assert 2 <= clusterer.n_clusters_ <= 40


def test_new_rows_go_to_the_nearest_centre():
    vectors, _ = groups()
    clusterer = VectorClusterer().fit(vectors)
    inside = clusterer.labels_ >= 0
    found = clusterer.predict(vectors * 7)
    assert (found[inside] == clusterer.labels_[inside]).mean() > 0.99
    others = clusterer.predict([np.zeros(24), np.random.default_rng(9).standard_normal(24)])
    assert others.tolist() == [-1, -1]
    with pytest.raises(InputError, match="same dim"):
        clusterer.predict(np.ones((2, 3)))
    with pytest.raises(NotFittedError, match="Call fit first"):
        VectorClusterer().predict(vectors)


def test_threshold_groups_are_within_it():
    vectors, owners = groups(5, 30)
    clusterer = VectorClusterer(threshold=0.6, min_size=10).fit(vectors)
    assert clusterer.choice_ is None
    assert np.bincount(clusterer.labels_[clusterer.labels_ >= 0]).min() >= 10
    inside = clusterer.labels_ >= 0
    assert adjusted_mutual_info_score(owners[inside], clusterer.labels_[inside]) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_rows_beyond_what_a_method_looks_at_join_the_nearest_cluster(method, monkeypatch):
    vectors, owners = groups()
    monkeypatch.setitem(MOST_ROWS, method, 200)
    clusterer = VectorClusterer(method).fit(vectors)
    assert clusterer.is_sampled_
    assert clusterer.n_looked_at_ == 200
    assert adjusted_mutual_info_score(owners, clusterer.labels_) > 0.85


CASES = {
    "two": (np.eye(2), {"community": 0, "hdbscan": 0, "kmeans": 2, "agglomerative": 2}),
    "all equal": (np.ones((50, 4)), dict.fromkeys(METHODS, 1)),
    "zeros": (np.zeros((5, 4)), dict.fromkeys(METHODS, 0)),
    "opposite": (np.repeat([[1.0, 0], [-1, 0]], 20, axis=0), dict.fromkeys(METHODS, 2)),
    "one number": (np.array([[1.0], [2], [3], [-1], [-5], [-6]]), {"community": 2, "kmeans": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_odd_vectors_give_sensible_clusters(name):
    vectors, expected = CASES[name]
    for method, n_clusters in expected.items():
        clusterer = VectorClusterer(method).fit(vectors)
        assert clusterer.n_clusters_ == n_clusters, method
        assert np.isfinite(clusterer.distances_).all()


@pytest.mark.parametrize("method", METHODS)
def test_many_copies_are_one_row_and_stay_together(method):
    vectors = np.repeat(np.random.default_rng(0).standard_normal((12, 8)), 30, axis=0)
    labels = VectorClusterer(method).fit_predict(vectors)
    assert (labels.reshape(12, 30) == labels[::30, np.newaxis]).all()


@pytest.mark.parametrize("reduce", ["spectral", "pca", "none"])
def test_vectors_may_be_reduced_first(reduce):
    vectors, owners = groups(dim=48)
    labels = VectorClusterer("kmeans", k=8, reduce=reduce).fit_predict(vectors)
    assert adjusted_mutual_info_score(owners, labels) > 0.8


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"method": "dbscan"}, "Expected method to be"),
        ({"k": 0}, "k to be at least 1"),
        ({"k": 1000}, "k to be at most the number of vectors, 320"),
        ({"k": "many"}, "Expected k to be"),
        ({"min_size": 1}, "min_size to be at least 2"),
        ({"threshold": 1.5}, "at most 1, got 1.5"),
        ({"threshold": 0.5, "method": "kmeans"}, "with the method 'community' only"),
        ({"threshold": 0.5, "k": 3}, "no k with a threshold"),
        ({"method": "hdbscan", "k": 3}, "no k with hdbscan"),
        ({"method": "kmeans", "min_size": 3}, "min_size with community or hdbscan only"),
        ({"reduce": "pca"}, "no reduce with 'community'"),
        ({"seed": -1}, "seed to be at least 0"),
    ],
)
def test_settings_of_no_use_are_refused(settings, told):
    with pytest.raises(InputError, match=told):
        VectorClusterer(**settings).fit(groups()[0])


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones(3), np.full((4, 2), np.nan), []])
def test_vectors_of_no_use_are_refused(vectors):
    with pytest.raises(InputError, match="Expected"):
        VectorClusterer().fit(vectors)


def test_it_is_a_scikit_learn_estimator():
    clusterer = VectorClusterer("kmeans", k=3, seed=7)
    copy = clone(clusterer)
    assert copy.get_params() == clusterer.get_params()
    vectors, _ = groups(3, 10)
    assert (copy.fit_predict(vectors) == clusterer.fit(vectors).labels_).all()
    assert copy.set_params(k=2).fit(vectors).n_clusters_ == 2


def test_nothing_that_is_given_is_changed():
    vectors, _ = groups(3, 10)
    before = vectors.copy()
    VectorClusterer().fit(vectors)
    np.testing.assert_array_equal(before, vectors)
