"""ROC curves and bars with intervals."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.report.charts import Interval, interval_chart, roc_chart
from embedsvc.report.svg import SOFT, text_width

WIDTHS = (380, 560)
STEPS = np.linspace(0, 1, 5000)
ROWS = [
    Interval("patchcore", 0.95, 0.91, 0.98),
    Interval("<hog>", 0.62, 0.44, 0.70, is_baseline=True),
]


def texts(svg):
    """Every text with the left and right end it has at most."""
    ends = {"start": (0, 1), "middle": (0.5, 0.5), "end": (1, 0)}
    found = []
    for node in ElementTree.fromstring(svg).iter():
        if node.tag.endswith("text"):
            left, right = ends[node.get("text-anchor")]
            width, x = text_width(node.text), float(node.get("x"))
            found.append((node.text, x - left * width, x + right * width, float(node.get("y"))))
    return found


def collisions(svg):
    # The title of the upright axis is drawn turned, around the origin.
    said = [text for text in texts(svg) if text[0] != "Anomalies found"]
    return [
        (a[0], b[0])
        for i, a in enumerate(said)
        for b in said[i + 1 :]
        if abs(a[3] - b[3]) < 10 and a[1] < b[2] and b[1] < a[2]
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_roc_curves(width):
    curves = {"patchcore": (STEPS, STEPS**0.2), "<hog>": (STEPS, STEPS**0.7)}
    svg = roc_chart(curves, baselines=frozenset({"<hog>"}), width=width)
    lines = re.findall(r'<polyline points="([^"]*)" style="([^"]*)"', svg)
    assert len(lines) == 2
    assert SOFT in lines[1][1]
    assert SOFT not in lines[0][1]
    first, last = lines[0][0].split()[0], lines[0][0].split()[-1]
    left, bottom = map(float, first.split(","))
    right, top = map(float, last.split(","))
    assert right - left == pytest.approx(bottom - top, abs=0.2)
    assert len(lines[0][0].split()) < 2000
    assert {"patchcore", "<hog>"} <= {text for text, *_ in texts(svg)}
    assert not collisions(svg)
    assert ElementTree.fromstring(svg).get("aria-label") == "ROC curves of patchcore, <hog>"


@pytest.mark.parametrize("width", WIDTHS)
def test_many_long_names(width):
    curves = {f"a detector with quite a long name, {i}": (STEPS, STEPS) for i in range(9)}
    svg = roc_chart(curves, width=width)
    assert not collisions(svg)
    height = float(ElementTree.fromstring(svg).get("height"))
    assert all(end <= width + 1 and y < height for _, _, end, y in texts(svg))


def test_a_curve_of_two_points():
    ends = np.array([0.0, 1.0])
    assert "<polyline" in roc_chart({"chance": (ends, ends)})


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_with_intervals(width):
    svg = interval_chart(ROWS, width=width)
    said = [text for text, *_ in texts(svg)]
    assert {"0.950", "0.620", "0.4", "1.0"} <= set(said)
    assert len(re.findall("<rect", svg)) == 2
    assert "patchcore: 0.950 (0.910 to 0.980)" in svg
    assert not collisions(svg)


def test_bars_go_to_the_left_below_the_reference():
    svg = interval_chart([Interval("upside down", 0.3, 0.2, 0.4)])
    bar = ElementTree.fromstring(svg).find("{*}rect")
    reference = next(
        float(node.get("x1"))
        for node in ElementTree.fromstring(svg).iter()
        if SOFT in node.get("style", "") and node.tag.endswith("line")
    )
    assert float(bar.get("x")) + float(bar.get("width")) == pytest.approx(reference, abs=0.2)


@pytest.mark.parametrize(
    "curve",
    [
        (np.array([0.0, 1.0]), np.array([0.0, 0.5, 1.0])),
        (np.array([0.0, 2.0]), np.array([0.0, 1.0])),
        (np.array([0.0, np.nan]), np.array([0.0, 1.0])),
        (np.zeros((2, 2)), np.zeros((2, 2))),
    ],
)
def test_rates_that_are_none(curve):
    with pytest.raises(InputError, match="Expected rates between 0 and 1"):
        roc_chart({"x": curve})


@pytest.mark.parametrize("ends", [(0.6, 0.5), (float("nan"), 0.9)])
def test_intervals_that_are_none(ends):
    with pytest.raises(InputError, match="Expected a finite AUROC of 'x' and its interval"):
        interval_chart([Interval("x", 0.55, *ends)])
