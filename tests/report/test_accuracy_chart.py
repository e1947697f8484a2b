"""The shares within so many pixels, drawn."""

import re
from xml.etree import ElementTree

import pytest

from embedsvc.report.accuracy_chart import accuracy_chart

CURVES = {"a": [0.5, 0.6, 0.7, 0.8], "<b>": [0.1, 0.2, 0.3, 1.0]}


def draw(**options):
    return accuracy_chart((1, 3, 5, 10), CURVES, about="Points found", **options)


@pytest.mark.parametrize("width", [360, 760])
def test_a_line_a_model_with_its_figures_as_hints(width):
    chart = draw(width=width)
    ElementTree.fromstring(chart)
    assert chart.count("<polyline") == 2
    assert "a: 70 % within 5 px" in chart
    assert "&lt;b&gt;: 100 % within 10 px" in chart
    assert 'aria-label="Points found; within 10 pixels: a 80 %; &lt;b&gt; 100 %"' in chart


def test_lines_rise_with_the_share_and_thresholds_stand_at_equal_distances():
    points = re.findall(r'points="([^"]+)"', draw())[1]  # drawn last: the first one
    places = [tuple(map(float, one.split(","))) for one in points.split()]
    across = [b[0] - a[0] for a, b in zip(places, places[1:], strict=False)]
    assert max(across) - min(across) < 0.3
    assert all(b[1] < a[1] for a, b in zip(places, places[1:], strict=False))


def test_the_main_line_is_the_strongest_has_the_first_colour_and_lies_above():
    chart = draw(main="<b>")
    last = chart.rpartition("<polyline")[2]
    assert "stroke-width:3.4;stroke:var(--series-1" in last
    assert "&lt;b&gt;" in last
    assert chart.index(">a</text>") < chart.index(">&lt;b&gt;</text>")  # the legend keeps its order


def test_the_legend_can_be_left_out_and_goes_below_where_there_is_little_width():
    assert ">a</text>" not in draw(has_legend=False)
    heights = {width: _height(draw(width=width)) for width in (360, 760)}
    assert heights[360] > _height(draw(width=360, has_legend=False))
    assert heights[760] == _height(draw(width=760, has_legend=False))


def test_one_threshold_and_one_long_name():
    ElementTree.fromstring(accuracy_chart((5,), {"n" * 500: [0.0]}, about="x"))


def _height(chart):
    return float(ElementTree.fromstring(chart).attrib["height"])
