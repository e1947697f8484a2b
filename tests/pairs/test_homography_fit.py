"""The homography most matches agree on: known ones are found, and none where there is none."""

import numpy as np
import pytest
from skimage.transform import ProjectiveTransform

from embedsvc.errors import InputError
from embedsvc.images.homographies import apply_homography
from embedsvc.pairs.homography_fit import fit_homography

TRUE = np.array([[0.8, 0.2, 30.0], [-0.15, 0.9, 60.0], [2e-4, -1e-4, 1.0]])


def matches(n, *, wrong, noise=0.5, seed=0):
    """Matches of which the first are right; and how far the true places are from a fit's."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0, 640, (n, 2))
    b = apply_homography(TRUE, a) + rng.normal(0, noise, (n, 2))
    n_wrong = int(n * wrong)
    if n_wrong:
        b[-n_wrong:] = rng.uniform(0, 640, (n_wrong, 2))
    return a, b


def test_a_known_homography_among_half_outliers():
    a, b = matches(200, wrong=0.5)
    fit = fit_homography(a, b)
    assert fit.reason is None
    assert fit.inliers[:100].sum() >= 98
    assert fit.inliers[100:].sum() <= 2
    assert fit.n_inliers == fit.inliers.sum()
    places = np.stack(np.meshgrid([0, 320, 640], [0, 320, 640]), axis=-1).reshape(-1, 2)
    error = apply_homography(fit.homography, places) - apply_homography(TRUE, places)
    assert np.abs(error).max() < 1
    assert fit.homography[2, 2] == 1


def test_without_noise_it_is_exact_and_the_fit_of_all_inliers():
    a, b = matches(60, wrong=0.3, noise=0)
    fit = fit_homography(a, b.astype(np.float32))
    np.testing.assert_allclose(fit.homography, TRUE, rtol=1e-3, atol=1e-6)
    a, b = matches(60, wrong=0.3)
    fit = fit_homography(a, b)
    golden = ProjectiveTransform.from_estimate(a[fit.inliers], b[fit.inliers]).params
    np.testing.assert_allclose(fit.homography, golden / golden[2, 2], rtol=1e-5)


def test_a_few_good_ones_are_found_by_their_quality():
    a, b = matches(600, wrong=0.95)
    quality = np.linspace(1, 0, 600)
    fit = fit_homography(a, b, quality=quality, max_trials=500)
    assert fit.n_inliers >= 28
    shuffled = np.random.default_rng(1).permutation(600)
    again = fit_homography(a[shuffled], b[shuffled], quality=quality[shuffled], max_trials=500)
    assert again.n_inliers >= 28


def test_the_same_seed_gives_the_same_result():
    a, b = matches(80, wrong=0.6)
    one, other = fit_homography(a, b, seed=5), fit_homography(a, b, seed=5)
    np.testing.assert_array_equal(one.homography, other.homography)
    np.testing.assert_array_equal(one.inliers, other.inliers)


def test_what_agrees_by_chance_is_no_homography():
    for n in (5, 8, 40, 300):
        a, b = matches(n, wrong=1.0, seed=n)
        fit = fit_homography(a, b, max_trials=300)
        assert fit.homography is None
        assert not fit.inliers.any()
        assert "by chance" in fit.reason


def test_five_exact_matches_are_enough():
    a, b = matches(5, wrong=0, noise=0)
    assert fit_homography(a, b).n_inliers == 5


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few(n):
    a, b = matches(n, wrong=0)
    fit = fit_homography(a, b)
    assert fit.homography is None
    assert fit.inliers.shape == (n,)
    assert fit.reason == f"it takes at least 5 matches to tell, got {n}"


def test_points_on_a_line_and_in_one_place():
    a, b = matches(30, wrong=0, noise=0)
    on_line = np.stack([np.arange(30.0), 3 * np.arange(30.0)], axis=1)
    assert "first picture lie on a line" in fit_homography(on_line, b).reason
    assert "second picture lie on a line" in fit_homography(a, on_line).reason
    assert "fewer than 4 places" in fit_homography(a, np.full((30, 2), 7.0)).reason
    nearly = on_line.copy()
    nearly[0] += [40, 0]
    assert fit_homography(nearly, nearly, max_trials=200).homography is None


def test_mirrored_and_turned_pictures():
    a, _ = matches(40, wrong=0)
    mirrored = a * [-1, 1] + [640, 0]
    np.testing.assert_allclose(
        fit_homography(a, mirrored).homography, [[-1, 0, 640], [0, 1, 0], [0, 0, 1]], atol=1e-6
    )


def test_mistakes():
    a, b = matches(10, wrong=0)
    with pytest.raises(InputError, match="got 10 and 9"):
        fit_homography(a, b[:9])
    with pytest.raises(InputError, match=r"first picture, got shape \(10, 3\)"):
        fit_homography(np.zeros((10, 3)), b)
    b[3, 1] = np.nan
    with pytest.raises(InputError, match="second picture, got shape .* with NaN"):
        fit_homography(a, b)
    with pytest.raises(InputError, match="threshold above 0"):
        fit_homography(a, a, threshold=0)
    with pytest.raises(InputError, match=r"quality of shape \(10,\)"):
        fit_homography(a, a, quality=[1, 2])
