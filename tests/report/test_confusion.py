"""What is taken for what."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from made_reports import NASTY
from test_report_curves import collisions, texts

from embedsvc.errors import InputError
from embedsvc.report.confusion import confused_pairs, confusion_chart, drawn_labels
from embedsvc.report.svg import ALARM, CALM

THREE = np.array([[50, 3, 0], [9, 20, 1], [0, 0, 0]])


def test_pairs():
    pairs = confused_pairs(THREE)
    assert [(p.truth, p.predicted, p.count) for p in pairs] == [(1, 0, 9), (0, 1, 3), (1, 2, 1)]
    assert pairs[0].share == pytest.approx(0.3)
    assert confused_pairs(THREE, most=1) == pairs[:1]
    assert confused_pairs(np.diag([3, 4])) == []
    ties = np.array([[0, 2, 0], [2, 5, 0], [0, 0, 1]])
    assert [p.truth for p in confused_pairs(ties)] == [0, 1]  # 2 of 2 before 2 of 7
    assert THREE[0, 0] == 50


@pytest.mark.parametrize("width", [380, 560])
def test_a_small_matrix_has_numbers(width):
    svg = confusion_chart(THREE, ["good", "bad", "so-so"], width=width)
    said = [text for text, *_ in texts(svg)]
    assert {"50", "94.3 %", "9", "30 %", "Predicted label", "True label"} <= set(said)
    assert said.count("good") == 2
    assert svg.count("<rect") == 9
    assert "\u2068bad\u2069 taken for \u2068good\u2069: 9 (30 % of the row)" in svg
    assert "\u2068good\u2069, right: 50 (94.3 % of the row)" in svg
    assert not [pair for pair in collisions(svg) if "True label" not in pair]
    about = ElementTree.fromstring(svg).get("aria-label")
    assert about == "Confusion matrix of 3 labels: 70 of 83 texts on the diagonal"


def test_right_is_blue_and_wrong_is_orange():
    svg = confusion_chart(THREE, ["a", "b", "c"])
    colours = re.findall(r"<rect[^>]*fill:(var[^;]*);fill-opacity:([\d.]+)", svg)
    assert colours[0][0] == CALM
    assert colours[1][0] == ALARM
    # Numbers can be read on half of the colour at most; nothing is drawn where nothing is.
    assert max(float(strength) for _, strength in colours) <= 0.5
    assert colours[2][1] == "0.00"


@pytest.mark.parametrize("n_labels", [5, 12, 13, 77])
def test_names_do_not_collide(n_labels):
    names = [f"a label with quite a long name {i}" for i in range(n_labels)]
    svg = confusion_chart(np.eye(n_labels, dtype=np.int64), names, width=1140)
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    rows = [node for node in root.findall(f"{space}text") if node.get("text-anchor") == "end"]
    assert len(rows) == n_labels
    heights = np.array([float(node.get("y")) for node in rows])
    assert np.diff(heights).min() >= float(rows[0].get("font-size"))
    turned = [g.get("transform") for g in root.findall(f"{space}g")][1:]
    columns = np.array([float(re.match(r"translate\(([\d.]+)", t)[1]) for t in turned])
    assert len(columns) == n_labels
    assert np.diff(columns).min() >= 10
    assert columns.max() < float(root.get("width"))


def test_a_large_matrix_has_only_the_cells_with_texts():
    matrix = np.eye(77, dtype=np.int64) * 10
    matrix[3, 5] = 2
    svg = confusion_chart(matrix, [str(i) for i in range(77)])
    assert svg.count("<rect") == 78
    assert "\u20683\u2069 taken for \u20685\u2069: 2 (16.7 % of the row)" in svg


def test_very_many_cells_are_drawn_in_few_elements():
    matrix = np.random.default_rng(0).integers(0, 9, (100, 100))
    svg = confusion_chart(matrix, [f"label {i}" for i in range(100)])
    assert svg.count("<rect") == 4000
    assert 1 <= svg.count("<path") <= 16
    assert svg.count("M") >= (matrix > 0).sum() - 4000
    assert len(svg) < 2_000_000


def test_the_most_confused_of_very_many_labels():
    assert drawn_labels(np.eye(100, dtype=np.int64)).tolist() == list(range(100))
    matrix = np.eye(300, dtype=np.int64)
    matrix[200, 7] = matrix[299, 8] = 3
    drawn = drawn_labels(matrix)
    assert len(drawn) == 60
    assert {7, 8, 200, 299} <= set(drawn.tolist())
    assert (np.diff(drawn) > 0).all()


def test_untrusted_labels_stay_text():
    svg = confusion_chart(np.eye(2, dtype=np.int64), [NASTY, ""])
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert "(empty)" in svg


@pytest.mark.parametrize("shape", [(2, 3), (4,)])
def test_a_matrix_that_is_none(shape):
    for draw in (confused_pairs, drawn_labels, lambda matrix: confusion_chart(matrix, ["a"])):
        with pytest.raises(InputError, match="Expected a square confusion matrix, got shape"):
            draw(np.zeros(shape, np.int64))


def test_labels_of_another_matrix():
    with pytest.raises(InputError, match="got 1 labels and 3 rows"):
        confusion_chart(THREE, ["a"])
