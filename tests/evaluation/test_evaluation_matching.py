"""Shares and average precision of matches, against plain loops and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from embedsvc.errors import InputError
from embedsvc.evaluation import matching
from embedsvc.evaluation.matching import matching_accuracy, matching_ap


def made(n=60, dim=4, *, noise=0.6, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, dim))
    b = a + noise * rng.normal(size=(n, dim))
    # Of different lengths: the cosine counts.
    return a * rng.uniform(0.1, 9, (n, 1)), b, rng.uniform(0, 25, (n, 2))


def by_loops(a, b, points):
    """Cosine and distance to the true place of each match."""
    found = []
    for i, row in enumerate(a):
        cosines = [row @ other / math.hypot(*row) / math.hypot(*other) for other in b]
        j = max(range(len(b)), key=cosines.__getitem__)
        found.append((cosines[j], math.dist(points[i], points[j])))
    return np.array(found).T


@pytest.mark.parametrize("block", [4_000_000, 130, 1])
def test_accuracy_by_loops(block, monkeypatch):
    monkeypatch.setattr(matching, "_BLOCK", block)
    a, b, points = made()
    _, distances = by_loops(a, b, points)
    shares = matching_accuracy(a, b, points)
    assert shares == {t: pytest.approx(np.mean(distances <= t)) for t in (1, 3, 5, 10)}
    assert 0 < shares[1] < shares[5] < shares[10] < 1


@pytest.mark.golden
@pytest.mark.parametrize("threshold", [0, 1, 5, 12.5])
def test_ap_by_scikit_learn(threshold):
    a, b, points = made()
    cosines, distances = by_loops(a, b, points)
    right = distances <= threshold
    # scikit-learn's recall is of the right matches, ours of all points.
    expected = average_precision_score(right, cosines) * right.mean()
    assert matching_ap(a, b, points, threshold=threshold) == pytest.approx(expected, abs=1e-6)
    falling = right[np.argsort(-cosines)]
    steps = np.cumsum(falling) / np.arange(1, len(falling) + 1)
    by_hand = steps[falling].sum() / len(points)
    assert matching_ap(a, b, points, threshold=threshold) == pytest.approx(by_hand, abs=1e-6)


def test_on_paper():
    """Similarities 1, 0.8 and 0.6; the second is matched with the place of the first, 4 px off."""
    a = [[1, 0, 0], [0.8, 0.6, 0], [0, 0.8, 0.6]]
    b = [[1, 0, 0], [0, -1, 0], [0, 0, 1]]
    points = [[0, 0], [0, 4], [3, 0]]
    assert matching_accuracy(a, b, points, thresholds=(3.9, 4)) == {
        3.9: pytest.approx(2 / 3),
        4: 1.0,
    }
    # Right, wrong, right: 1 and 2/3, over three points.
    assert matching_ap(a, b, points, threshold=3.9) == pytest.approx(5 / 9)
    assert matching_ap(a, b, points) == 1.0


def test_all_right_and_all_wrong():
    vectors, points = np.eye(4), 100 * np.arange(8).reshape(4, 2)
    assert matching_accuracy(vectors, vectors, points) == {1: 1.0, 3: 1.0, 5: 1.0, 10: 1.0}
    assert matching_ap(vectors, vectors, points) == 1.0
    turned = np.roll(vectors, 1, axis=0)
    assert matching_accuracy(vectors, turned, points) == {1: 0.0, 3: 0.0, 5: 0.0, 10: 0.0}
    assert matching_ap(vectors, turned, points) == 0.0


def test_equal_vectors_find_one_place():
    points = 100 * np.arange(8).reshape(4, 2)
    shares = matching_accuracy(np.ones((4, 3)), np.ones((4, 3)), points)
    assert set(shares.values()) == {0.25}
    # All similarities are equal: no order is better than another.
    assert matching_ap(np.ones((4, 3)), np.ones((4, 3)), points) == pytest.approx(1 / 16)


def test_one_point_and_zeros():
    assert matching_accuracy([[0, 0]], [[0, 0]], [[5, 5]])[1] == 1.0
    assert matching_ap([[0.5, 0]], [[-1, 0]], [[5, 5]]) == 1.0


def test_huge_and_tiny_vectors():
    a, b, points = made()
    expected = matching_accuracy(a, b, points)
    assert matching_accuracy(a * 1e200, b * 1e-200, points) == expected
    assert matching_accuracy(a.astype(np.float32), b.astype(np.float32), points) == expected


def test_ten_thousand_points_are_done_in_blocks():
    vectors = np.random.default_rng(0).normal(size=(10_000, 8)).astype(np.float32)
    points = np.random.default_rng(1).uniform(0, 4000, (10_000, 2))
    assert matching_accuracy(vectors, vectors, points, thresholds=[0]) == {0: 1.0}


@pytest.mark.parametrize(
    ("a", "b", "points", "message"),
    [
        (np.ones((3, 2)), np.ones((2, 2)), np.ones((3, 2)), r"got \(3, 2\), \(2, 2\) and \(3, 2\)"),
        (np.ones((3, 2)), np.ones((3, 2)), np.ones((2, 2)), r"got \(3, 2\), \(3, 2\) and \(2, 2\)"),
        (np.ones((3, 2)), np.ones((3, 4)), np.ones((3, 2)), r"got \(3, 2\), \(3, 4\)"),
        (np.ones((0, 2)), np.ones((0, 2)), np.ones((0, 2)), "one point or more"),
        (np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 3)), r"points_b of shape \(n_points, 2\)"),
        (np.ones(3), np.ones((3, 2)), np.ones((3, 2)), r"vectors_a .* got float64 of shape \(3,\)"),
        ([[1, 2], [1]], np.ones((2, 2)), np.ones((2, 2)), "rows of different lengths"),
        ([["a", "b"]], np.ones((1, 2)), np.ones((1, 2)), "vectors_a to be numbers"),
        ([[1, np.nan]], np.ones((1, 2)), np.ones((1, 2)), "finite vectors_a, .* 1 of 1 rows"),
        ([[1, 2]], [[1, -np.inf]], np.ones((1, 2)), "finite vectors_b"),
        ([[1, 2]], [[1, 2]], [[np.nan, 0]], "finite points_b"),
    ],
)
def test_bad_input(a, b, points, message):
    for measure in (matching_accuracy, matching_ap):
        with pytest.raises(InputError, match=message):
            measure(a, b, points)


@pytest.mark.parametrize("threshold", [-1, math.nan])
def test_bad_thresholds(threshold):
    with pytest.raises(InputError, match="thresholds of 0 pixels or more"):
        matching_accuracy([[1]], [[1]], [[0, 0]], thresholds=(1, threshold))
    with pytest.raises(InputError, match="thresholds of 0 pixels or more"):
        matching_ap([[1]], [[1]], [[0, 0]], threshold=threshold)
