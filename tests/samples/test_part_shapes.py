"""Distances, facings and cut-outs of the sample part."""

import numpy as np
import pytest

from embedsvc.samples.part_shapes import Pose, band, circle, inside, rounded_square

SCALE = 50.0


@pytest.fixture
def pose():
    """A picture of 2 x 2 part units, 100 pixels wide, the lamp to the left."""
    rows, columns = np.mgrid[:100, :100].astype(np.float32)
    return Pose((columns - 50) / 50, (rows - 50) / 50, SCALE, (-1.0, 0.0))


def test_a_circle(pose):
    distance, towards = circle(pose, 0.5, 0.0)
    assert distance[50, 50] == pytest.approx(0.5, abs=1e-5)
    assert towards[50, 50] == pytest.approx(1.0, abs=1e-4)
    assert towards[50, 99] == pytest.approx(-1.0, abs=1e-4)
    assert towards[0, 75] == pytest.approx(0.0, abs=1e-4)
    assert distance.dtype == towards.dtype == np.float32


def test_a_rounded_square(pose):
    distance, towards = rounded_square(pose, 0.6, 0.2)
    assert distance[50, 50] == pytest.approx(-0.6, abs=1e-5)  # the middle
    assert distance[50, 80] == pytest.approx(0.0, abs=1e-5)  # the middle of a side
    assert distance[80, 80] == pytest.approx(0.2 * (2**0.5 - 1), abs=1e-5)  # cut off by the corner
    assert distance[50, 90] == pytest.approx(0.2, abs=1e-5)
    assert towards[50, 19] == pytest.approx(1.0, abs=1e-4)
    assert towards[50, 81] == pytest.approx(-1.0, abs=1e-4)
    assert towards[81, 50] == pytest.approx(0.0, abs=1e-4)


def test_inside_is_soft_over_about_a_pixel():
    distance = np.array([-1.0, -0.02, 0.0, 0.02, 1.0], np.float32)
    assert inside(distance, SCALE) == pytest.approx([1, 1, 0.5, 0, 0])


def test_a_band():
    line = band(np.array([0.0, 0.1, -0.1, 1.0], np.float32), 0.1)
    assert line == pytest.approx([1, np.exp(-1), np.exp(-1), 0], abs=1e-6)


def test_around_cuts_out_what_lies_near_a_point(pose):
    window = pose.around(0.5, -0.5, 0.11)
    cut = pose.cut(window)
    assert cut.x.shape == cut.y.shape == (11, 11)
    assert np.abs(cut.x - 0.5).max() < 0.11
    assert np.abs(cut.y + 0.5).max() < 0.11


def test_a_moved_part_lies_elsewhere(pose):
    here, _ = circle(pose.moved(0.2, 0.0), 0.0, 0.0)
    there, _ = circle(pose, 0.2, 0.0)
    assert here == pytest.approx(there, abs=1e-5)
