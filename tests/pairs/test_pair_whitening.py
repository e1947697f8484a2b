"""The projection in closed form, beside other ways to the same."""

import numpy as np
import pytest
from scipy.linalg import eigh, sqrtm

from embedsvc.pairs.whitening import MatchStatistics

RNG = np.random.default_rng(0)


def made(n=4000, channels=6, noise=(0.1, 0.1, 0.1, 2, 2, 2)):
    """Places that differ in all channels alike, seen twice with noise in some of them."""
    place = RNG.normal(size=(n, channels)) + 3
    return (place + RNG.normal(size=(n, channels)) * noise for _ in range(2))


def statistics(a, b, parts=1):
    found = MatchStatistics(a.shape[1])
    for rows in np.array_split(np.arange(len(a)), parts):
        found.add(a[rows].astype(np.float32), b[rows].astype(np.float32))
    return found


def test_by_matrix_functions():
    """C^(-1/2) by SciPy's square root, then the axes of greatest spread."""
    a, b = made()
    found = statistics(a, b).projection(4)
    noise = np.cov((a - b).T, bias=True) + np.outer((a - b).mean(0), (a - b).mean(0))
    noise += 0.1 * np.trace(noise) / 6 * np.eye(6)
    whiten = np.linalg.inv(sqrtm(noise))
    spread = np.cov(np.concatenate([a, b]).T, bias=True)
    values, directions = eigh(whiten @ spread @ whiten)
    expected = whiten @ directions[:, ::-1][:, :4]
    ratio = found.kernel / expected
    # The same columns up to their signs, all of one length.
    np.testing.assert_allclose(np.abs(ratio), np.abs(ratio[0, 0]), rtol=1e-2)
    projected = np.concatenate([a, b]) @ found.kernel + found.bias
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-4)
    assert np.square(projected).sum(axis=1).mean() == pytest.approx(1, rel=1e-3)


def test_directions_that_matches_agree_in_count_more():
    a, b = made()
    kernel = statistics(a, b).projection(6).kernel
    reach = np.linalg.norm(kernel, axis=1)
    assert reach[:3].min() > 1.5 * reach[3:].max()


def test_more_matches_are_found_by_it():
    a, b = (one.astype(np.float32) for one in made(n=300))

    def right(a, b):
        a, b = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b))
        return ((a @ b.T).argmax(axis=1) == np.arange(len(a))).mean()

    found = statistics(*made()).projection(6)
    project = [one @ found.kernel + found.bias for one in (a, b)]
    assert right(*project) > right(a - a.mean(0), b - b.mean(0)) + 0.1


def test_batches_and_order_change_nothing():
    a, b = made(n=500)
    one, two = statistics(a, b).projection(6), statistics(a[::-1], b[::-1], parts=7).projection(6)
    np.testing.assert_allclose(one.kernel, two.kernel, atol=1e-4)
    np.testing.assert_allclose(one.bias, two.bias, atol=1e-4)


def test_more_components_than_channels_are_zero():
    found = statistics(*made(n=50)).projection(9)
    assert found.kernel.shape == (6, 9)
    assert not found.kernel[:, 6:].any()


def test_matches_alike_to_the_last_bit_and_none_at_all():
    a, _ = made(n=50)
    assert np.isfinite(statistics(a, a).projection(3).kernel).all()
    constant = np.ones((5, 6))
    assert np.isfinite(statistics(constant, constant).projection(3).kernel).all()
    with pytest.raises(ValueError, match="at least one match"):
        MatchStatistics(6).projection(3)
