"""What every figure refuses, and groups as numbers."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import (
    check_both_classes,
    check_labels,
    check_scores,
    check_share,
    number_groups,
)


@pytest.mark.parametrize("scores", [[1, 2], (0.5, 2.5), np.array([1, 2], np.float16), []])
def test_scores_become_double_precision(scores):
    checked = check_scores(scores)
    assert checked.dtype == np.float64
    assert checked.tolist() == list(scores)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.1, np.nan, np.inf], r"finite points, got nan at position 1 \(2 of 3 .*Leave out"),
        ([-np.inf], "got -inf at position 0"),
        ([[0.1, 0.2]], r"points to be numbers of shape \(n,\), got float64 of shape \(1, 2\)"),
        (0.3, r"of shape \(\)"),
        (["a", "b"], "got <U1"),
        ([None, 1.0], "got object"),
        ([[1.0], [1.0, 2.0]], "nested rows of different lengths. Give one value"),
    ],
)
def test_bad_scores(scores, message):
    with pytest.raises(InputError, match=message):
        check_scores(scores, name="points")


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.0, 1.0], np.array([0, 1], "u1")])
def test_labels_become_integers(labels):
    checked = check_labels(labels, 2)
    assert checked.dtype == np.int64
    assert checked.tolist() == [0, 1]


def test_no_labels_for_no_images():
    assert check_labels([], 0).shape == (0,)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"as many labels as images, got labels of shape \(2,\) for 3 images"),
        ([[0, 1, 1]], r"shape \(1, 3\) for 3"),
        ([0, 1, 2], r"0 \(normal\) and 1 \(anomalous\), got 2. Leave out"),
        ([0, 1, -1], "got -1"),
        ([0, 1, 0.5], "got 0.5"),
        ([0, 1, np.nan], "got nan"),
        ([0, None, 1], "got None"),
        (["0", "1", "1"], "got '0'"),
        ([0, [1, 1], 1], "nested rows"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(InputError, match=message):
        check_labels(labels, 3)


@pytest.mark.parametrize(("labels", "counts"), [([0, 0], "2 normal and 0"), ([], "0 normal and 0")])
def test_one_class_only(labels, counts):
    with pytest.raises(InputError, match=f"for the AUROC, got {counts} anomalous. Add"):
        check_both_classes(np.array(labels, np.int64), figure="AUROC")


@pytest.mark.parametrize("value", [0, 1, -0.1, 5, float("nan")])
def test_bad_shares(value):
    with pytest.raises(InputError, match=f"Expected rate to be more than 0 .* got {value}"):
        check_share(value, name="rate")


@pytest.mark.parametrize(
    ("groups", "numbers"),
    [
        (None, [0, 1, 2, 3]),
        (["b", "a", "b", "c"], [0, 1, 0, 2]),
        (np.array([7, 7, 3, 7]), [0, 0, 1, 0]),
        ([None, "a", None, "a"], [0, 1, 2, 1]),
        ((name for name in "xxyy"), [0, 0, 1, 1]),
    ],
)
def test_groups_are_numbered_in_order_of_appearance(groups, numbers):
    assert number_groups(groups, 4).tolist() == numbers


def test_a_number_of_groups_that_does_not_fit():
    with pytest.raises(InputError, match="as many groups as images, got 2 for 3"):
        number_groups(["a", "b"], 3)
