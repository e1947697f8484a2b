"""Groups or numbers, and colours that tell neighbours apart."""

import datetime
import math

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.report.map_colors import (
    DARK_COLOURS,
    LIGHT_COLOURS,
    Groups,
    Measure,
    colouring,
    spread_colours,
)


def test_groups_by_size_then_name():
    found = colouring("topic", ["b", "a", None, "c", "c", ""])
    assert isinstance(found, Groups)
    assert found.names == ["c", "a", "b"]
    assert found.codes.tolist() == [2, 1, -1, 0, 0, -1]
    assert found.counts == [2, 1, 1]
    assert found.n_none == 2


def test_clusters_are_groups_however_many_and_minus_one_is_none():
    found = colouring("cluster", [*range(20), 7, -1], of_clusters=True)
    assert isinstance(found, Groups)
    assert len(found.names) == 20
    assert found.names[0] == "7"
    assert found.codes[-1] == -1
    assert found.none_name == "in no cluster"


def test_few_whole_numbers_are_groups_in_order():
    found = colouring("stars", [5, 1, 3.0, 5])
    assert isinstance(found, Groups)
    assert found.names == ["1", "3", "5"]


@pytest.mark.parametrize("values", [[0.5, 1, None], list(range(13)), [0.1, math.nan, math.inf]])
def test_numbers(values):
    found = colouring("n", values)
    assert isinstance(found, Measure)
    assert found.low < found.high
    shares = found.shares[~np.isnan(found.shares)]
    assert ((shares >= 0) & (shares <= 1)).all()


def test_a_few_far_numbers_do_not_take_the_scale():
    found = colouring("n", [*np.linspace(0, 1, 1000), 1e6])
    assert found.high < 2
    assert found.shares[-1] == 1
    assert colouring("n", [0.5] * 9 + [0.7]).high == 0.7
    assert colouring("n", [0.5]).high == 1.5


def test_other_values_are_written():
    days = [datetime.date(2026, 1, 2), datetime.date(2026, 1, 3), datetime.date(2026, 1, 2)]
    assert colouring("day", days).names == ["2026-01-02", "2026-01-03"]
    assert colouring("labels", [["a", "b"], ["a"], ["a", "b"]]).names == ["a, b", "a"]
    assert len(colouring("flag", [True, False, True]).names) == 2
    assert colouring("mixed", [1, "a", 1]).names == ["1", "a"]


def test_nothing_at_all():
    assert colouring("x", []).names == []
    assert colouring("x", [None, None]).n_none == 2


def test_too_many_groups():
    with pytest.raises(InputError, match="1,001 different values in 'text'"):
        colouring("text", [f"t{i}" for i in range(1001)])


def test_neighbours_differ_in_colour():
    assert spread_colours(np.zeros((10, 2), np.float32), [1] * 10) == list(range(10))
    grid = np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2)
    colours = np.array(spread_colours(grid.astype(np.float32), list(range(64))))
    away = np.abs(grid[:, np.newaxis] - grid).sum(axis=-1)
    assert (colours[:, np.newaxis] != colours)[away == 1].all()
    assert set(colours) == set(range(10))


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


# Machado, Oliveira and Fernandes, 2009: severity 1.
EYES = {
    "normal": np.eye(3),
    "red-blind": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                  [-0.003882, -0.048116, 1.051998]],
    "green-blind": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                    [-0.011820, 0.042940, 0.968881]],
    "blue-blind": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def oklab(rgb):
    cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
             [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
           [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip
    return np.cbrt(np.clip(np.asarray(cones) @ rgb, 0, None)) @ np.transpose(lab)


@pytest.mark.parametrize(
    ("colours", "paper"), [(LIGHT_COLOURS, "#ffffff"), (DARK_COLOURS, "#1b1e25")]
)
def test_all_eyes_can_tell_the_colours_apart(colours, paper):
    for eyes, matrix in EYES.items():
        seen = [oklab(np.clip(np.asarray(matrix) @ linear(colour), 0, 1)) for colour in colours]
        for i, one in enumerate(seen):
            for j in range(i):
                assert np.linalg.norm(one - seen[j]) > 0.05, (eyes, colours[i], colours[j])
    weights = np.array([0.2126, 0.7152, 0.0722])
    for colour in colours:
        light, dark = sorted((linear(colour) @ weights, linear(paper) @ weights), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 2.2, colour
