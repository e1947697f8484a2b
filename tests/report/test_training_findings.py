"""Class balance and worst mistakes, counted from arrays."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.report.training_findings import class_balance, worst_mistakes


def test_balance_of_single_labels():
    targets = np.array([0, 0, 0, 1])
    class_weights = np.array([2 / 3, 2.0, 1.0])
    rows = class_balance(targets, class_weights, class_weights[targets].astype(np.float32))
    assert [row.count for row in rows] == [3, 1, 0]
    assert [row.share for row in rows] == [0.75, 0.25, 0.0]
    assert [row.weight for row in rows] == pytest.approx([2 / 3, 2.0, 1.0])
    assert [row.weighted_share for row in rows] == pytest.approx([0.5, 0.5, 0.0])


def test_balance_of_several_labels():
    """By hand: label 0 has weight 3 (1 + 2), of it 3 * 1 + 2 with positive weight 3."""
    targets = np.array([[1, 1], [0, 1]], np.float32)
    rows = class_balance(targets, np.array([3.0, 1.0]), np.array([1.0, 2.0]))
    assert [row.count for row in rows] == [1, 2]
    assert [row.share for row in rows] == [0.5, 1.0]
    assert [row.weighted_share for row in rows] == pytest.approx([3 / 5, 1.0])


def test_balance_of_nothing():
    rows = class_balance(np.zeros(0, np.int64), np.ones(2), np.zeros(0))
    assert [(row.count, row.share, row.weighted_share) for row in rows] == [(0, 0.0, 0.0)] * 2
    silent = class_balance(np.array([0, 1]), np.ones(2), np.zeros(2))
    assert [row.weighted_share for row in silent] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("targets", "n_weights"), [(np.zeros(3, np.int64), 2), (np.zeros((3, 5)), 3)]
)
def test_balance_of_other_shapes(targets, n_weights):
    with pytest.raises(InputError, match="Expected one weight a text and one class weight a label"):
        class_balance(targets, np.ones(2), np.ones(n_weights))


def test_mistakes_of_single_labels():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    mistakes, n_mistakes = worst_mistakes(
        ["a", "b", "c", "d"],
        np.array([0, 0, 0, 1]),
        np.array([0, 1, 1, 0]),
        probabilities,
        ["no", "yes"],
    )
    assert n_mistakes == 3
    assert [mistake.text for mistake in mistakes] == ["c", "b", "d"]
    assert [(a.label, a.probability) for a in mistakes[0].truth] == [("no", 0.2)]
    assert [(a.label, a.probability) for a in mistakes[0].predicted] == [("yes", 0.8)]


def test_mistakes_of_several_labels():
    probabilities = np.array([[0.9, 0.6, 0.1], [0.05, 0.1, 0.2], [0.1, 0.45, 0.9]], np.float32)
    mistakes, n_mistakes = worst_mistakes(
        ["a", "b", "c"],
        np.array([[1, 0, 0], [0, 0, 1], [0, 1, 1]]),
        (probabilities > 0.5).astype(np.int64),
        probabilities,
        ["x", "y", "z"],
        most=2,
    )
    assert n_mistakes == 3
    # 0.8 off, and 0.6 off; the 0.95 of a label that is rightly not there does not count.
    assert [mistake.text for mistake in mistakes] == ["b", "a"]
    assert [answer.label for answer in mistakes[0].predicted] == []
    assert [answer.label for answer in mistakes[1].predicted] == ["x", "y"]


def test_no_mistakes_and_no_texts():
    right = np.array([0, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert worst_mistakes(["a", "b"], right, right, probabilities, ["no", "yes"]) == ([], 0)
    none = np.zeros(0, np.int64)
    assert worst_mistakes([], none, none, np.zeros((0, 2)), ["no", "yes"]) == ([], 0)


def test_mistakes_of_other_shapes():
    for probabilities, predicted in ((np.zeros((2, 3)), 2), (np.zeros((2, 2)), 1)):
        with pytest.raises(InputError, match="Pass those of the same texts"):
            worst_mistakes(
                ["a", "b"],
                np.zeros(2, np.int64),
                np.zeros(predicted, np.int64),
                probabilities,
                ["no", "yes"],
            )
