"""Labels to targets and probabilities back to labels."""

import numpy as np
import pytest

from embedsvc.classify.label_codec import LabelCodec, nearest_label
from embedsvc.errors import InputError

BINARY = LabelCodec("binary", ("ham", "spam"))
MULTICLASS = LabelCodec("multiclass", (2, 5, 10))
MULTILABEL = LabelCodec("multilabel", ("anger", "joy", "pride"))


def test_encode_one_label_a_text():
    found = BINARY.encode(["spam", "ham"])
    assert found.tolist() == [1, 0]
    assert found.dtype == np.int64
    assert MULTICLASS.encode(np.array([10.0, 2.0, 5.0])).tolist() == [2, 0, 1]
    assert LabelCodec("binary", (False, True)).encode([1, 0, 1]).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "y",
    [
        [["joy", "pride"], [], ["anger"]],
        [{"pride", "joy"}, set(), {"anger"}],
        [["joy", "pride", "joy"], (), ["anger"]],
        [[0, 1, 1], [0, 0, 0], [1, 0, 0]],
        np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]], bool),
    ],
)
def test_encode_any_number_of_labels(y):
    found = MULTILABEL.encode(y)
    assert found.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert found.dtype == np.float32


def test_encode_one_label_a_text_of_any_number():
    assert MULTILABEL.encode(["pride", "anger"]).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_lists_of_numbers_are_labels_unless_they_are_as_wide_as_an_indicator():
    codec = LabelCodec("multilabel", (0, 1, 2))
    assert codec.encode([[0, 1], [1, 0]]).tolist() == [[1, 1, 0], [1, 1, 0]]
    assert codec.encode([[0, 1, 0], [1, 0, 0]]).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_nothing_to_encode():
    assert BINARY.encode([]).shape == (0,)
    assert BINARY.encode([]).dtype == np.int64
    assert MULTILABEL.encode([]).shape == (0, 3)
    assert MULTILABEL.encode(np.zeros((0, 3))).shape == (0, 3)


def test_decode_one_label_a_text():
    values = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
    assert BINARY.decode(values).tolist() == ["spam", "ham"]
    assert BINARY.decode(values, [0.5, 0.4]).tolist() == ["spam", "spam"]
    assert BINARY.names(values) == [["spam"], ["ham"]]
    found = MULTICLASS.decode([[0.2, 0.1, 0.7]])
    assert found.tolist() == [10]
    assert found.dtype == np.int64
    assert LabelCodec("binary", (False, True)).decode(values).dtype == np.bool_
    assert [type(name) for (name,) in MULTICLASS.names([[0.2, 0.1, 0.7]])] == [int]


def test_decode_any_number_of_labels():
    values = np.array([[0.9, 0.6, 0.1], [0.1, 0.2, 0.3]], np.float32)
    found = MULTILABEL.decode(values)
    assert found.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert found.dtype == np.int64
    assert MULTILABEL.names(values) == [["anger", "joy"], []]
    assert MULTILABEL.names(values, [0.95, 0.5, 0.2]) == [["joy"], ["pride"]]


def test_nothing_to_decode():
    assert BINARY.decode(np.zeros((0, 2))).shape == (0,)
    assert MULTILABEL.decode(np.zeros((0, 3))).shape == (0, 3)
    assert MULTILABEL.names(np.zeros((0, 3))) == []


@pytest.mark.parametrize("codec", [BINARY, MULTICLASS, MULTILABEL])
def test_there_and_back(codec):
    y = [codec.labels[i % len(codec.labels)] for i in range(7)]
    targets = codec.encode(y)
    one_hot = np.eye(len(codec.labels))[targets] if targets.ndim == 1 else targets
    assert codec.names(one_hot) == [[label] for label in y]


def test_two_hundred_labels():
    codec = LabelCodec("multilabel", tuple(range(200)))
    y = [[i % 200, 7 * i % 200] for i in range(1000)]
    targets = codec.encode(y)
    assert targets.shape == (1000, 200)
    assert codec.names(targets) == [sorted(set(row)) for row in y]


@pytest.mark.parametrize(
    ("codec", "y", "message"),
    [
        (BINARY, ["ham", "spma", "eggs", "spma"], r"\('ham', 'spam'\), got 'spma', 'eggs' at "),
        (BINARY, ["ham", "spma", "eggs"], "position 1, 2. Did you mean 'spam'"),
        (MULTICLASS, [7], r"learned \(2, 5, 10\), got 7 at position 0. Leave"),
        (MULTICLASS, ["10"], "got '10' at position 0. Did you mean 10"),
        (MULTILABEL, [["joy"], ["joy", "sorrow"]], "got 'sorrow' at position 1"),
        (MULTILABEL, [[0, 1], [1, 1]], "got 0, 1 at position 0, 1"),
        (MULTILABEL, np.zeros((2, 4)), "an indicator with 3 columns, one a label, got 4"),
        (BINARY, [["ham"], ["spam"]], "Expected one label a text for task 'binary'"),
        (MULTICLASS, np.eye(3), r"y.argmax\(axis=1\)"),
        (BINARY, ["ham", None], "got none at position 1"),
    ],
)
def test_what_cannot_be_encoded(codec, y, message):
    with pytest.raises(InputError, match=message):
        codec.encode(y)


@pytest.mark.parametrize(
    ("codec", "values", "message"),
    [
        (MULTICLASS, [[0.5, 0.5]], r"shape \(n_texts, 3\)"),
        (MULTILABEL, [[0.5, np.nan, 0.5]], "got nan"),
        (BINARY, [[0.5, 0.9]], "add up to 1"),
    ],
)
def test_what_cannot_be_decoded(codec, values, message):
    with pytest.raises(InputError, match=message):
        codec.decode(values)
    with pytest.raises(InputError, match=message):
        codec.names(values)


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        ("triage", ("a", "b"), "Expected task to be"),
        ("auto", ("a", "b"), "got 'auto'"),
        ("binary", ("b", "a"), "sorted, without repeats and of one type, got 'b', 'a'"),
        ("multiclass", ("a", "a"), "without repeats"),
        ("multiclass", ("a", 1), "of one type"),
        ("multiclass", (0.5, 1.5), "of one type"),
        ("multilabel", (), "of one type"),
        ("binary", ("a", "b", "c"), "exactly 2 labels for task 'binary'"),
        ("binary", ("a",), "exactly 2 labels"),
        ("multiclass", ("a",), "at least 2 labels"),
    ],
)
def test_labels_that_make_no_codec(task, labels, message):
    with pytest.raises(InputError, match=message):
        LabelCodec(task, labels)


def test_the_nearest_label():
    assert nearest_label("1", (1, 2)) == 1
    assert nearest_label("prid", MULTILABEL.labels) == "pride"
    assert nearest_label("xyz", MULTILABEL.labels) is None
