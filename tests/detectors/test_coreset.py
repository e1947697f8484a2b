"""The fast selection against the plain algorithm, written out in float64."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from embedsvc.detectors import coreset
from embedsvc.detectors.coreset import greedy_coreset
from embedsvc.errors import InputError


def gaussian(n_points, dim=12):
    return np.random.default_rng(0).normal(size=(n_points, dim)).astype(np.float32)


def clustered(n_points, dim=12):
    generator = np.random.default_rng(1)
    middles = generator.normal(0, 20, (9, dim))
    widths = generator.lognormal(-2, 2, 9)
    cluster = generator.integers(9, size=n_points)
    noise = generator.normal(size=(n_points, dim)) * widths[cluster, None]
    return (middles[cluster] + noise).astype(np.float32)


def whole(points):
    """Whole numbers of mean 0: in float32 their squared distances are exact everywhere."""
    points = np.clip(np.round(points), -300, 300).astype(np.int64)
    points -= np.round(points.mean(axis=0)).astype(np.int64)
    surplus = points.sum(axis=0)
    points -= (np.arange(len(points))[:, None] < np.abs(surplus)) * np.sign(surplus)
    return points.astype(np.float32)


def line(n_points):
    """Distances with ties without number."""
    return np.arange(n_points, dtype=np.float32)[:, None]


def plain_greedy(points, n_centres, first):
    points = points.astype(np.float64)
    squares = np.full(len(points), np.inf)
    centres = [first]
    while len(centres) < n_centres:
        to_last = ((points - points[centres[-1]]) ** 2).sum(axis=1)
        squares = np.minimum(squares, to_last)
        centres.append(int(squares.argmax()))
    return np.array(centres)


def covering_radius(points, centres):
    return cdist(points, points[centres]).min(axis=1).max()


@pytest.fixture
def small_rounds(monkeypatch):
    monkeypatch.setattr(coreset, "_POOL", 60)
    monkeypatch.setattr(coreset, "_PICKS", 17)
    monkeypatch.setattr(coreset, "_ROWS", 100)


@pytest.mark.parametrize(("make", "scale"), [(gaussian, 80), (clustered, 5)])
@pytest.mark.usefixtures("small_rounds")
def test_picks_are_those_of_the_plain_algorithm(make, scale):
    points = whole(scale * make(1500))
    centres = greedy_coreset(points, 140, seed=4)  # soon after them come the first ties
    assert centres.dtype == np.int64
    np.testing.assert_array_equal(centres, plain_greedy(points, 140, centres[0]))


@pytest.mark.parametrize("make", [gaussian, clustered, line])
def test_covers_as_well_as_the_plain_algorithm(make):
    points = make(5000)
    centres = greedy_coreset(points, 400)
    expected = covering_radius(points, plain_greedy(points, 400, centres[0]))
    assert covering_radius(points, centres) == pytest.approx(expected, rel=1e-4)


@pytest.mark.usefixtures("small_rounds")
def test_points_near_a_centre_are_not_measured_again(monkeypatch):
    measured = []
    largest = coreset._largest

    def watched(rows, others):
        measured.append(len(rows) * len(others))
        return largest(rows, others)

    monkeypatch.setattr(coreset, "_largest", watched)
    greedy_coreset(clustered(3000), 200)
    assert sum(measured) < 0.5 * 3000 * 200


def test_the_start_of_a_coreset_is_a_coreset():
    points = gaussian(3000)
    np.testing.assert_array_equal(greedy_coreset(points, 500)[:40], greedy_coreset(points, 40))


def test_the_seed_decides():
    points = gaussian(3000)
    first = greedy_coreset(points, 50, seed=1, projected_dim=4)
    np.testing.assert_array_equal(greedy_coreset(points, 50, seed=1, projected_dim=4), first)
    assert greedy_coreset(points, 50, seed=2, projected_dim=4).tolist() != first.tolist()


def test_far_from_the_origin_nothing_changes():
    points = gaussian(3000).round(2)
    expected = covering_radius(points, greedy_coreset(points, 100))
    assert covering_radius(points, greedy_coreset(points + 1000, 100)) == pytest.approx(
        expected, rel=1e-3
    )


def test_a_projection_covers_nearly_as_well():
    points = gaussian(4000, dim=300)
    exact = covering_radius(points, greedy_coreset(points, 200))
    projected = greedy_coreset(points, 200, projected_dim=64)
    assert covering_radius(points, projected) < 1.1 * exact
    np.testing.assert_array_equal(
        greedy_coreset(points, 5, projected_dim=300), greedy_coreset(points, 5)
    )


@pytest.mark.parametrize("n_points", [1, 5, 3000])
def test_equal_points_are_picked_once_each(n_points):
    n_centres = (n_points + 1) // 2
    centres = greedy_coreset(np.full((n_points, 3), 7.3, np.float32), n_centres)
    assert len(set(centres.tolist())) == n_centres


@pytest.mark.usefixtures("small_rounds")
def test_duplicates_come_last():
    points = np.repeat(gaussian(50), 20, axis=0)
    centres = greedy_coreset(points, 900)
    assert len(set((centres[:50] // 20).tolist())) == 50
    assert len(set(centres.tolist())) == 900


@pytest.mark.parametrize("n_centres", [4, 5])
def test_no_more_points_than_centres(n_centres):
    assert greedy_coreset(gaussian(4), n_centres).tolist() == [0, 1, 2, 3]


def test_no_points():
    centres = greedy_coreset(np.zeros((0, 3), np.float32), 5)
    assert centres.shape == (0,)
    assert centres.dtype == np.int64


@pytest.mark.parametrize(("n_points", "n_centres"), [(2500, 1), (2500, 400), (20, 30)])
def test_progress_counts_every_centre(n_points, n_centres):
    counts = []
    centres = greedy_coreset(gaussian(n_points), n_centres, advance=counts.append)
    assert sum(counts) == len(centres) == min(n_points, n_centres)


def test_arguments_are_not_changed():
    points = gaussian(3000)
    greedy_coreset(points, 30)
    np.testing.assert_array_equal(points, gaussian(3000))


def test_memory_stays_bounded(monkeypatch):
    sizes = []
    largest = coreset._largest

    def watched(rows, others):
        sizes.append(len(rows) * len(others))
        return largest(rows, others)

    monkeypatch.setattr(coreset, "_largest", watched)
    points = gaussian(100_000, dim=32)
    tracemalloc.start()
    greedy_coreset(points, 300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) <= coreset._ROWS * coreset._PICKS  # floats
    assert peak < 1.3 * points.nbytes + 20e6  # a copy, and the products of the candidates


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("projected_dim", [None, 2])
@pytest.mark.parametrize("n_centres", [2, 50])
def test_numbers_that_cannot_be_squared(bad, projected_dim, n_centres):
    points = gaussian(20)
    points[3, 1] = bad
    with pytest.raises(InputError, match="Expected finite numbers .* rows. Leave those rows out"):
        greedy_coreset(points, n_centres, projected_dim=projected_dim)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_bad_shape(shape):
    with pytest.raises(InputError, match=r"shape \(n_points, dim\), got \(.*one row a position"):
        greedy_coreset(np.zeros(shape, np.float32), 2)


@pytest.mark.parametrize("counts", [{"n_centres": 0}, {"n_centres": 3, "projected_dim": 0}])
def test_bad_counts(counts):
    with pytest.raises(InputError, match="to be at least 1, got 0. Choose more"):
        greedy_coreset(gaussian(9), **counts)
