"""Probabilities to decisions, and every way in which they can be wrong."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import (
    check_indicator,
    check_positions,
    check_probabilities,
    check_task,
    check_thresholds,
    decide,
)

TWO = np.array([[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]], np.float32)


def test_binary_takes_the_positive_above_its_threshold():
    assert decide(TWO, task="binary").tolist() == [0, 0, 1]  # equal is not greater
    assert decide(TWO, task="binary", thresholds=[0.9, 0.4]).tolist() == [0, 1, 1]
    assert decide(TWO, task="binary").dtype == np.int64


def test_multiclass_takes_the_most_probable_whatever_the_thresholds():
    values = [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]
    assert decide(values, task="multiclass").tolist() == [1, 0]
    assert decide(values, task="multiclass", thresholds=[0.9, 0.9, 0.1]).tolist() == [1, 0]


def test_multilabel_takes_any_number():
    values = [[0.9, 0.7], [0.2, 0.4], [0.5, 0.3]]
    found = decide(values, task="multilabel", thresholds=[0.5, 0.3])
    assert found.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert found.dtype == np.int64


def test_a_threshold_between_neighbouring_float32_numbers_parts_them():
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    middle = (float(low) + float(high)) / 2
    values = np.array([[low], [high]])
    assert decide(values, task="multilabel", thresholds=[middle]).tolist() == [[0], [1]]


@pytest.mark.parametrize(("task", "shape"), [("binary", (0,)), ("multilabel", (0, 2))])
def test_nothing_to_decide(task, shape):
    assert decide(np.zeros((0, 2), np.float32), task=task).shape == shape


def test_half_precision_adds_up_well_enough():
    values = np.random.default_rng(0).dirichlet(np.ones(200), size=50).astype(np.float16)
    assert check_probabilities(values, task="multiclass").dtype == np.float64


def test_an_unknown_task():
    with pytest.raises(InputError, match=r"'binary', 'multiclass' or 'multilabel', got 'multi-l"):
        check_task("multi-label")
    with pytest.raises(InputError, match="Did you mean 'multilabel'"):
        decide(TWO, task="multi-label")
    with pytest.raises(InputError, match="got 7"):
        check_task(7)


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([0.1, 0.9], "binary", r"shape \(n_texts, 2\), got float64 of shape \(2,\)"),
        ([[0.1, 0.2, 0.7]], "binary", r"shape \(n_texts, 2\)"),
        ([["a", "b"]], "binary", "got <U1"),
        (np.zeros((2, 0)), "multilabel", r"shape \(n_texts, n_labels\)"),
        ([[0.1, np.nan]], "multilabel", "got nan for text 0, label 1"),
        ([[0.1, 0.9], [2.5, -1.5]], "binary", r"got 2.5 for text 1, label 0 \(2 are outside"),
        ([[0.1, 0.8]], "binary", "add up to 1, got 0.9 for text 0"),
        ([[0.5, 0.5], [0.9, 0.9]], "multiclass", r"got 1.8 for text 1 \(1 of 2"),
    ],
)
def test_bad_probabilities(values, task, message):
    with pytest.raises(InputError, match=message):
        check_probabilities(values, task=task)


def test_rows_of_different_lengths():
    uneven = [[0.1, 0.9], [1.0]]
    for check in (check_indicator, check_positions):
        with pytest.raises(InputError, match="targets to be an array, got nested rows of diff"):
            check(uneven)
    with pytest.raises(InputError, match="Expected probabilities to be an array"):
        decide(uneven, task="multilabel")
    with pytest.raises(InputError, match="Expected thresholds to be an array"):
        check_thresholds(uneven, 2)


def test_another_number_of_labels():
    with pytest.raises(InputError, match=r"shape \(n_texts, 3\)"):
        check_probabilities(TWO, task="multiclass", n_labels=3)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([0.5], "Expected 2 thresholds"),
        (0.5, r"Expected 2 thresholds, one a label, got float64 of shape \(\)"),
        (["a", "b"], "got <U1"),
        ([0.5, 1.5], "got 1.5 for label 1"),
        ([np.nan, 0.5], "got nan for label 0"),
    ],
)
def test_bad_thresholds(thresholds, message):
    with pytest.raises(InputError, match=message):
        decide(TWO, task="multilabel", thresholds=thresholds)


def test_thresholds_are_one_half_unless_given():
    assert check_thresholds(None, 3).tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1], r"shape \(n_texts, 2\), got shape \(2,\)"),
        ([[0, 1, 1]], r"got shape \(1, 3\)"),
        ([["a", "b"]], "0s and 1s, got <U1"),
        ([[0, 1], [0.5, 1]], "got 0.5 for text 1, label 0"),
        ([[0, np.nan]], "got nan for text 0, label 1"),
    ],
)
def test_bad_indicators(targets, message):
    with pytest.raises(InputError, match=message):
        check_indicator(targets, n_labels=2)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0, 1]], r"shape \(n_texts,\), got int64 of shape \(1, 2\)"),
        ([0.0, 1.0], "whole numbers"),
        ([0, 3], "from 0 to 3 - 1, got 3 at position 1"),
        ([0, -1], "got -1 at position 1"),
    ],
)
def test_bad_positions(targets, message):
    with pytest.raises(InputError, match=message):
        check_positions(targets, n_labels=3)


def test_positions_of_any_number_of_labels():
    assert check_positions([5, 900]).tolist() == [5, 900]
    assert check_positions([]).dtype == np.int64
    with pytest.raises(InputError, match="from 0 to n_labels - 1"):
        check_positions([-1])
