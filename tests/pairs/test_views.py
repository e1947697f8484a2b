"""Turned and enlarged views, and where points are in them."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.pairs.views import ONE_VIEW, Views


def test_one_view_is_the_picture():
    (view,) = ONE_VIEW.of(30, 50)
    np.testing.assert_array_equal(view.matrix, np.eye(3))
    assert (view.height, view.width) == (30, 50)


@pytest.mark.parametrize(
    ("turn", "scale", "size"),
    [(90, 1, (50, 30)), (180, 1, (30, 50)), (0, 2, (60, 100)), (-90, 2, (100, 60))],
)
def test_right_angles_fill_their_canvas_exactly(turn, scale, size):
    (view,) = Views((turn,), (scale,)).of(30, 50)
    assert (view.height, view.width) == size
    corners = np.array([[-0.5, -0.5], [49.5, 29.5]], np.float32)
    moved = view.move(corners)
    np.testing.assert_allclose(np.sort(moved, axis=0)[0], [-0.5, -0.5], atol=1e-3)
    np.testing.assert_allclose(np.sort(moved, axis=0)[1], [size[1] - 0.5, size[0] - 0.5], atol=1e-3)


def test_all_of_the_picture_is_on_the_canvas_of_any_turn():
    corners = np.array([[0, 0], [49, 0], [0, 29], [49, 29]], np.float32)
    for view in Views((-77, 13, 45), (0.5, 1.41)).of(30, 50):
        moved = view.move(corners)
        assert (moved >= -0.5).all()
        assert (moved <= [view.width - 0.5, view.height - 0.5]).all()


def test_every_turn_at_every_size():
    views = Views((-30, 0, 30), (1, 1.41))
    assert views.n == len(list(views.of(10, 10))) == 6


@pytest.mark.parametrize(
    ("rotations", "scales", "message"),
    [
        ((), (1.0,), "1 to 64 views"),
        ((0.0,), (5.0,), "scales from 0.25 to 4"),
        ((float("nan"),), (1.0,), "rotations from -360"),
        (tuple(range(65)), (1.0,), "got 65"),
    ],
)
def test_views_that_cannot_be(rotations, scales, message):
    with pytest.raises(InputError, match=message):
        Views(rotations, scales)
