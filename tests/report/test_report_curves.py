"""Lines over epochs."""

import math
import re
from xml.etree import ElementTree

import pytest
from made_reports import NASTY

from embedsvc.report.curves import curve_chart
from embedsvc.report.epochs import Series
from embedsvc.report.shown_text import width_of

WIDTHS = (380, 580)
FALLING = Series("data", tuple(2.5 * 0.5**i for i in range(8)))
EPOCHS = range(1, 9)


def texts(svg):
    """Every text with the left and right end it has at most, and its base line."""
    ends = {"start": (0, 1), "middle": (0.5, 0.5), "end": (1, 0)}
    found = []
    for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        left, right = ends[node.get("text-anchor")]
        width, x = width_of(node.text), float(node.get("x"))
        found.append((node.text, x - left * width, x + right * width, float(node.get("y"))))
    return found


def collisions(svg):
    said = texts(svg)
    return [
        (a[0], b[0])
        for i, a in enumerate(said)
        for b in said[i + 1 :]
        if abs(a[3] - b[3]) < 10 and a[1] < b[2] and b[1] < a[2]
    ]


def lines(svg):
    found = re.findall(r'<polyline points="([^"]*)"', svg)
    return [[tuple(map(float, p.split(","))) for p in points.split()] for points in found]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("best", [1, 4, 8])
def test_curves(width, best):
    series = [FALLING, Series("validation loss", tuple(0.3 + 0.1 * i for i in range(8)))]
    svg = curve_chart(EPOCHS, series, best_epoch=best, about="Validation measures", width=width)
    first, second = lines(svg)
    assert len(first) == len(second) == 8
    assert [y for _, y in first] == sorted(y for _, y in first)
    assert svg.count("<circle") == 16
    assert f"Best: epoch {best}" in svg
    assert "Epoch 2, data: 1.250" in svg
    assert not collisions(svg)
    height = float(ElementTree.fromstring(svg).get("height"))
    assert all(x >= -1 and end <= width + 1 and y < height for _, x, end, y in texts(svg))


def test_broken_values_are_gaps_with_a_cross():
    values = (3.0, 2.0, math.nan, 1.0, math.inf, None, 0.5, 0.4)
    svg = curve_chart(EPOCHS, [Series("data", values)], about="Loss")
    assert [len(line) for line in lines(svg)] == [2, 2]
    assert svg.count("<circle") == 5  # the lonely one too
    assert re.findall(r"Epoch (\d): no finite number for data", svg) == ["3", "5"]
    assert "nan" not in svg
    assert "inf<" not in svg


def test_one_epoch():
    svg = curve_chart([1], [Series("data", (0.7,))], best_epoch=1, about="Loss")
    assert not lines(svg)
    assert svg.count("<circle") == 1
    assert [text for text, *_ in texts(svg)].count("1") == 1


@pytest.mark.parametrize("series", [[], [Series("data", (math.nan,) * 8)]])
def test_nothing_to_draw(series):
    assert "Nothing was measured." in curve_chart(EPOCHS, series, about="Loss")


@pytest.mark.parametrize(
    "values",
    [(0.0,) * 8, (-3.0, 2.0) * 4, (1e-9,) * 8, (1e30, 1e-30) * 4, (0.99, 1.0) * 4, (5.0,) * 8],
)
def test_values_of_any_size(values):
    svg = curve_chart(EPOCHS, [Series("data", values)], about="Loss")
    assert not collisions(svg)
    assert ("log scale" in svg) == (1e30 in values)


def test_shares_do_not_pass_one():
    svg = curve_chart(EPOCHS, [Series("a", (0.9, 1.0) * 4)], about="Shares")
    said = [text for text, *_ in texts(svg)]
    assert "1.00" in said
    assert not any(text.startswith("1.0") and text != "1.00" for text in said)


@pytest.mark.parametrize("width", WIDTHS)
def test_many_lines_and_epochs(width):
    many = [
        Series(f"activity penalty: a layer with a long name {i}", tuple([0.1 * i] * 200))
        for i in range(12)
    ]
    svg = curve_chart(range(1, 201), many, best_epoch=77, about="Penalties", width=width)
    assert len(lines(svg)) == 8
    assert "and 4 smaller ones, in the table" in svg
    assert "name 3<" not in svg
    assert "<circle" not in svg
    assert not collisions(svg)


def test_many_short_names_share_rows():
    svg = curve_chart(EPOCHS, [Series(f"term {i}", FALLING.values) for i in range(8)], about="Loss")
    rows = {y for text, _, _, y in texts(svg) if re.fullmatch(r"term \d", text)}
    assert 1 < len(rows) < 4


def test_best_epoch_that_is_not_there():
    assert "Best" not in curve_chart(EPOCHS, [FALLING], best_epoch=99, about="Loss")


def test_untrusted_names_stay_text():
    svg = curve_chart(EPOCHS, [Series(NASTY, FALLING.values)], about="Loss")
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "\u202e" not in svg
