"""Homographies: golden numbers of scikit-image, horizons, and points spread over what is shared."""

import numpy as np
import pytest
from skimage.transform import ProjectiveTransform

from embedsvc.errors import InputError
from embedsvc.images.homographies import (
    apply_homography,
    check_homography,
    inside,
    points_from_homography,
    scaled_points,
)

GRAF = np.array(
    [
        [8.7976964e-01, 3.1245438e-01, -3.9430589e01],
        [-1.8389418e-01, 9.3847198e-01, 1.5315784e02],
        [1.9641425e-04, -1.6015275e-05, 1.0],
    ]
)


def test_points_lie_where_scikit_image_puts_them():
    points = np.random.default_rng(0).uniform(0, 800, (50, 2)).astype(np.float32)
    mapped = apply_homography(GRAF, points)
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped, ProjectiveTransform(GRAF)(points), rtol=1e-6)
    assert apply_homography(GRAF, np.empty((0, 2))).shape == (0, 2)


def test_points_at_the_horizon_and_beyond_have_no_place():
    h = np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]])  # the horizon is x = 100
    mapped = apply_homography(h, np.array([[50.0, 10], [100, 10], [150, 10]]))
    np.testing.assert_allclose(mapped[0], [100, 20])
    assert np.isnan(mapped[1:]).all()


def test_a_place_too_far_for_float32_is_no_warning():
    h = np.diag([1e300, 1, 1])
    assert np.isinf(apply_homography(h, np.array([[1.0, 1.0]]))[0, 0])


def test_a_homography_is_brought_to_scale():
    np.testing.assert_allclose(check_homography(-3 * GRAF), GRAF)
    np.testing.assert_allclose(check_homography(list(GRAF.reshape(9))), GRAF)
    horizon_in_corner = check_homography([[0, 0, 100], [0, 50, 0], [1, 0, 0]])
    np.testing.assert_allclose(horizon_in_corner, [[0, 0, 1], [0, 0.5, 0], [0.01, 0, 0]])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1, 0], [0, 1]], r"got shape \(2, 2\)"),
        ([1.0] * 8, r"got shape \(8,\)"),
        ([[1, 0, 0], [0, 1, 0], [0, 0]], "3 x 3 numbers in H1to2p"),
        ([["a"] * 3] * 3, "3 x 3 numbers"),
        (np.full((3, 3), np.nan), "finite"),
        (np.zeros((3, 3)), "singular"),
        (np.ones((3, 3)), "singular"),
        (np.diag([1.0, 1.0, 0.0]), "singular"),
    ],
)
def test_what_is_no_homography(values, words):
    with pytest.raises(InputError, match=words):
        check_homography(values, name="H1to2p")


def test_large_shifts_and_small_scales_are_not_singular():
    for matrix in (
        [[1e-4, 0, 1e6], [0, 1e-4, -1e6], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [1e-9, 0, 1]],
        [[1e5, 0, 0], [0, 1e-5, 0], [0, 0, 1]],
    ):
        check_homography(matrix)


def test_inside_goes_from_edge_to_edge():
    points = np.array([[-0.5, 0], [9.5, 4.5], [9.6, 0], [0, -0.6], [np.nan, 1], [4, 2]])
    assert inside(points, 5, 10).tolist() == [True, True, False, False, False, True]
    assert inside(points, 5, 10, margin=2).tolist() == [False] * 5 + [True]


def test_points_are_spread_over_what_is_shared():
    a, b = points_from_homography(GRAF, (640, 800), (640, 800), 500, seed=3)
    assert a.shape == b.shape == (500, 2)
    assert a.dtype == b.dtype == np.float32
    np.testing.assert_array_equal(apply_homography(GRAF, a), b)
    assert inside(a, 640, 800).all()
    assert inside(b, 640, 800).all()
    # Evenly: of 500 points in 4 x 4 fields of the shared part none has more than twice its share.
    counts = np.histogram2d(*b.T, bins=4, range=[[0, 800], [0, 640]])[0]
    assert counts.max() < 2 * 500 / 16
    again = points_from_homography(GRAF, (640, 800), (640, 800), 500, seed=3)
    np.testing.assert_array_equal(again[0], a)
    assert (points_from_homography(GRAF, (640, 800), (640, 800), 500, seed=4)[0] != a).any()


def test_pictures_of_different_sizes_and_a_small_shared_part():
    shift = np.array([[0.1, 0, -70], [0, 0.1, 0], [0, 0, 1]])
    a, b = points_from_homography(shift, (600, 800), (40, 50), 100)
    assert 90 <= len(a) <= 100
    assert a[:, 0].min() > 690
    assert inside(b, 40, 50).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_of_both_sides_of_the_horizon_the_one_that_is_seen_counts(sign):
    """A road from above: the sky, where the first pixel is, lies behind the camera."""
    ground = np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0.01, -1.0]])  # the horizon is y = 100
    a, b = points_from_homography(sign * ground, (400, 300), (1000, 1000), 200)
    assert len(a) > 150
    assert (a[:, 1] > 100).all()
    assert inside(b, 1000, 1000).all()


def test_pictures_that_share_nothing():
    far = np.array([[1, 0, 5000], [0, 1, 0], [0, 0, 1.0]])
    for n, h in ((10, far), (0, np.eye(3))):
        a, b = points_from_homography(h, (50, 60), (50, 60), n)
        assert a.shape == b.shape == (0, 2)


def test_a_thin_shared_strip_takes_no_memory():
    strip = np.array([[1, -1, 0], [0, 1e-6, 0], [0, 0, 1.0]])
    a, _ = points_from_homography(strip, (4000, 4000), (2, 2), 1000)
    assert 0 < len(a) <= 1000


def test_points_of_a_resized_picture_keep_to_its_edges():
    points = np.array([[-0.5, -0.5], [9.5, 7.5], [4.5, 3.5]])
    found = scaled_points(points, np.array([0.5, 2.0]))
    np.testing.assert_allclose(found, [[-0.5, -0.5], [4.5, 15.5], [2.0, 7.5]])
