"""Points worth looking at: the same again, found again after a warp, and none where nothing is."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import data, transform

from embedsvc.errors import InputError
from embedsvc.images.homographies import apply_homography, inside
from embedsvc.pairs.keypoints import find_keypoints

WARP = np.array([[0.94, -0.12, 34.0], [0.1, 0.9, 12.0], [6e-5, -4e-5, 1.0]])


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()


def repeated(a, b, homography, image, within):
    """The share of points of one picture that have one of the other within some pixels."""
    mapped = apply_homography(homography, a)
    seen = inside(mapped, *image.shape[:2], margin=9)
    return (cKDTree(b).query(mapped[seen])[0] <= within).mean()


def test_most_corners_are_found_again_in_a_warped_picture(photo):
    inverse = transform.ProjectiveTransform(WARP).inverse
    warped = (255 * transform.warp(photo, inverse, order=3)).astype(np.uint8)
    a, b = find_keypoints(photo, n=800), find_keypoints(warped, n=800)
    assert repeated(a, b, WARP, photo, within=5) > 0.8
    assert repeated(a, b, WARP, photo, within=2) > 0.7
    random = np.random.default_rng(0).uniform(0, 512, (800, 2))
    assert repeated(random, b, WARP, photo, within=5) < 0.4


def test_corners_of_a_blurred_picture(photo):
    blurred = ndimage.gaussian_filter(photo, (1.5, 1.5, 0))
    a, b = find_keypoints(photo, n=500), find_keypoints(blurred, n=500)
    assert repeated(a, b, np.eye(3), photo, within=5) > 0.7


def test_the_middle_of_a_spot_to_a_fraction_of_a_pixel():
    y, x = np.mgrid[:60, :80]
    spot = 200 * np.exp(-((x - 31.3) ** 2 + (y - 25.6) ** 2) / (2 * 2.0**2))
    np.testing.assert_allclose(find_keypoints(spot.astype(np.uint8), n=1), [[31.3, 25.6]], atol=0.1)


def test_same_points_again_apart_and_away_from_the_edges(photo):
    points = find_keypoints(photo, n=700)
    assert points.shape == (700, 2)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(find_keypoints(photo.copy(), n=700), points)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    assert nearest.min() > 4 - 1.5  # Whole pixels are 4 apart, and fractions are added.
    assert points.min() >= 7.5
    assert points.max() <= 512 - 8.5


def test_fewer_are_the_first_of_more(photo):
    # Their order is the strength, so that a user may cut a list.
    few, many = find_keypoints(photo, n=50), find_keypoints(photo, n=2000)
    assert len({tuple(one) for one in few.tolist()} - {tuple(one) for one in many.tolist()}) < 5


def test_no_part_of_a_picture_takes_all():
    noise = np.random.default_rng(1).integers(0, 255, (300, 300)).astype(np.uint8)
    # Faint structure everywhere, strong one in a corner.
    image = (100 + noise / 12).astype(np.uint8)
    image[:100, :100] = noise[:100, :100]
    points = find_keypoints(image, n=400)
    strong = ((points < 100).all(axis=1)).mean()
    assert 0.2 < strong < 0.5


def test_a_picture_without_structure_has_none():
    for image in (
        np.full((90, 120, 3), 77, np.uint8),
        np.tile(np.arange(120, dtype=np.uint8), (90, 1)),  # A gradient, rounded.
        np.where(np.arange(90)[:, np.newaxis] < 40, 20, 200).repeat(120, 1).astype(np.uint8),
    ):
        assert find_keypoints(image).shape == (0, 2)


def test_large_pictures_are_looked_at_in_a_smaller_copy(photo):
    large = np.asarray(Image.fromarray(photo).resize((1536, 1536), Image.Resampling.BICUBIC))
    small = find_keypoints(photo, n=300)
    found = find_keypoints(large, n=300, max_side=512)
    distances = cKDTree((found + 0.5) / 3 - 0.5).query(small)[0]
    assert (distances < 0.5).mean() > 0.95


def test_the_grid_is_even_and_within_its_number():
    for height, width, n in ((480, 640, 2000), (30, 7, 5), (1, 1, 9), (3, 400, 10), (400, 3, 10)):
        points = find_keypoints(np.zeros((height, width, 3), np.uint8), "grid", n=n)
        assert 0 < len(points) <= n
        assert inside(points, height, width).all()
        assert len(np.unique(points, axis=0)) == len(points)
        np.testing.assert_allclose(points.mean(axis=0), [width / 2 - 0.5, height / 2 - 0.5], 1e-4)
    assert len(find_keypoints(np.zeros((480, 640, 3), np.uint8), "grid", n=2000)) > 1900


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 5, 3), (9, 200, 3), (16, 16)])
def test_tiny_pictures(shape):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    points = find_keypoints(image)
    assert points.ndim == 2
    assert inside(points, *shape[:2]).all()


def test_grey_pictures_and_those_with_opacity(photo):
    grey = photo[:, :, 1]
    expected = find_keypoints(grey, n=100)
    np.testing.assert_array_equal(
        find_keypoints(np.dstack([grey] * 3 + [np.full_like(grey, 255)]), n=100), expected
    )


def test_mistakes(photo):
    with pytest.raises(InputError, match="corners or grid, got 'edges'"):
        find_keypoints(photo, "edges")
    with pytest.raises(InputError, match="at least 1, got 0"):
        find_keypoints(photo, n=0)
    with pytest.raises(InputError, match="Expected an image"):
        find_keypoints(np.zeros((3, 4, 7)))
