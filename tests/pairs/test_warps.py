"""Views of pictures: whatever is cropped, turned and shrunk, the points go along."""

import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.map_sampling import sample_map
from embedsvc.pairs.warps import (
    WarpOptions,
    are_inside,
    crop_view,
    matched_crops,
    transform_points,
    warped_pair,
)

SIZE = 64
GENTLE = WarpOptions(rotation=10, scale=1.1, stretch=1.1, perspective=0.05, any_upright=0)


def places(height, width):
    """A picture whose colour says where it is: red is x, green is y."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y, np.zeros_like(x)], axis=-1)


def seen_at(crop, points):
    return sample_map(crop[tf.newaxis], points[tf.newaxis], stride=1)[0].numpy()[:, :2]


@pytest.mark.parametrize(
    ("options", "height", "width"),
    [
        (WarpOptions(), 200, 150),
        (WarpOptions(180, 3, 2, 0.8, 1), 70, 300),
        (GENTLE, 40, 50),
        (WarpOptions(), 900, 700),
    ],
)
def test_both_views_show_the_same_place_at_matching_points(options, height, width):
    image = tf.constant(places(height, width))
    enough = 0
    for number in range(4):
        first, second, points_a, points_b, mask = warped_pair(
            image, tf.constant([3, number]), options, size=SIZE, n_points=50
        )
        assert first.shape == second.shape == (SIZE, SIZE, 3)
        assert points_a.shape == points_b.shape == (50, 2)
        real = mask.numpy() > 0
        assert set(np.unique(mask)) <= {0.0, 1.0}
        a, b = seen_at(first, points_a)[real], seen_at(second, points_b)[real]
        # A pixel of a crop may be several of the picture, each side of a mirrored edge.
        coarse = max(height, width) / SIZE
        assert np.median(np.abs(a - b)) < 0.5 * max(coarse, 1)
        inside = points_b.numpy()[real]
        assert ((inside >= 0) & (inside <= SIZE - 1)).all()
        assert not points_b.numpy()[~real].any()
        enough += real.sum()
    assert enough > 4 * 50 * 0.5


def test_matched_crops_follow_the_matches_of_pictures_of_unlike_sizes():
    """The second picture is the first at 0.6 of its size, which the crops must not know."""
    height, width, ratio = 300, 220, 0.6
    big = tf.constant(places(height, width))
    small_shape = round(height * ratio), round(width * ratio)
    small = tf.image.resize(big, small_shape, antialias=True)
    rng = np.random.default_rng(0)
    points = rng.uniform(5, 200, (300, 2)).astype(np.float32)
    scale = np.array([small_shape[1] / width, small_shape[0] / height])
    moved = ((points + 0.5) * scale - 0.5).astype(np.float32)
    for number in range(3):
        first, second, a, b, mask = matched_crops(
            (big, small),
            (tf.constant(points), tf.constant(moved)),
            tf.constant([1, number]),
            GENTLE,
            size=SIZE,
            n_points=40,
        )
        real = mask.numpy() > 0
        assert real.sum() >= 3
        difference = seen_at(first, a)[real] - seen_at(second, b)[real]
        assert np.median(np.abs(difference)) < 2.5
        drawn = {tuple(one) for one in np.round(a.numpy()[real], 3)}
        assert len(drawn) == real.sum()


def test_fewer_matches_than_points_are_padded():
    image = tf.constant(places(80, 80))
    points = tf.constant([[40.0, 40.0], [44.0, 38.0]])
    *_, a, b, mask = matched_crops(
        (image, image), (points, points), tf.constant([0, 0]), GENTLE, size=SIZE, n_points=9
    )
    assert (a.shape, b.shape, mask.shape) == ((9, 2), (9, 2), (9,))
    assert 1 <= mask.numpy().sum() <= 2
    assert not a.numpy()[mask.numpy() == 0].any()


def test_the_seed_decides():
    image = tf.constant(places(120, 160))

    def made(*seed):
        return warped_pair(image, tf.constant(seed), WarpOptions(), size=SIZE, n_points=20)

    for one, same in zip(made(4, 5), made(4, 5), strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(made(4, 5)[0], made(4, 6)[0])


def test_a_crop_that_is_the_picture():
    image = tf.constant(places(SIZE, SIZE))
    np.testing.assert_allclose(crop_view(image, tf.eye(3), SIZE), image, atol=1e-4)


def test_points_beyond_the_horizon_are_nowhere():
    matrix = tf.constant([[1.0, 0, 0], [0, 1, 0], [-0.1, 0, 1]])
    moved = transform_points(matrix, tf.constant([[5.0, 2.0], [20.0, 2.0]]))
    np.testing.assert_allclose(moved[0], [10.0, 4.0], rtol=1e-5)
    assert np.isnan(moved[1]).all()
    assert are_inside(moved, 10, 20).numpy().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotation", 181), ("scale", 0.5), ("stretch", 9), ("perspective", 1), ("any_upright", -0.1)],
)
def test_options_out_of_range(name, value):
    with pytest.raises(InputError, match=f"Expected {name} from"):
        WarpOptions(**{name: value})
