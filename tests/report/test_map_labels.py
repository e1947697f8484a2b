"""Where names of groups stand."""

import numpy as np
import pytest

from embedsvc.report.map_labels import group_places, label_lines, place_labels

FRAME = (0.0, 0.0, 400.0, 300.0)


def boxes(centres, sizes):
    return [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(centres, sizes, strict=True)
    ]


def test_a_group_is_where_most_of_it_is():
    rng = np.random.default_rng(0)
    isle = rng.normal(size=(30, 2)) * 0.1
    places = np.concatenate([isle + [5, 5], isle[:10] + [-5, -5], isle + [5, -5]])
    codes = np.array([0] * 40 + [1] * 30, np.int32)
    found = group_places(places.astype(np.float32), codes, 3)
    np.testing.assert_allclose(found, [[5, 5], [5, -5], [0, 0]], atol=0.2)


def test_points_of_no_group_count_for_none():
    places = np.array([[0, 0], [9, 9]], np.float32)
    found = group_places(places, np.array([-1, 0], np.int32), 1)
    assert found.tolist() == [[9, 9]]
    assert group_places(np.zeros((0, 2), np.float32), np.zeros(0, np.int32), 0).shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("refund", ["refund"]),
        ("card_payment_wrong_exchange_rate", ["card_payment_", "wrong_exchange_rate"]),
        ("late parcel, refund", ["late parcel,", "refund"]),
        ("exchange rate, currency", ["exchange rate,", "currency"]),
        ("a" * 60, ["a" * 44 + "…"]),
        ("", ["(empty)"]),
        ("two\nlines \x00", ["two lines \\x00"]),
    ],
)
def test_lines(name, lines):
    assert label_lines(name) == lines


def test_labels_neither_cover_each_other_nor_leave_the_frame():
    rng = np.random.default_rng(0)
    anchors = [tuple(place) for place in rng.uniform((0, 0), (400, 300), (80, 2))]
    sizes = [(float(w), 12.0) for w in rng.integers(30, 120, 80)]
    centres = place_labels(anchors, sizes, FRAME, points=rng.uniform(0, 300, (500, 2)))
    placed = [i for i, centre in enumerate(centres) if centre is not None]
    assert 20 < len(placed) < 80
    assert 0 in placed
    found = boxes([centres[i] for i in placed], [sizes[i] for i in placed])
    for i, a in enumerate(found):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= 400 and a[3] <= 300
        for b in found[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_labels_stand_beside_points_rather_than_on_them():
    points = np.random.default_rng(0).normal(size=(200, 2)) * (4, 4) + (200, 150)
    [(_, y)] = place_labels([(200, 150)], [(60, 12)], FRAME, points=points)
    assert abs(y - 150) > 8
    [(x, y)] = place_labels([(200, 150)], [(60, 12)], FRAME)
    assert (x, y) == (200, 150)


def test_a_label_larger_than_the_frame():
    assert place_labels([(10, 10)], [(900, 12)], FRAME) == [None]
    assert place_labels([], [], FRAME) == []
