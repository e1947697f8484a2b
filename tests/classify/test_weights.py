"""Weights of labels and texts: the formulas, and every bad weight by name."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from embedsvc.classify.label_codec import LabelCodec
from embedsvc.classify.weights import check_sample_weight, class_weights, example_weights
from embedsvc.errors import InputError

BINARY = LabelCodec("binary", ("ham", "spam"))
MULTICLASS = LabelCodec("multiclass", (1, 2, 30))
MULTILABEL = LabelCodec("multilabel", ("anger", "joy", "pride"))
TARGETS = np.array([0, 0, 0, 1, 2, 2])


def test_without_a_wish_all_weigh_one():
    found = class_weights(TARGETS, 3, None, codec=MULTICLASS)
    assert found.tolist() == [1, 1, 1]
    assert found.dtype == np.float64


def test_balanced_by_hand():
    found = class_weights(TARGETS, 3, "balanced", codec=MULTICLASS)
    np.testing.assert_allclose(found, [6 / (3 * 3), 6 / (3 * 1), 6 / (3 * 2)])
    # Every label then weighs the same, and a text 1 on average.
    totals = np.bincount(TARGETS, weights=found[TARGETS])
    np.testing.assert_allclose(totals, 2)


@pytest.mark.golden
def test_balanced_is_scikit_learns():
    found = class_weights(TARGETS, 3, "balanced", codec=MULTICLASS)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=TARGETS)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(
        example_weights(TARGETS, found, None), compute_sample_weight("balanced", TARGETS)
    )


def test_balanced_positive_weights_by_hand():
    targets = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]], np.float32)
    found = class_weights(targets, 3, "balanced", codec=MULTILABEL)
    assert found.tolist() == [3, 1, 1]  # 3 without and 1 with; none with; none without


def test_a_label_without_texts_weighs_one():
    found = class_weights(np.array([0, 0, 2]), 3, "balanced", codec=MULTICLASS)
    np.testing.assert_allclose(found, [3 / (3 * 2), 1, 3 / 3])


@pytest.mark.parametrize(
    ("codec", "spec", "expected"),
    [
        (BINARY, {"spam": 5}, [1, 5]),
        (BINARY, {"ham": 0, "spam": np.float32(2)}, [0, 2]),
        (BINARY, {}, [1, 1]),
        (MULTICLASS, {1: 2.0, 30: 0.5}, [2, 1, 0.5]),
        (MULTICLASS, {"1": 2.0, "30": 0.5}, [2, 1, 0.5]),
        (MULTICLASS, {np.int64(2): 3}, [1, 3, 1]),
        (LabelCodec("binary", (False, True)), {"true": 3}, [1, 3]),
        (LabelCodec("binary", (False, True)), {False: 3}, [3, 1]),
        (MULTILABEL, {"joy": 9.0}, [1, 9, 1]),
    ],
)
def test_weights_by_label(codec, spec, expected):
    before = dict(spec)
    found = class_weights(np.zeros(4, int), len(expected), spec, codec=codec)
    assert found.tolist() == expected
    assert spec == before


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("balance", "'balanced', None or weights by label, got 'balance'"),
        ([1, 2, 3], "'balanced', None or weights by label"),
        ({"pried": 2.0}, "got one for 'pried'. Did you mean 'pride'"),
        ({7: 2.0}, "labels 'anger', 'joy', 'pride', got one for 7. A label"),
        ({"joy": -1}, "0 or more, got -1 for 'joy'"),
        ({"joy": float("nan")}, "got nan for 'joy'"),
        ({"joy": float("inf")}, "got inf for 'joy'"),
        ({"joy": "2"}, "got '2' for 'joy'"),
        ({"joy": None}, "got None for 'joy'"),
        ({"anger": 0, "joy": 0.0, "pride": 0}, "got 0 for all of them"),
    ],
)
def test_bad_class_weights(spec, message):
    with pytest.raises(InputError, match=message):
        class_weights(np.zeros((2, 3)), 3, spec, codec=MULTILABEL)


def test_two_weights_for_one_label():
    with pytest.raises(InputError, match="got two for 1: 1 and '1'"):
        class_weights(TARGETS, 3, {1: 2, "1": 3}, codec=MULTICLASS)


def test_targets_of_another_kind():
    with pytest.raises(InputError, match="got 3 at position 0"):
        class_weights(np.array([3]), 3, "balanced", codec=MULTICLASS)
    with pytest.raises(InputError, match="Expected targets of shape"):
        class_weights(np.zeros((2, 4)), 3, "balanced", codec=MULTILABEL)


def test_the_weight_of_a_text():
    found = example_weights(TARGETS, [1, 2, 4], [1, 0, 3, 1, 0.5, 1])
    assert found.tolist() == [1, 0, 3, 2, 2, 4]
    assert found.dtype == np.float32
    assert example_weights(TARGETS, [1, 2, 4], None).tolist() == [1, 1, 1, 2, 4, 4]
    several = np.eye(3, dtype=np.float32)
    assert example_weights(several, [5, 5, 5], [1, 2, 3]).tolist() == [1, 2, 3]
    assert example_weights(several, [5, 5, 5], None).tolist() == [1, 1, 1]


def test_no_texts():
    assert example_weights(np.zeros(0, int), [1, 1], None).shape == (0,)
    assert check_sample_weight([], 0).shape == (0,)
    assert class_weights(np.zeros(0, int), 2, "balanced", codec=BINARY).tolist() == [1, 1]


@pytest.mark.parametrize(
    "weights",
    [[1, 0, 2.5], np.array([1, 0, 2.5], np.float16), np.array([1, 0, 2.5], object), (True, 0, 2.5)],
)
def test_sample_weights(weights):
    found = check_sample_weight(weights, 3)
    assert found.tolist() == [1, 0, 2.5]
    assert found.dtype == np.float32


def test_sample_weights_are_a_copy():
    weights = np.ones(3, np.float32)
    check_sample_weight(weights, 3)[0] = 9
    assert weights.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"3 numbers, one a text, got shape \(2,\)"),
        (1.0, r"got shape \(\)"),
        ([[1], [1], [1]], r"got shape \(3, 1\)"),
        ([1, -2, -3], "0 or more, got -2 at position 1, 2"),
        ([1, 2, np.nan], "got nan at position 2"),
        ([1, None, 2], "got None at position 1"),
        ([np.inf, 1, 2], "got inf at position 0"),
        ([1e39, 1, 2], r"got 1e\+39 at position 0"),
        (["1", "2", "3"], "got '1' at position 0, 1, 2"),
        ([0, 0, 0], "above 0 for some text, got 0 for all 3"),
        ([1e-60, 0, 0], "above 0 for some text"),
    ],
)
def test_bad_sample_weights(weights, message):
    with pytest.raises(InputError, match=message):
        check_sample_weight(weights, 3)


def test_sample_weights_of_uneven_rows():
    with pytest.raises(InputError, match="sample_weight to be an array, got nested rows"):
        check_sample_weight([[1], [1, 2], [3]], 3)
