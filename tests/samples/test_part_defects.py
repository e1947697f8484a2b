"""What a defect does to a plain surface."""

import numpy as np
import pytest

from embedsvc.samples.part_defects import DRAWERS

HEIGHT, WIDTH = 120, 150
LIGHT = (-0.6, -0.8)


@pytest.fixture
def surface():
    return np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)


@pytest.fixture
def clearance():
    """A metal square within a margin of 20 pixels, with a round hole in the middle."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + 0.5
    square = np.minimum.reduce([rows, HEIGHT - rows, columns, WIDTH - columns]) - 20
    return np.minimum(square, np.hypot(rows - HEIGHT / 2, columns - WIDTH / 2) - 12)


@pytest.mark.parametrize("defect", sorted(DRAWERS))
def test_only_the_mask_changes_and_all_of_it_lies_on_metal(defect, surface, clearance):
    before = surface.copy()
    for seed in range(20):
        changed, mask = DRAWERS[defect](np.random.default_rng(seed), surface, clearance, LIGHT)
        assert np.array_equal(surface, before)
        assert changed.dtype == np.float32
        assert np.array_equal(changed[~mask], surface[~mask])
        assert np.mean(np.any(changed != surface, axis=-1)[mask]) > 0.95
        assert clearance[mask].min() > -1
        assert mask.any()


def test_a_scratch_is_thin_and_has_a_bright_and_a_dark_side(surface, clearance):
    changed, mask = DRAWERS["scratch"](np.random.default_rng(0), surface, clearance, LIGHT)
    rows, columns = np.nonzero(mask)
    longest = np.hypot(np.ptp(rows), np.ptp(columns))
    assert mask.sum() / longest < 8
    assert changed.max() > 0.53
    assert changed.min() < 0.49


def test_a_hole_is_dark_with_a_bright_rim_away_from_the_lamp(surface, clearance):
    changed, mask = DRAWERS["hole"](np.random.default_rng(1), surface, clearance, LIGHT)
    rows, columns = np.nonzero(mask)
    middle = (round(rows.mean()), round(columns.mean()))
    assert changed[middle].max() < 0.4
    bright = np.argwhere(changed[..., 0] > 0.52)
    towards_lamp = (bright[:, 1] - middle[1]) * LIGHT[0] + (bright[:, 0] - middle[0]) * LIGHT[1]
    assert len(bright)
    assert towards_lamp.mean() < 0


def test_a_stain_darkens_blue_most(surface, clearance):
    changed, mask = DRAWERS["stain"](np.random.default_rng(2), surface, clearance, LIGHT)
    red, green, blue = changed[mask].mean(axis=0)
    assert 0.5 > red > green > blue > 0.25
