"""Facts about clusters, compared with scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from embedsvc.errors import InputError
from embedsvc.vectors.checks import unit_rows
from embedsvc.vectors.cluster_facts import (
    center_confidence,
    central_ranks,
    cluster_centers,
    distances_to_centers,
    silhouettes,
)


@pytest.fixture
def clustered():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], [40, 30, 1, 5])
    middles = generator.standard_normal((4, 6))
    vectors = unit_rows(middles[labels] + 0.5 * generator.standard_normal((76, 6)))
    return vectors, labels.astype(np.int64)


@pytest.mark.golden
def test_silhouettes_are_those_of_scikit_learn(clustered):
    vectors, labels = clustered
    found = silhouettes(3 * vectors, labels)
    inside = labels >= 0
    expected = silhouette_samples(vectors[inside], labels[inside], metric="cosine")
    assert np.isnan(found[~inside]).all()
    np.testing.assert_allclose(found[inside], expected, atol=1e-5)


def test_silhouettes_need_two_clusters_and_one_label_a_row(clustered):
    vectors, labels = clustered
    assert np.isnan(silhouettes(vectors, np.zeros(76, np.int64))).all()
    with pytest.raises(InputError, match="one whole number a vector"):
        silhouettes(vectors, labels[:3])


def test_labels_of_silhouettes_may_have_gaps(clustered):
    vectors, labels = clustered
    gaps = np.where(labels > 0, labels * 10, labels)
    np.testing.assert_array_equal(silhouettes(vectors, gaps), silhouettes(vectors, labels))


def test_centres_are_mean_directions(clustered):
    vectors, labels = clustered
    centers = cluster_centers(vectors, labels)
    expected = unit_rows(np.stack([vectors[labels == one].mean(axis=0) for one in range(3)]))
    np.testing.assert_allclose(centers, expected, atol=1e-6)
    distances = distances_to_centers(vectors, labels, centers)
    assert distances[0] == pytest.approx(1 - vectors[0] @ centers[0], abs=1e-6)
    # Noise is measured to the nearest centre.
    assert distances[-1] == pytest.approx(1 - (centers @ vectors[-1]).max(), abs=1e-6)


def test_confidence_falls_between_centres():
    angles = np.radians([30, 40, 45, 60, 50, 20])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 1, -1])
    centers = np.eye(2, dtype=np.float32)
    distances = distances_to_centers(vectors, labels, centers)
    found = center_confidence(vectors, labels, centers, distances)
    assert found[0] > found[1] > found[2]
    assert found[2] == pytest.approx(0.5, abs=1e-5)
    assert found[5] == 0


def test_ranks_begin_at_the_centre():
    labels = np.array([0, 0, 1, 0, -1, 1])
    distances = np.array([0.3, 0.1, 0.2, 0.2, 0.0, 0.2], np.float32)
    assert central_ranks(labels, distances, n_central=2).tolist() == [0, 1, 1, 2, 0, 2]
