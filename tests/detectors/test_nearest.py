"""Distances against SciPy's, computed in float64."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from embedsvc.detectors import nearest
from embedsvc.detectors.nearest import nearest_distances
from embedsvc.errors import InputError


def made(n_rows, dim=24, *, seed=0, far=0.0):
    generator = np.random.default_rng(seed)
    return generator.normal(far, 1, (n_rows, dim)).astype(np.float32)


def by_scipy(queries, bank, n_neighbours):
    return np.sort(cdist(queries.astype("f8"), bank.astype("f8")), axis=1)[:, :n_neighbours]


def test_by_hand():
    bank = np.array([[0, 0], [3, 4], [0, 1]], np.float32)
    distances = nearest_distances(np.zeros((1, 2), np.float32), bank, n_neighbours=3)
    assert distances.tolist() == [[0, 1, 5]]
    assert distances.dtype == np.float32


@pytest.mark.parametrize("n_neighbours", [1, 2, 9, 150])
@pytest.mark.parametrize("far", [0.0, 1000.0])
def test_equals_scipy(n_neighbours, far):
    queries, bank = made(70, seed=1, far=far), made(150, seed=2, far=far)
    distances = nearest_distances(queries, bank, n_neighbours=n_neighbours)
    np.testing.assert_allclose(distances, by_scipy(queries, bank, n_neighbours), rtol=1e-5)


@pytest.mark.parametrize("far", [0.0, 50.0])
def test_a_point_of_the_bank_is_at_distance_zero(far):
    bank = made(500, dim=152, far=far)
    np.testing.assert_array_equal(nearest_distances(bank[::3], bank), 0)


def test_what_else_is_asked_changes_nothing(monkeypatch):
    queries, bank = made(203, seed=1), made(300, seed=2)
    together = nearest_distances(queries, bank, n_neighbours=3)
    alone = np.concatenate([nearest_distances(row[None], bank, n_neighbours=3) for row in queries])
    np.testing.assert_allclose(alone, together, rtol=1e-6)
    monkeypatch.setattr(nearest, "_PRODUCTS", 300 * 7)
    in_sevens = nearest_distances(queries, bank, n_neighbours=3)
    np.testing.assert_allclose(in_sevens, together, rtol=1e-6)


def test_one_far_query_does_not_spoil_the_others():
    queries, bank = made(20, seed=1), made(50, seed=2)
    alone = nearest_distances(queries, bank)
    beside = nearest_distances(np.concatenate([queries, np.full((1, 24), 1e9, "f4")]), bank)
    np.testing.assert_allclose(beside[:20], alone, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
def test_other_kinds_of_numbers_are_taken(dtype):
    queries, bank = (10 * made(5, seed=1)).astype(dtype), (10 * made(9, seed=2)).astype(dtype)
    distances = nearest_distances(queries, bank)
    np.testing.assert_allclose(distances, by_scipy(queries, bank, 1), rtol=1e-5)


def test_equal_points():
    assert nearest_distances(np.ones((3, 2)), np.ones((4, 2)), n_neighbours=4).tolist() == (
        [[0.0] * 4] * 3
    )


def test_no_queries():
    distances = nearest_distances(np.zeros((0, 3)), np.zeros((5, 3)), n_neighbours=2)
    assert distances.shape == (0, 2)
    assert distances.dtype == np.float32


def test_arguments_are_not_changed():
    queries, bank = made(9, seed=1), made(20, seed=2)
    nearest_distances(queries, bank)
    np.testing.assert_array_equal(queries, made(9, seed=1))
    np.testing.assert_array_equal(bank, made(20, seed=2))


def test_memory_stays_bounded(monkeypatch):
    monkeypatch.setattr(nearest, "_PRODUCTS", 2**18)
    sizes = []
    search = nearest._nearest

    def watched(rows, points, count):
        sizes.append(len(rows) * len(points))
        return search(rows, points, count)

    monkeypatch.setattr(nearest, "_nearest", watched)
    queries, bank = made(20_000, seed=1), made(1000, seed=2)
    tracemalloc.start()
    nearest_distances(queries, bank, n_neighbours=5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) <= 2**18  # floats; all products at once would be 2e7
    assert peak < 4e6  # bytes


@pytest.mark.parametrize(
    ("queries", "bank"),
    [(np.zeros(3), np.zeros((1, 3))), (np.zeros((1, 3)), np.zeros((1, 4)))],
)
def test_bad_shapes(queries, bank):
    with pytest.raises(InputError, match=r"got \(.*Take both from the same features"):
        nearest_distances(queries, bank)


@pytest.mark.parametrize(("n_points", "n_neighbours"), [(0, 1), (3, 4), (3, 0)])
def test_bad_number_of_neighbours(n_points, n_neighbours):
    with pytest.raises(InputError, match=f"1 to the {n_points} points .* got {n_neighbours}"):
        nearest_distances(np.zeros((1, 2)), np.zeros((n_points, 2)), n_neighbours=n_neighbours)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("place", ["queries", "bank"])
def test_numbers_that_cannot_be_squared(bad, place):
    given = {"queries": made(5), "bank": made(6)}
    given[place][2, 1] = bad
    with pytest.raises(InputError, match="Expected finite numbers .* rows. Leave those rows out"):
        nearest_distances(**given)
