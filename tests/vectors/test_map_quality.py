"""How many neighbours a map keeps."""

import math

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.vectors.map_quality import neighbours_kept


def test_a_map_that_is_the_vectors():
    angles = np.linspace(0, 1.5, 50)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert neighbours_kept(rows, rows.astype(np.float32), k=4) == 1


def test_a_map_by_chance_keeps_what_chance_keeps():
    rng = np.random.default_rng(0)
    rows, places = rng.normal(size=(1500, 8)), rng.normal(size=(1500, 2)).astype(np.float32)
    assert neighbours_kept(rows, places) == pytest.approx(10 / 1499, abs=0.004)


def test_few():
    assert math.isnan(neighbours_kept([[1, 2]], np.zeros((1, 2), np.float32)))
    assert neighbours_kept(np.eye(3), np.eye(3, 2, dtype=np.float32)) == 1


def test_another_number_of_places():
    with pytest.raises(InputError, match="got 2 places"):
        neighbours_kept(np.eye(3), np.zeros((2, 2), np.float32))
