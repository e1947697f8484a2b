"""What is learned from and what is held out."""

import numpy as np
import pytest

from embedsvc.classify.examples import Examples, check_extra, check_texts, split_examples
from embedsvc.errors import InputError


def test_split_holds_out_a_share_of_each_label():
    arrays = {"targets": np.repeat([0, 1], [80, 20])}
    training, held = split_examples(["a"] * 100, arrays, fraction=0.1, seed=0)
    assert np.bincount(arrays["targets"][held]).tolist() == [8, 2]
    np.testing.assert_array_equal(np.sort(np.r_[training, held]), np.arange(100))


@pytest.mark.parametrize(("n", "fraction"), [(100, 0), (9, 0.5)])
def test_nothing_is_held_out(n, fraction):
    training, held = split_examples(
        ["a"] * n, {"targets": np.arange(n) % 2}, fraction=fraction, seed=0
    )
    assert (len(training), len(held)) == (n, 0)


def test_positions_of_held_out_texts():
    arrays = {"targets": np.arange(5)}
    split = Examples(["a"] * 5, arrays, np.array([0, 2, 4]), np.array([1, 3]), 5)
    given = Examples(["a"] * 5, arrays, np.array([0, 1, 2]), np.array([3, 4]), 3)
    assert split.was_split
    assert not given.was_split
    assert split.held_positions().tolist() == [1, 3]
    assert given.held_positions().tolist() == [0, 1]
    assert given.held_targets().tolist() == [3, 4]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one", "got one string"),
        ([], "at least one text"),
        (["a", None], "NoneType .* at position 1"),
        (["a", float("nan")], "float .nan. at position 1"),
    ],
)
def test_texts_refused(texts, message):
    with pytest.raises(InputError, match=message):
        check_texts(texts, "texts")


def test_extra_arrays_become_float32():
    extra = check_extra({"teacher": np.zeros((3, 2)), "group": [1, 2, 3]}, 3)
    assert extra["teacher"].dtype == np.float32
    assert extra["group"].dtype.kind == "i"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"targets": [1, 2, 3]}, "other names than"),
        ({"a": [1, 2]}, "for each of 3 texts, got int64 of shape \\(2,\\)"),
        ({"a": ["x", "y", "z"]}, "to hold numbers"),
        ({"a": 1}, "to hold numbers"),
    ],
)
def test_extra_refused(extra, message):
    with pytest.raises(InputError, match=message):
        check_extra(extra, 3)
