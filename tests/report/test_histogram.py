"""The histogram of scores."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.report.histogram import score_histogram
from embedsvc.report.svg import ALARM, CALM

NORMAL = np.linspace(0.2, 1.1, 50)


def bars(svg):
    """Side of the threshold and count of each bar."""
    found = re.findall(r'<rect[^>]*fill:([^"]*)"[^>]*><title>[^<]*: ([\d,]+) images?<', svg)
    return [(colour, int(count.replace(",", ""))) for colour, count in found]


def texts(svg):
    return [node.text for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]


def test_every_image_is_in_one_bar_on_its_side():
    scores = np.concatenate([np.linspace(0, 1, 30), [1.0, 3.0, 2.5]])
    drawn = bars(score_histogram(NORMAL, scores, 1.0))
    assert sum(count for _, count in drawn) == 50 + 33
    above = sum(count for colour, count in drawn if colour == ALARM)
    # A score equal to the threshold is not above it.
    assert above == (NORMAL > 1).sum() + 2
    assert {colour for colour, _ in drawn} == {CALM, ALARM}


def test_labels_split_the_scored_images():
    scores, labels = np.array([0.1, 0.2, 2.0, 0.3]), np.array([0, 0, 1, -1])
    said = texts(score_histogram(NORMAL, scores, 1.0, labels=labels))
    assert [text for text in said if "abel" in text] == [
        "Scored, labelled normal",
        "Scored, labelled anomalous",
        "Scored, no label",
    ]
    said = texts(score_histogram(NORMAL, scores, 1.0, labels=np.full(4, -1)))
    assert "Scored images" in said


def test_skewed_scores_have_a_log_axis():
    scores = np.array([1.0, 2.0, 900.0])
    assert "Anomaly score (log scale)" in texts(score_histogram(NORMAL, scores, 1.0))
    assert "Anomaly score" in texts(score_histogram(NORMAL, scores - 1.0, 1.0))
    assert "Anomaly score" in texts(score_histogram(NORMAL, scores / 900, 1.0))


@pytest.mark.parametrize("width", [380, 560])
@pytest.mark.parametrize(
    ("normal", "scores", "threshold"),
    [
        (np.zeros(3), np.zeros(2), 0.0),
        (np.full(3, 7.0), np.zeros(0), 7.0),
        (np.zeros(0), np.zeros(0), 1e-9),
        (NORMAL * 1e9, NORMAL * 3e9, 1e9),
        (NORMAL * 1e-9, NORMAL * 1e-6, 1e-9),
        (-NORMAL, NORMAL, 0.0),
        (NORMAL, NORMAL, 40.0),
        (NORMAL, NORMAL, -40.0),
        (np.geomspace(1e-30, 1e30, 40), np.array([1e31]), 1.0),
    ],
)
def test_odd_scores(normal, scores, threshold, width):
    svg = score_histogram(normal, scores, threshold, width=width)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert sum(count for _, count in bars(svg)) == len(normal) + len(scores)
    height = float(root.get("height"))
    for node in root.iter():
        if node.tag.endswith(("rect", "text", "line")):
            x, y = float(node.get("x", node.get("x1"))), float(node.get("y", node.get("y1")))
            assert 0 <= x <= width, node.attrib
            assert 0 <= y <= height, node.attrib
    assert "nan" not in svg.replace("anomal", "")


def test_scores_that_are_none():
    with pytest.raises(InputError, match="Expected finite scores"):
        score_histogram(NORMAL, np.array([np.inf]), 1.0)
    with pytest.raises(InputError, match="Expected finite scores"):
        score_histogram(NORMAL, NORMAL, float("nan"))
