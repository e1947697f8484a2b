"""Every form in which people give labels, and every form that is none."""

import enum

import numpy as np
import pytest
from scipy import sparse

from embedsvc.classify.label_reading import FlatLabels, Indicator, LabelSets, read_labels, show
from embedsvc.errors import InputError


class Column:
    """What a column or a table of a data frame is to NumPy."""

    def __init__(self, values: object, dtype: object = None) -> None:
        self.values = np.array(values, dtype)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return self.values


class NAType:
    """pandas' missing value: comparing it gives no truth."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


class Mood(enum.StrEnum):
    GOOD = "good"


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (["b", "a"], ["b", "a"]),
        (("b", "a"), ["b", "a"]),
        (iter(["b", "a"]), ["b", "a"]),
        (np.array(["b", "a"]), ["b", "a"]),
        (np.array(["b", "a"], object), ["b", "a"]),
        (Column(["b", "a"], object), ["b", "a"]),
        ([np.str_("b")], ["b"]),
        ([Mood.GOOD], ["good"]),
        (["two words "], ["two words "]),
        ([3, 1], [3, 1]),
        (np.array([3, 1], np.uint8), [3, 1]),
        (np.array([1.0, 0.0], np.float32), [1, 0]),
        ([1.0, 0], [1, 0]),
        ([np.int64(3), 4], [3, 4]),
        ([np.array(3), 4], [3, 4]),
        ([True, False], [True, False]),
        (np.array([True, False]), [True, False]),
        (np.array([["b"], ["a"]]), ["b", "a"]),  # a table of one column
        (np.array([[0], [1]]), [0, 1]),
        ([], []),
    ],
)
def test_one_label_a_text(y, expected):
    found = read_labels(y)
    assert found == FlatLabels(expected)
    assert [type(label) for label in found.values] == [type(label) for label in expected]


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([["b", "a"], [], ["a"]], [["b", "a"], [], ["a"]]),
        ([("b",), {"a"}, frozenset(["c"])], [["b"], ["a"], ["c"]]),
        ([np.array(["b", "a"]), np.array([])], [["b", "a"], []]),
        (Column([["b", "a"], []], object), [["b", "a"], []]),
        (np.array([["b", "a"], ["c", "a"]]), [["b", "a"], ["c", "a"]]),
        ([[4, 7], [7]], [[4, 7], [7]]),
        ([[0], [1]], [[0], [1]]),  # one column is no indicator in lists
        ([[0, 1], [1]], [[0, 1], [1]]),
        ([{0, 1}, {1, 0}], [[0, 1], [0, 1]]),
        ([[4.0, 7.0], [7.0]], [[4, 7], [7]]),
        ([[]], [[]]),
    ],
)
def test_any_number_of_labels_a_text(y, expected):
    assert read_labels(y) == LabelSets(expected)


@pytest.mark.parametrize(
    "y",
    [
        np.array([[0, 1, 0], [1, 1, 0]]),
        np.array([[0, 1, 0], [1, 1, 0]], bool),
        np.array([[0, 1, 0], [1, 1, 0]], np.float64),
        np.array([[0, 1, 0], [1, 1, 0]], object),
        Column([[0, 1, 0], [1, 1, 0]]),
        sparse.csr_matrix([[0, 1, 0], [1, 1, 0]]),
        sparse.csr_array([[0, 1, 0], [1, 1, 0]]),
        [[0, 1, 0], [1, 1, 0]],
        [(False, True, False), (True, True, False)],
        [np.array([0, 1, 0]), np.array([1, 1, 0])],
        [[0.0, 1.0, 0.0], [np.float32(1), 1, 0]],
    ],
)
def test_indicators(y):
    found = read_labels(y)
    assert isinstance(found, Indicator)
    assert found.marks.dtype == np.float32
    assert found.marks.tolist() == [[0, 1, 0], [1, 1, 0]]


def test_lists_are_an_indicator_of_the_wanted_width_only():
    assert isinstance(read_labels([[0, 1], [1, 0]], width=2), Indicator)
    assert read_labels([[0, 1], [1, 0]], width=3) == LabelSets([[0, 1], [1, 0]])


def test_a_table_of_one_column_may_be_an_indicator():
    found = read_labels(np.array([[0], [1]]), multilabel=True)
    assert isinstance(found, Indicator)
    assert found.marks.shape == (2, 1)


def test_arguments_are_not_changed():
    y = np.array([[0, 1], [1, 1]], np.float32)
    read_labels(y).marks[0, 0] = 9
    assert y[0, 0] == 0


@pytest.mark.parametrize(
    ("y", "positions"),
    [
        (["a", None, "b", None], "1, 3"),
        ([1.0, float("nan")], "1"),
        (np.array([1.0, np.nan]), "1"),
        (Column(["a", np.nan], object), "1"),
        (["a", NAType()], "1"),
        (["", "a", "  "], "0, 2"),
        ([["a"], ["b", None]], "1"),
        ([None] * 9, "0, 1, 2, 3, 4 and 4 more"),
        (np.array([[0, None], [1, 1]], object), "0"),
    ],
)
def test_missing_labels_are_named(y, positions):
    with pytest.raises(
        InputError, match=f"a label for every text, got none at position {positions}.*"
    ):
        read_labels(y)


def test_a_missing_row_of_labels():
    with pytest.raises(InputError, match=r"got None at position 1 and a list at position 0.*\[\]"):
        read_labels([["a"], None])


def test_gaps_in_an_indicator():
    with pytest.raises(InputError, match=r"0s and 1s, got nan at row 1, column 0 \(1 such"):
        read_labels(np.array([[0, 1], [np.nan, 1]]))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", 3], "one type, got str at position 0 and int at position 1"),
        ([True, 2], "bool at position 0 and int at position 1"),
        ([["a"], [], ["b", 3]], "str at position 0 and int at position 2"),
        ([0.5, 1.0], "name a category, got 0.5 at position 0. Group numbers"),
        ([float("inf")], "got inf at position 0"),
        ([b"a"], r"text, whole numbers or bools, got bytes \(b'a'\) at position 0"),
        (np.array(["2024-01-01"], "datetime64[ns]"), "got datetime64"),
        ([1j], "got complex"),
        ([{"a": 1}], "got dict"),
        (["a", ["b"]], "got 'a' at position 0 and a list at position 1"),
        (np.array([[["a"]]]), r"got shape \(1, 1, 1\)"),
        (np.array("a"), r"got shape \(\)"),
        (np.array([[0, 2], [1, 0]]), r"0s and 1s, got 2 at row 0, column 1"),
        ([[[0, 1]], [[1]]], "got list"),
        ([np.zeros((2, 2)), [1]], "got list"),
        ("spam", "as a list or an array in the order of the texts, got str"),
        ({"a", "b"}, "got set"),
        ({"a": 1}, "got dict"),
        (None, "got NoneType"),
        (7, "got int"),
    ],
)
def test_what_is_no_label(y, message):
    with pytest.raises(InputError, match=message):
        read_labels(y)


def test_long_labels_are_cut_in_messages():
    assert show(["x" * 99]) == f"'{'x' * 38}…"
    assert show(["a", 1, True]) == "'a', 1, True"
